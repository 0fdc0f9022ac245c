//! The call actor: it feeds inputs to the call machine, performs its effects and decides nothing.

mod leg;

pub use leg::{FromLeg, KillSwitch, Leg, ToLeg};
