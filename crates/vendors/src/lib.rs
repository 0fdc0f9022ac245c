//! Providers: one pure file each.
//!
//! A file says how a job is written in one vendor's API and how its replies are read; it opens no socket, reads no clock and
//! knows no other vendor. [`HttpVendor`](operetta_contract::HttpVendor) and [`DuplexVendor`](operetta_contract::DuplexVendor)
//! are what it implements; the workers do the rest. What several APIs share, and no vendor owns, is in [`shape`].
//!
//! Model ids stand in the configuration and never here: they are shut down faster than engines are released.

pub mod llm;
pub mod realtime;
pub mod shape;
pub mod stt;
pub mod tts;
