//! A provider that is not in Operetta, brought by a program of one's own. [`Mynah`] is the codec: that file is what to copy.

mod mynah;

pub use mynah::Mynah;
