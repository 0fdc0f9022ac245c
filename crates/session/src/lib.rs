//! The call actor: it feeds inputs to the call machine, performs its effects and decides nothing.
//!
//! A [`Lane`] is one thread with its desks and counters. [`CallActor::open`] takes a [`Leg`], which is a socket seen as
//! two channels and a kill switch, and lives until the leg has ended. [`Admission`], one for all lanes, lets calls in.

mod actor;
mod admission;
mod agent;
mod alarm;
mod allowance;
mod clips;
mod ears;
mod lane;
mod leg;
mod mouth;
mod phrases;
mod tally;
mod tape;
mod tools;
mod warmer;

pub use actor::{Arrival, CallActor};
pub use admission::{
    Admission, Admit, Admitted, CallPermit, CountCalls, Grant, Granted, Proof, StopAdmitting, TokenDigest,
};
pub use agent::{Agent, Agents};
pub use lane::{Casting, Desks, Lane, LaneParts};
pub use leg::{FromLeg, KillSwitch, Leg, ToLeg};
pub use tally::{Counter, Gauge, Histogram, Tally};
