//! server

pub mod cli;
pub mod config;
mod guard;
pub mod leg;
