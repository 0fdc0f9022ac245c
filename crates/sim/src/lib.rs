//! The test theatre: worlds that are worse than the real one, played by seeded dice.

pub mod histories;
#[cfg(feature = "theatre")]
pub mod theatre;
#[cfg(feature = "theatre")]
pub mod vendors;
#[cfg(feature = "theatre")]
pub mod yardsticks;
