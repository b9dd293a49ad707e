//! The variables that a process which benchrun starts gets to see: those on a list, and no others.
//!
//! Tokens and passwords often live in variables. A worker, and an interpreter that may run code of an installed package when it starts (`.pth` files do),
//! gets the few that programs need to work; pip and npm get their own configuration and what a network needs besides, since it downloads.

use std::ffi::{OsStr, OsString};

/// What every program needs: where programs, the home folder and temporary files are, and the language of texts.
pub const PLAIN: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"];

/// What a download needs: proxies and certificates, in both spellings that are in use, and where the clients' configuration is. Beside it everything that
/// begins with [`PREFIXES`].
const OF_DOWNLOADS: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NETRC",
    "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_CACHE_HOME",
];

/// How the variables of pip and npm begin.
const PREFIXES: &[&str] = &["PIP_", "npm_config_", "NPM_CONFIG_"];

/// The variables of a program that needs none of its own.
pub fn plain() -> Vec<(OsString, OsString)> {
    of_user(|name| PLAIN.iter().any(|p| name == *p))
}

/// The variables of a registry's client.
pub fn of_downloads() -> Vec<(OsString, OsString)> {
    let is_own = |name: &OsStr| PREFIXES.iter().any(|p| name.as_encoded_bytes().starts_with(p.as_bytes()));
    of_user(|name| PLAIN.iter().chain(OF_DOWNLOADS).any(|p| name == *p) || is_own(name))
}

fn of_user(is_passed: impl Fn(&OsStr) -> bool) -> Vec<(OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| is_passed(name)).collect()
}
