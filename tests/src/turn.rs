//! Who may use the machine: most tests at the same time as others, those that measure alone.

use std::{env::current_exe, fs::File};

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

/// The lock is on the program itself: nothing has to be made for it, and nothing is left behind.
fn open() -> File {
    let path = current_exe().expect("the running program has a path");
    File::open(path).expect("a running program can be read")
}
