//! Runnable tours. The tours themselves are the examples of this package; there is nothing to import.
