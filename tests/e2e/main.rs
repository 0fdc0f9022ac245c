//! Calls from end to end: the real binary, real sockets, real speech.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what tests share panics as they do")]
#![expect(clippy::print_stdout, reason = "figures, for whoever runs this with --nocapture")]

mod agents;
mod barge_in;
mod bounds;
mod drain;
mod first_audio;
mod first_call;
mod fixtures;
mod killed;
mod leaks;
mod logs;
mod providers;
mod scrape;
mod security;
mod webhooks;
