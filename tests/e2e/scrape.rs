//! What operators see.

use operetta_tests::{engine::Setup, http, metrics::Metrics, turn};

#[test]
fn every_histogram_can_be_summed_up() {
    let _turn = turn::together();
    let engine = Setup::new().start();
    assert_eq!((engine.admin("/health").status, engine.admin("/ready").status), (200, 200));
    // Requests have a histogram from the first one on.
    assert_eq!(http::get(engine.carriers(), "/exotel/voicebot?CallSid=c1").status, 200);
    let text = engine.admin("/metrics").body;
    assert!(text.ends_with("# EOF\n"), "OpenMetrics says where it ends");
    let metrics = Metrics::read(&text);
    let histograms: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram")).collect();
    assert!(histograms.len() > 7, "{histograms:?}");
    for name in histograms {
        // Without a bucket for everything above the bounds, no quantile can be computed.
        let all = metrics.sum(&format!("{name}_bucket"), &[("le", "+Inf")]);
        let count = metrics.sum(&format!("{name}_count"), &[]);
        assert!((all - count).abs() < f64::EPSILON, "{name}: {all} in all buckets, {count} counted");
    }
    let timers = metrics.count("operetta_arbiter_lag_seconds_bucket", &[("le", "+Inf")]);
    assert!(timers > 0, "the lanes' clocks are looked at");
}
