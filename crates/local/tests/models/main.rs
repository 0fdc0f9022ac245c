//! The embedded engines with their real models. They run wherever the models are (`make models`) and fail plainly where
//! they are not.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;
mod conversation;
mod speech;
mod voice_activity;
mod workers;
