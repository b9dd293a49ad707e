//! Lock files: what pip may be asked to install.
//!
//! pip reads options in a requirements file too, and some of them undo what the command line asks for: `--no-binary` runs the build script of a package,
//! and the packages which that asks for are not locked; `--index-url`, `-r` and addresses fetch from somewhere else. A lock needs none of it, so each
//! requirement must be `name==version`, perhaps with a marker, and hashes.

/// Checks a lock.
///
/// # Errors
/// The first line that is no locked requirement, and what is allowed.
pub fn check(text: &str) -> Result<(), String> {
    let mut requirement = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        // pip takes what follows ` #` for a comment, also at the begin of a line.
        let line =
            if line.trim_start().starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default() };
        let (part, goes_on) = match line.trim_end().strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        requirement.push_str(part);
        requirement.push(' ');
        if !goes_on {
            let whole = std::mem::take(&mut requirement);
            if !whole.trim().is_empty() && !is_locked(&whole) {
                return Err(format!(
                    "line {number} ends `{}`, but a lock holds only `name==version` with `--hash=sha256:…`",
                    crate::guard::text::cut(whole.trim(), 200)
                ));
            }
        }
    }
    if requirement.trim().is_empty() { Ok(()) } else { Err("its last line is cut off".to_owned()) }
}

fn is_locked(requirement: &str) -> bool {
    let (what, hashes) = match requirement.find(" --hash=") {
        Some(begin) => requirement.split_at(begin),
        None => return false,
    };
    let is_hash = |word: &str| {
        let digits = word.strip_prefix("--hash=sha256:");
        digits.is_some_and(|d| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let (package, marker) = what.split_once(';').unwrap_or((what, ""));
    let name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+!".contains(c))
    };
    let extras = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.,".contains(c));
    let is_package = package.trim().split_once("==").is_some_and(|(package, version)| {
        let (package, of_it) = package.split_once('[').unwrap_or((package, "]"));
        name(package) && of_it.strip_suffix(']').is_some_and(extras) && name(version)
    });
    let is_marker = !marker.contains("--") && !marker.contains("://");
    is_package && is_marker && hashes.split_whitespace().all(is_hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "--hash=sha256:7fda9eb655c9c230dab534f1983763de5835249750e85fbcef43aaa30a9a2414";

    #[test]
    fn what_lock_files_hold_is_allowed() {
        let shipped = include_str!("../../python_adapters/scikit-learn/requirements.lock");
        assert_eq!(check(shipped), Ok(()));
        let text = format!(
            "# made by hand\n\na-b.c[x,y]==1.0+cpu ; python_full_version < '3.12' \\\n    {HASH} \\\n    {HASH}\n# end\n"
        );
        assert_eq!(check(&text), Ok(()));
        assert_eq!(check(&format!("a==1 {HASH}  # via b")), Ok(()));
        assert_eq!(check(""), Ok(()));
    }

    #[test]
    fn what_could_run_or_fetch_something_else_is_refused() {
        for line in [
            "--no-binary :all:",
            "--index-url http://elsewhere/simple",
            "-i http://elsewhere",
            "-r other.txt",
            "-e .",
            "a==1",
            "a",
            "./folder",
            &format!("a @ https://elsewhere/a.whl {HASH}"),
            &format!("https://elsewhere/a.whl {HASH}"),
            &format!("./a-1.whl {HASH}"),
            &format!("a>=1 {HASH}"),
            &format!("a==1 --config-settings=x=y {HASH}"),
            &format!("a==1 {HASH} --no-binary=a"),
            &format!("a==1 {HASH} \\\n--global-option=x"),
            &format!("a==1 ; python_version > '3' --no-binary a {HASH}"),
            "a==1 --hash=md5:0123456789abcdef0123456789abcdef",
            &format!("-a==1 {HASH}"),
        ] {
            let message = check(line).unwrap_err();
            assert!(message.contains("a lock holds only"), "{line}: {message}");
        }
        assert!(check(&format!("a==1 {HASH} \\")).unwrap_err().contains("cut off"));
    }
}
