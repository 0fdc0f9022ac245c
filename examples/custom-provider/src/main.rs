//! Operetta with one more voice. `serve`, `call`, `providers`, `doctor` and all the rest are as they were:
//!
//! ```sh
//! cargo run -p custom-provider --bin mynah-api                                       # the vendor, on port 7070
//! cargo run -p custom-provider -- serve --config examples/custom-provider/mynah.toml # the engine, in another terminal
//! cargo run -p custom-provider -- call                                               # a caller, in a third one
//! ```

use std::process::ExitCode;

use custom_provider::Mynah;
use operetta_server::providers::Guests;

fn main() -> ExitCode {
    // The name of the entry in the configuration, `[providers.mynah]`, and how to make a vendor of what it says.
    operetta_server::cli::run_with(Guests::default().speaks("mynah", Mynah::new))
}
