//! The command line, one file per subcommand.

pub mod call;
pub mod check_config;
