//! What the engine says of itself, read from its exposition.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Clone, Debug)]
pub struct Metrics(Vec<Series>);

#[derive(Clone, Debug)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Reads the text exposition. Lines that are no samples are skipped.
    pub fn read(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(series).collect())
    }

    /// The sum of all series of `name` that have `labels`; 0 when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).map(|series| series.value).sum()
    }

    /// The sum of all series of `name` that have `labels`, and whose label `label` begins with `prefix`.
    pub fn count_where(&self, name: &str, labels: &[(&str, &str)], label: &str, prefix: &str) -> u64 {
        let begins = |series: &&Series| series.labels.get(label).is_some_and(|value| value.starts_with(prefix));
        self.all(name, labels).filter(begins).map(|series| series.value).sum::<f64>() as u64
    }

    /// [`Self::sum`] as the count it is.
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.sum(name, labels) as u64
    }

    /// How many calls ended for `reason`.
    pub fn ended(&self, reason: &str) -> u64 {
        self.count("operetta_calls_ended_total", &[("reason", reason)])
    }

    /// How many jobs were ever asked of providers, by what became of them, and those still open.
    pub fn jobs(&self) -> u64 {
        self.count("operetta_jobs_total", &[]) + self.count(JOBS_OPEN, &[])
    }

    /// Whether nothing is left of any call: no call, no call actor, no job, no socket. Whoever renders phrases ahead of time
    /// has a job of their own.
    pub fn is_quiet(&self) -> bool {
        let warmers = self.sum("operetta_actor_instances", &[("actor", "warmer")]);
        LIVE.iter().all(|(name, labels)| self.sum(name, labels) == 0.0) && self.sum(JOBS_OPEN, &[]) <= warmers
    }

    /// What is left of calls, for people.
    pub fn live(&self) -> String {
        let live = LIVE.iter().flat_map(|(name, labels)| self.all(name, labels));
        let rows = live.chain(self.all(JOBS_OPEN, &[])).filter(|series| series.value != 0.0);
        rows.map(|series| format!("  {} {:?} {}", series.name, series.labels, series.value))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Open file descriptors of the engine.
    pub fn fds(&self) -> u64 {
        self.count("process_open_fds", &[])
    }

    /// Resident memory of the engine, in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.count("process_resident_memory_bytes", &[]) / 1024
    }

    fn all<'a>(&'a self, name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Series> {
        let has =
            |series: &Series, (name, value): &(&str, &str)| series.labels.get(*name).is_some_and(|it| it == value);
        self.0.iter().filter(move |series| series.name == name && labels.iter().all(|label| has(series, label)))
    }
}

const JOBS_OPEN: &str = "operetta_jobs_open";
/// What must be zero when the last call has ended.
const LIVE: [(&str, &[(&str, &str)]); 3] = [
    ("operetta_calls_active", &[]),
    ("operetta_actor_instances", &[("actor", "call")]),
    ("operetta_ws_connections", &[]),
];

fn series(line: &str) -> Option<Series> {
    let (key, value) = line.rsplit_once(' ')?;
    let (name, labels) = key.split_once('{').unwrap_or((key, ""));
    let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| {
        let (name, value) = label.split_once("=\"")?;
        Some((name.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some(Series { name: name.into(), labels: labels.collect(), value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn series_are_summed_over_the_labels_that_are_not_asked_for() {
        let text = "# HELP a b\n# TYPE a gauge\na{x=\"1\",y=\"p q\"} 2\na{x=\"2\",y=\"p q\"} 3\nb 0.5\n# EOF\n";
        let metrics = Metrics::read(text);
        assert_eq!(metrics.count("a", &[]), 5);
        assert_eq!(metrics.count("a", &[("x", "2")]), 3);
        assert_eq!(metrics.count("a", &[("y", "p q"), ("x", "1")]), 2);
        assert_eq!(metrics.count("a", &[("y", "other")]), 0);
        assert!((metrics.sum("b", &[]) - 0.5).abs() < f64::EPSILON);
    }
}
