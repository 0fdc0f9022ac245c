//! Calls through ill providers, and what their callers heard.
//!
//! Two [theatres](operetta_sim::theatre) stand in for the providers: the first one falls ill, the second one is well. Every
//! agent lists a provider of the first before one of the second, for each role; [`cast`] says which.
//!
//! What is measured is measured from outside: what callers heard, sample by sample ([`hearing`]), how their calls ended, and
//! what the engine says of itself ([`round`]).

pub mod cast;
pub mod figures;
pub mod hearing;
pub mod plays;
pub mod round;
pub mod shaky;
pub mod stage;
