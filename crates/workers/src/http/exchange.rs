use std::time::Duration;

use operetta_contract::{ErrorClass, Flow, HttpReader as _, HttpVendor, Job, Output, ProviderError, Usage};
use operetta_stage::Gone;

use super::HttpTimes;
use crate::net::{Net, Reply};

/// One request and its reply, read by the vendor's reader.
///
/// It lives outside of the future that runs it, so that whoever drops that future finds what is left: a reply that may be worth
/// reading to its end, and what the job has cost so far.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// What has come and is not read to its end.
    pub(crate) reply: Option<Reply>,
    /// What it cost, as far as is known.
    pub(crate) usage: Usage,
    /// How many messages were of a kind that the vendor's codec does not know.
    pub(crate) unknown: u32,
}

/// Why an exchange did not come to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The provider failed.
    Failed(ProviderError),
    /// The asker is gone.
    Gone,
}

impl From<ProviderError> for Broken {
    fn from(error: ProviderError) -> Self {
        Self::Failed(error)
    }
}

impl From<Gone> for Broken {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl Exchange {
    pub(crate) const fn new() -> Self {
        Self { reply: None, usage: EMPTY, unknown: 0 }
    }

    /// Asks `vendor` for `job`. Every event but the last goes to `tell`, one after the other: what is slow there slows the
    /// provider down. The last is returned.
    pub(crate) async fn run<V: HttpVendor>(
        &mut self,
        vendor: &V,
        net: &Net,
        times: &HttpTimes,
        job: &V::Job,
        mut tell: impl AsyncFnMut(<V::Job as Job>::Event) -> Result<(), Gone>,
    ) -> Result<<V::Job as Job>::Event, Broken> {
        let (request, mut reader) = vendor.open(job)?;
        let reply = self.reply.insert(net.send(&request, times.head).await?);
        if !(200..300).contains(&reply.head.status) {
            return Err(refusal(vendor, reply, times.refusal).await.into());
        }
        refuse_coding(reply)?;
        let mut out = Output::default();
        let judged = reader.head(&reply.head, &mut out);
        self.usage.clone_from(&out.usage);
        judged?;
        loop {
            for event in std::mem::take(&mut out.events) {
                tell(event).await?;
            }
            let Some(reply) = &mut self.reply else {
                // Nobody but this loop takes the reply away, and it returns when it does.
                return Err(ProviderError::new(ErrorClass::Internal, "the reply is gone").into());
            };
            let flow = if let Some(bytes) = reply.next(times.gap).await? {
                if reply.received() > times.most_bytes {
                    let detail = format!("expected at most {} bytes, more came", times.most_bytes);
                    return Err(ProviderError::new(ErrorClass::Protocol, detail).into());
                }
                reader.read(&bytes, &mut out)
            } else {
                self.reply = None;
                reader.end(&mut out).map(Flow::Done)
            };
            self.usage.clone_from(&out.usage);
            self.unknown = out.unknown;
            // Even when reading fails, what was read before counts.
            for event in std::mem::take(&mut out.events) {
                tell(event).await?;
            }
            if let Flow::Done(event) = flow? {
                return Ok(event);
            }
        }
    }

    /// Reads what little is left, so that the connection can be used again. `wanted` is false when the job was cancelled: what
    /// is not known to be nearly over is dropped then.
    pub(crate) async fn wind_up(&mut self, wanted: bool) {
        if let Some(reply) = self.reply.take()
            && (wanted || reply.is_nearly_over())
        {
            reply.drain().await;
        }
    }
}

/// What a reply means whose status is not 2xx.
async fn refusal<V: HttpVendor>(vendor: &V, reply: &mut Reply, within: Duration) -> ProviderError {
    let mut body = Vec::new();
    let read = async {
        while body.len() < REFUSAL_BYTES {
            // The status says enough, should the body not come.
            let Ok(Some(bytes)) = reply.next(within).await else { return };
            body.extend_from_slice(&bytes);
        }
    };
    let _in_time = tokio::time::timeout(within, read).await;
    body.truncate(REFUSAL_BYTES);
    if refuse_coding(reply).is_err() {
        body.clear();
    }
    vendor.refusal(&reply.head, &body)
}

/// We asked for no coding; what comes coded all the same must not be taken for audio.
fn refuse_coding(reply: &Reply) -> Result<(), ProviderError> {
    match reply.head.header("content-encoding") {
        None => Ok(()),
        Some(coding) if coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity") => Ok(()),
        Some(coding) => {
            let coding: String = coding.chars().take(40).collect();
            Err(ProviderError::new(ErrorClass::Protocol, format!("expected no content coding, got {coding:?}")))
        }
    }
}

/// How much of a refusal's body a vendor gets to read.
const REFUSAL_BYTES: usize = 64 * 1024;

const EMPTY: Usage = Usage {
    characters: 0,
    audio_in_ms: 0,
    audio_out_ms: 0,
    tokens_in: 0,
    tokens_cached: 0,
    tokens_out: 0,
    estimated: false,
    request_id: None,
};
