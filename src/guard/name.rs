//! Names that become files and folders.

/// The longest name: file systems allow 255 bytes, and what is made from a name (`<id>.log`) is a little longer.
const LONGEST: usize = 200;

/// Whether a text may name a file or folder: ASCII letters, digits, `-`, `_` and `.`, neither hidden nor mistaken for an option. Such a name
/// cannot leave its folder, whatever it is joined to.
pub fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=LONGEST).contains(&name.len()) && !name.starts_with(['.', '-']) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for name in ["classical", "20260801T101112-0a1b2c", "0a1b-b001-rust-linfa-r1", "a.b", "_x"] {
            assert!(is_plain(name), "{name}");
        }
        let long = "x".repeat(201);
        for name in
            ["", ".", "..", "../x", "/etc", "a/b", "a\\b", ".hidden", "-rf", "a\0b", "a b", "ä", &long]
        {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
