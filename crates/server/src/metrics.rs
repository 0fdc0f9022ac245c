//! What operators scrape: OpenMetrics text, gathered from the lanes' counters at every scrape. Names, labels and buckets
//! are those of docs/METRICS.md.

mod catalogue;
mod faults;
mod gather;
mod process;
mod providers;
mod requests;

use std::{fmt, sync::Arc};

use operetta_session::Tally;
use operetta_stage::Playbill;
use operetta_workers::{PhraseBook, Recorder};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};
use tokio::sync::watch;

use crate::{leg::LegTally, providers::Listed, routes::health::Readiness};

pub use catalogue::Metric;
pub use faults::Highest;
use gather::{Series, Value};
pub use requests::Requests;

/// Everything that is exported, ready to be rendered by any thread.
#[derive(Debug)]
pub struct Metrics(Registry);

/// Where the figures come from.
#[derive(Debug)]
pub struct Sources {
    /// The actors of every lane.
    pub bills: Vec<Playbill>,
    /// The calls of every lane.
    pub tallies: Vec<Arc<Tally>>,
    /// The recorder, where there is one.
    pub recorder: Option<Recorder>,
    /// How many calls may be admitted.
    pub capacity: usize,
    /// Requests served.
    pub requests: Requests,
    /// The legs of all lanes.
    pub legs: Arc<LegTally>,
    /// The providers in use.
    pub providers: Vec<Listed>,
    /// Phrases that are kept, where there are any.
    pub phrases: Option<PhraseBook>,
    /// What counts of faults were told so far.
    pub highest: Highest,
    /// Whether the node wants calls.
    pub readiness: watch::Receiver<Readiness>,
}

impl Metrics {
    /// The content type of what [`Self::render`] returns (OpenMetrics 1.0).
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// The metrics of these sources.
    pub fn new(sources: Sources) -> Self {
        let mut registry = Registry::default();
        sources.requests.register(&mut registry);
        registry.register_collector(Box::new(sources));
        Self(registry)
    }

    /// The text that a scrape gets.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(64 * 1024);
        text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut series = gather::gather(self);
        series.sort_by_key(|series| series.metric);
        for family in series.chunk_by(|one, next| one.metric == next.metric) {
            encode(&mut encoder, family[0].metric, family)?;
        }
        Ok(())
    }
}

fn encode(encoder: &mut DescriptorEncoder, metric: Metric, family: &[Series]) -> fmt::Result {
    let mut families = encoder.encode_descriptor(metric.name(), metric.help(), None, metric.kind())?;
    for Series { labels, value, .. } in family {
        if matches!(value, Value::Info) {
            families.encode_info(labels)?;
            continue;
        }
        let mut one = families.encode_family(labels)?;
        match value {
            Value::Count(count) => ConstCounter::new(*count).encode(one)?,
            Value::Seconds(seconds) => ConstCounter::new(*seconds).encode(one)?,
            Value::Level(level) => ConstGauge::new(*level).encode(one)?,
            Value::Histogram { buckets, sum } => {
                let count = buckets.iter().map(|(_, count)| count).sum();
                one.encode_histogram::<prometheus_client::encoding::NoLabelSet>(*sum, count, buckets, None)?;
            }
            Value::Info => {}
        }
    }
    Ok(())
}
