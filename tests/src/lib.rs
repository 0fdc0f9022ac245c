//! What the tests of the whole house share: the engine as a process of its own, and the ways to reach it from outside.
//!
//! The engine is the real binary, driven over real sockets. Nothing here looks inside it: what is known about it comes from
//! its exit code, its output, its files, its metrics and the wire.
//!
//! Everything here panics where a test would: with what was expected and what came.
#![expect(clippy::expect_used, reason = "a harness panics for its tests")]

pub mod chaos;
pub mod conformance;
pub mod engine;
pub mod http;
pub mod metrics;
pub mod people;
pub mod program;
pub mod soak;
pub mod socket;
pub mod turn;
pub mod wav;
pub mod webhooks;
