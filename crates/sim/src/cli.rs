//! The commands of the theatre.

mod histories;
#[cfg(feature = "theatre")]
mod vendors;

pub(crate) use histories::Histories;
#[cfg(feature = "theatre")]
pub(crate) use vendors::Vendors;
