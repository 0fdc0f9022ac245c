//! The short form of `make bench`: it runs, and frames pass both ways. What it costs is not judged here.

use std::process::Command;

#[test]
fn every_server_of_the_bench_takes_calls_and_passes_frames() {
    let run = Command::new(env!("CARGO_BIN_EXE_bench")).arg("--short").output().unwrap();
    let (out, errors) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}\n{errors}");
    for server in ["echo", "bridge", "gate", "silero", "recorded"] {
        let row = out
            .lines()
            .find(|line| line.split_whitespace().next() == Some(server))
            .unwrap_or_else(|| panic!("no {server}: {out}"));
        let columns: Vec<&str> = row.split_whitespace().collect();
        let per_second = |column: usize| columns[column].parse::<f64>().unwrap();
        assert_eq!(columns[1], "10", "{row}");
        assert!(per_second(4) > 0.0 && per_second(5) > 0.0, "no frames: {row}");
        assert!(columns.contains(&"10/10"), "calls that were cut short: {row}");
    }
}
