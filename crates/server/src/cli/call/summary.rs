use std::{collections::BTreeMap, fmt::Write as _};

use operetta_caller::{LoadReport, Spread};
use owo_colors::Style;

use super::show::Paint;

/// The figures of a load as a table, lines ended by newlines.
pub(super) fn of_load(report: &LoadReport, paint: Paint) -> String {
    let mut out = String::new();
    let failed = report.calls - report.good;
    let style = if failed == 0 { Style::new().green() } else { Style::new().red() };
    let good = paint.with(style, &format!("{} good · {failed} failed", report.good));
    let seconds = report.wall_ms / 1000.0;
    // Writing to a String cannot fail.
    let _ok =
        writeln!(out, "\n  {} calls     {good} · at most {} at a time · {seconds:.1} s", report.calls, report.peak);
    let _ok = writeln!(out, "  {:<13} {:>8} {:>9} {:>9} {:>9} {:>9}", "ms", "count", "p50", "p90", "p99", "max");
    let rows: [(&str, &Spread); 7] = [
        ("webhook", &report.webhook),
        ("connect", &report.connect),
        ("first audio", &report.first_audio),
        ("first sound", &report.first_sound),
        ("answer", &report.answer),
        ("barge-in stop", &report.barge_in),
        ("clock late", &report.late),
    ];
    for (name, spread) in rows.into_iter().filter(|(_, spread)| spread.count() > 0) {
        let (p50, p90, p99) = (spread.at(0.5), spread.at(0.9), spread.at(0.99));
        let _ok =
            writeln!(out, "  {name:<13} {:>8} {p50:>9.1} {p90:>9.1} {p99:>9.1} {:>9.1}", spread.count(), spread.max());
    }
    let underruns = report.underruns;
    if underruns.count > 0 {
        let _ok = writeln!(
            out,
            "  {:<13} {} gaps, {} ms in all, longest {} ms",
            "underruns", underruns.count, underruns.total_ms, underruns.longest_ms
        );
    }
    tally(&mut out, "ends", &report.ends);
    tally(&mut out, "deaths", &report.deaths);
    tally(&mut out, "violations", &report.violations);
    tally(&mut out, "failures", &report.failures);
    out
}

fn tally<K: std::fmt::Display>(out: &mut String, name: &str, counts: &BTreeMap<K, u64>) {
    if counts.is_empty() {
        return;
    }
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    let _ok = writeln!(out, "  {name:<13} {}", counts.join(" · "));
}

#[cfg(test)]
mod tests {
    use super::of_load;
    use crate::cli::call::show::Paint;
    use operetta_caller::LoadReport;

    #[test]
    fn only_what_happened_is_listed() {
        let mut report = LoadReport { calls: 3, good: 2, peak: 3, wall_ms: 1500.0, ..LoadReport::default() };
        report.ends.insert("hung_up", 3);
        report.failures.insert("no greeting".to_owned(), 1);
        let text = of_load(&report, Paint::for_terminal(Some("1")));
        assert!(text.contains("3 calls     2 good · 1 failed · at most 3 at a time · 1.5 s"), "{text}");
        assert!(text.contains("hung_up 3") && text.contains("no greeting 1"), "{text}");
        assert!(!text.contains("webhook") && !text.contains("deaths"), "{text}");
    }
}
