//! Calls that end in every way there is leave nothing behind.

use std::time::Duration;

use operetta_tests::{
    engine::Setup,
    soak::{Waves, soak},
    turn,
};

#[test]
fn three_hundred_calls_leave_nothing_behind() {
    let _turn = turn::alone();
    let engine = Setup::new().var("OPERETTA__LOG__LEVEL", "warn").start();
    engine.until_warm();
    let waves = Waves {
        waves: 4,
        calls: 75,
        parallel: 75,
        per_second: 50.0,
        deaths_within: Duration::from_secs(3),
        patience: Duration::from_secs(10),
    };
    let table = soak(&engine, &waves, |wave| println!("{wave}"));
    for wave in &table {
        assert_eq!(wave.report.good, wave.report.calls, "wave {}: {:?}", wave.number, wave.report.failures);
        assert!(wave.quiet_after <= Duration::from_secs(1), "wave {}: {:?}", wave.number, wave.quiet_after);
        assert_eq!(wave.panics, 0);
    }
    // The first wave opens what stays open: keep-alive, the runtime's own.
    assert_eq!(table[3].fds, table[1].fds, "descriptors: {:?}", table.iter().map(|wave| wave.fds).collect::<Vec<_>>());
    let grown = table[3].rss_kib.saturating_sub(table[1].rss_kib);
    assert!(grown < 20_000, "150 calls grew memory by {grown} KiB");
}
