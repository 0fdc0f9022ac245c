//! Who may use the machine: most tests at the same time as others, those that measure alone.

use std::{env::temp_dir, fs::File, process};

/// The right to run, given back when dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

/// Waits until no test runs that wants to be alone.
pub fn together() -> Turn {
    let file = open();
    file.lock_shared().expect("a lock can be had");
    Turn(file)
}

/// Waits until no other test runs, and holds them back.
pub fn alone() -> Turn {
    let file = open();
    file.lock().expect("a lock can be had");
    Turn(file)
}

/// Tests of one process are threads of it; other processes do not matter.
fn open() -> File {
    let path = temp_dir().join(format!("operetta-tests-{}.lock", process::id()));
    File::options().create(true).truncate(false).write(true).open(path).expect("a file can be made")
}
