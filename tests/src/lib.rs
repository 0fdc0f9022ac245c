//! Tests of the whole house. The tests themselves are the targets of this package; there is nothing to import.
