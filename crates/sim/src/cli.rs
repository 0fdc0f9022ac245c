//! The commands of the theatre.

mod histories;

pub(crate) use histories::Histories;
