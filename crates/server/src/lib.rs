//! The engine itself: configuration, wiring, the carriers' routes, the leg, the operators' listener, the command line.

pub mod auth;
mod banner;
mod cast;
pub mod cli;
pub mod config;
mod guard;
pub mod leg;
pub mod logging;
pub mod metrics;
pub mod providers;
pub mod routes;
pub mod serve;
mod wiring;
