//! Seeds that are derived, never drawn: the same parts give the same seed on every machine.

use sha2::{Digest, Sha256};

/// A seed from some parts: the first eight bytes (little-endian) of the SHA-256 of the parts, each preceded by its length.
pub fn seed(parts: &[&str]) -> u64 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let hash: [u8; 32] = digest.finalize().into();
    u64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
}

#[cfg(test)]
mod tests {
    use super::seed;

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(seed(&["ab", "c"]), seed(&["a", "bc"]));
        assert_eq!(seed(&["42", "case", "7"]), seed(&["42", "case", "7"]));
    }
}
