//! Data: where it comes from, how it is decoded, and the bundles that every trial reads.
