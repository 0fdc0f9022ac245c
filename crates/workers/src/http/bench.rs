use std::{cell::Cell, rc::Rc, time::Duration};

use operetta_contract::{HttpRequest, HttpVendor, Job};
use operetta_stage::Clock;

use super::HttpTimes;
use crate::{bill::OnUsage, net::Net};

/// What all jobs of a worker share.
pub(crate) struct Bench<V> {
    pub(crate) vendor: Rc<V>,
    pub(crate) net: Net,
    pub(crate) times: HttpTimes,
    pub(crate) on_usage: OnUsage,
    clock: Clock,
    used_at: Cell<Duration>,
}

impl<V> Bench<V> {
    pub(crate) fn new(vendor: Rc<V>, net: Net, times: HttpTimes, on_usage: OnUsage) -> Self {
        Self { vendor, net, times, on_usage, clock: Clock::system(), used_at: Cell::default() }
    }

    /// The same bench, telling somebody else what jobs cost.
    pub(crate) fn telling(&self, on_usage: OnUsage) -> Self {
        Self::new(Rc::clone(&self.vendor), self.net.clone(), self.times, on_usage)
    }

    /// A job has used a connection just now.
    pub(crate) fn was_used(&self) {
        self.used_at.set(self.clock.now());
    }
}

impl<V: HttpVendor> Bench<V> {
    /// Sends the vendor's warm-up request now, and again whenever the connection has been unused for a while. Nothing fails when
    /// it fails: the first job will find out.
    pub(crate) async fn keep_warm(self: Rc<Self>) {
        let Some(request) = self.vendor.warm_up() else { return };
        self.warm(&request).await;
        let Some(every) = self.times.warm_every else { return };
        let mut warmed_at = self.clock.now();
        loop {
            let used_at = self.used_at.get();
            let due = warmed_at.max(used_at) + every;
            let now = self.clock.now();
            if now < due {
                tokio::time::sleep(due.saturating_sub(now)).await;
            } else {
                if now.saturating_sub(used_at) <= self.times.warm_for {
                    self.warm(&request).await;
                }
                warmed_at = self.clock.now();
            }
        }
    }

    async fn warm(&self, request: &HttpRequest) {
        let role = <V::Job as Job>::ROLE.as_str();
        match self.net.send(request, self.times.head).await {
            Ok(reply) => {
                let status = reply.head.status;
                if (200..300).contains(&status) {
                    tracing::debug!(role, "a connection is warm");
                } else {
                    let error = self.vendor.refusal(&reply.head, &[]);
                    tracing::warn!(role, status, code = error.code(), "the provider refuses the warm-up request");
                }
                // Lists of models are long, and nobody waits.
                reply.read_out(self.times.most_bytes, self.times.head).await;
            }
            Err(error) => {
                tracing::warn!(role, code = error.code(), detail = error.detail, "the provider cannot be reached");
            }
        }
    }
}
