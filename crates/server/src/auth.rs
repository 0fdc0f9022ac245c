//! How carriers prove who they are, and how a stream proves which call it belongs to.

mod exotel;
mod token;
mod twilio_signature;

pub use exotel::{ExotelKeys, Shown};
pub use token::StreamToken;
pub use twilio_signature::{Signed, TwilioKeys};
