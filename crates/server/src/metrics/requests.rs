use std::time::Duration;

use operetta_wire::Carrier;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// Requests served on the listener that carriers reach. One for all lanes; cheap to clone.
#[derive(Clone, Debug)]
pub struct Requests {
    durations: Family<Request, Histogram, fn() -> Histogram>,
    signature_failures: Family<CarrierLabel, Counter>,
}

#[expect(clippy::struct_field_names, reason = "the names are OpenTelemetry's")]
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    http_request_method: &'static str,
    http_route: String,
    http_response_status_code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CarrierLabel {
    carrier: &'static str,
}

impl Requests {
    /// OpenTelemetry's buckets for `http.server.request.duration`, in seconds, with three below for answers this fast.
    const BOUNDS: [f64; 17] =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

    /// No request yet.
    pub fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(Self::BOUNDS);
        Self { durations: Family::new_with_constructor(histogram), signature_failures: Family::default() }
    }

    /// A request was answered. `route` is the pattern it matched, never its path.
    pub fn served(&self, method: &str, route: Option<String>, status: u16, took: Duration) {
        let http_request_method = match method {
            "GET" => "GET",
            "POST" => "POST",
            _ => "_OTHER",
        };
        let http_route = route.unwrap_or_else(|| "unmatched".into());
        let labels = Request { http_request_method, http_route, http_response_status_code: status };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A carrier's request had a wrong signature or secret, or none.
    pub fn signature_failed(&self, carrier: &'static str) {
        self.signature_failures.get_or_create(&CarrierLabel { carrier }).inc();
    }

    /// How many requests were refused for that, over all carriers.
    pub(super) fn signature_failures(&self) -> u64 {
        let of = |carrier| self.signature_failures.get_or_create(&CarrierLabel { carrier }).get();
        Carrier::ALL.iter().map(|carrier| of(carrier.as_str())).sum()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("http_server_request_duration_seconds", "Requests served", self.durations.clone());
        registry.register(
            "operetta_webhook_signature_failures",
            "Carrier requests with a wrong or missing signature",
            self.signature_failures.clone(),
        );
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self::new()
    }
}
