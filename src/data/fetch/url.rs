//! A file at an address that a spec names: downloaded once with Python's standard library, checked against the SHA-256 that the spec names beside
//! it, kept by that hash. Python is there for the Python side anyway, and knows proxies and certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::python;
use crate::data::error::DataError;
use crate::files::{Lock, sha256, write_atomic};
use crate::guard;
use crate::guard::file::LARGEST_DATA;

/// Downloads address, file and limit from its arguments. `-I` keeps the user's modules out.
const CODE: &str = r#"
import sys, urllib.request
address, place, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    with urllib.request.urlopen(address, timeout=60) as response, open(place, "wb") as file:
        while block := response.read(1 << 20):
            limit -= len(block)
            if limit < 0:
                sys.exit("it is larger than the limit")
            file.write(block)
except (OSError, ValueError) as error:
    sys.exit(str(error))
"#;

/// Whether a text is an address from which is downloaded: with `http` or `https`, and nothing that a program would take for an option or a new line.
pub fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// Whether a text is a SHA-256 as they are written here.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
}

/// Whether the cache has a file with this hash, without reading it.
pub fn is_kept(sha256: &str, cache: &Path) -> bool {
    place(sha256, cache).is_file()
}

fn place(sha256: &str, cache: &Path) -> PathBuf {
    cache.join("data").join(sha256)
}

/// The content at an address, which has this hash.
///
/// # Errors
/// The address or the hash is none, Python is missing, the download fails, or what comes has another hash.
pub fn url(
    url: &str,
    expected: &str,
    cache: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<Vec<u8>, DataError> {
    let failed = |problem: String| DataError::Url { url: url.to_owned(), problem };
    if !is_address(url) || !is_sha256(expected) {
        return Err(failed("it needs an address with http or https, and its SHA-256".to_owned()));
    }
    let kept = place(expected, cache);
    let lock = kept.with_extension("lock");
    let _lock = Lock::wait(&lock).map_err(DataError::io("lock", &lock))?;
    if let Ok(bytes) = guard::file::read(&kept, LARGEST_DATA)
        && sha256(&bytes) == expected
    {
        return Ok(bytes);
    }
    report(&format!("downloading {url}"));
    let folder = cache.join("data");
    let temporary = tempfile::tempdir_in(&folder).map_err(DataError::io("create a folder in", &folder))?;
    let downloaded = temporary.path().join("download");
    let client = python();
    let output = Command::new(&client)
        .env_clear()
        .envs(guard::environment::of_downloads())
        .args(["-I", "-c", CODE, url])
        .arg(&downloaded)
        .arg(LARGEST_DATA.to_string())
        .current_dir(temporary.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|source| DataError::NoClient { client, package: url.to_owned(), source })?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(failed(messages.lines().last().unwrap_or("Python said nothing").to_owned()));
    }
    let bytes = fs::read(&downloaded).map_err(DataError::io("read", &downloaded))?;
    let found = sha256(&bytes);
    if found != expected {
        return Err(DataError::HashMismatch { what: url.to_owned(), expected: expected.to_owned(), found });
    }
    write_atomic(&kept, &bytes).map_err(DataError::io("write", &kept))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers so many requests with the same text, and says where.
    fn serve(requests: usize, status: &'static str, content: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/set.txt", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().take(requests) {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]).unwrap();
                let head = format!("HTTP/1.0 {status}\r\nContent-Length: {}\r\n\r\n{content}", content.len());
                stream.write_all(head.as_bytes()).unwrap();
            }
        });
        url
    }

    #[test]
    fn a_file_is_downloaded_once_and_only_with_its_hash() {
        let cache = tempfile::tempdir().unwrap();
        let hash = sha256(b"hello");
        let address = serve(1, "200 OK", "hello");
        let mut lines = Vec::new();
        for _ in 0..2 {
            let bytes = url(&address, &hash, cache.path(), &mut |line| lines.push(line.to_owned())).unwrap();
            assert_eq!(bytes, b"hello");
        }
        assert_eq!(lines, [format!("downloading {address}")]);
        assert!(is_kept(&hash, cache.path()));

        let message = |address: &str, hash: &str| {
            url(address, hash, cache.path(), &mut |_| ()).unwrap_err().to_string()
        };
        let other = sha256(b"hallo");
        let address = serve(1, "200 OK", "hello");
        assert_eq!(message(&address, &other), format!("{address} has SHA-256 {hash}, but {other} is pinned"));
        assert!(!is_kept(&other, cache.path()));
        let address = serve(1, "404 Not Found", "");
        assert_eq!(
            message(&address, &other),
            format!("{address} could not be downloaded: HTTP Error 404: Not Found")
        );
        for (address, hash) in
            [("file:///etc/passwd", other.as_str()), ("https://x/y", "../../etc"), ("-c", &other)]
        {
            let told = "it needs an address with http or https, and its SHA-256";
            assert_eq!(message(address, hash), format!("{address} could not be downloaded: {told}"));
        }
    }
}
