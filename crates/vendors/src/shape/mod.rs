//! What several APIs have in common and no vendor owns.
