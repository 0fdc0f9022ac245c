//! Where the programs under test are, built from what is on disk now.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The binary `operetta` of the profile that the running program was built with.
///
/// `cargo test` builds the binaries of the package under test only, so the first caller has it built; where it is fresh that
/// takes below a second. The target selection is that of `make test`, so that no dependency is built a second time with
/// other features.
pub fn operetta() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let here = std::env::current_exe().expect("the running program has a path");
        let here = here.parent().expect("it is in a folder");
        let is_test = here.ends_with("deps");
        let folder = if is_test { here.parent().expect("deps is in the profile's folder") } else { here };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--bin", "operetta"]).current_dir(workspace());
        // A test target turns the features of development dependencies on, as they are for whoever runs this test. A program is
        // built together with the engine, and dependencies have the features that both want.
        let ours = &["-p", "operetta-server", "-p", "operetta-tests"][..];
        cargo.args(if is_test { &["--workspace", "--test", "tidy"][..] } else { ours });
        cargo.arg("--target-dir").arg(folder.parent().expect("the profile's folder is in the target folder"));
        match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") => {}
            Some(profile) => drop(cargo.args(["--profile", profile])),
            None => panic!("{} names no profile", folder.display()),
        }
        let built = cargo.status().expect("cargo can be started");
        assert!(built.success(), "operetta cannot be built: {built}");
        folder.join("operetta")
    })
}

/// The engine with the fake providers of `src/bin/operetta-fakes.rs`, built beside this package's tests.
pub fn fakes() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let here = std::env::current_exe().expect("the running program has a path");
        let folder = here.ancestors().skip(1).find(|folder| folder.join("operetta-fakes").is_file());
        folder.expect("cargo builds a package's programs before its tests").join("operetta-fakes")
    })
}

/// The root of the checkout.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
