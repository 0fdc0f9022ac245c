use std::io::{self, Write};

use crate::phase::{Row, Shape};

/// The columns: two lines of heading, and a width.
const COLUMNS: [(&str, &str, usize); 13] = [
    ("server", "", 8),
    ("calls", "", 5),
    ("CPU ms", "/call-s", 7),
    ("bridge", "x", 6),
    ("frames", "in/s", 6),
    ("frames", "out/s", 6),
    ("bridge", "x /frame", 8),
    ("echo", "x", 5),
    ("KiB RSS", "/call", 7),
    ("core", "ours %", 6),
    ("core", "others %", 8),
    ("callers", "late, ms", 8),
    ("calls", "whole", 7),
];

pub(crate) fn head(out: &mut impl Write, shape: &Shape) -> io::Result<()> {
    let pinned = if shape.pinned { "server on core 0, load on core 1" } else { "not pinned" };
    writeln!(out, "{} s measured per row, {pinned}", shape.measure_ms / 1000)?;
    line(out, &COLUMNS.map(|(first, _, _)| first.to_owned()), "threads,")?;
    line(out, &COLUMNS.map(|(_, second, _)| second.to_owned()), "CPU ms/call-s")
}

pub(crate) fn row(out: &mut impl Write, row: &Row, bridge: Option<&Row>, echo: Option<&Row>) -> io::Result<()> {
    let call_seconds = |row: &Row| row.calls as f64 * row.usage.wall.as_secs_f64();
    let per_second = |row: &Row| row.usage.cpu_ms() / call_seconds(row);
    let per_frame = |row: &Row| per_second(row) / (row.heard + row.said);
    let ratio = |to: Option<&Row>, cost: &dyn Fn(&Row) -> f64| {
        to.map_or_else(|| "-".to_owned(), |to| format!("{:.2}", cost(row) / cost(to)))
    };
    let (ours, busy) = (row.usage.share(), row.usage.core_busy);
    let mut threads: Vec<_> = row.usage.threads.iter().collect();
    threads.sort_by_key(|(_, ran)| std::cmp::Reverse(**ran));
    let threads: Vec<_> = threads
        .iter()
        .map(|(name, ran)| (name, ran.as_secs_f64() * 1000.0 / call_seconds(row)))
        .filter(|(_, ms)| *ms >= 0.005)
        .map(|(name, ms)| format!("{name} {ms:.2}"))
        .collect();
    let values = [
        row.kind.to_string(),
        row.calls.to_string(),
        format!("{:.3}", per_second(row)),
        ratio(bridge, &per_second),
        format!("{:.1}", row.heard),
        format!("{:.1}", row.said),
        ratio(bridge, &per_frame),
        ratio(echo, &per_second),
        format!("{:.1}", row.rss_per_call / 1024.0),
        format!("{:.0}", ours * 100.0),
        format!("{:.0}", (busy - ours).max(0.0) * 100.0),
        format!("{:.1}", row.tally.late_p99_ms),
        format!("{}/{}", row.tally.whole, row.tally.calls),
    ];
    line(out, &values, &threads.join(", "))?;
    out.flush()
}

pub(crate) fn foot(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "A row counts where the core was neither full (ours near 100 %: frames then wait and go together, which is cheaper) \
         nor shared (others), and where callers were less than a frame late."
    )
}

fn line(out: &mut impl Write, words: &[String; COLUMNS.len()], threads: &str) -> io::Result<()> {
    for (word, (_, _, width)) in words.iter().zip(COLUMNS) {
        write!(out, "{word:>width$} ")?;
    }
    writeln!(out, " {threads}")
}
