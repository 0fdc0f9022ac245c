use std::sync::Arc;
use std::time::Duration;

use super::LegTally;

/// Bounds and deadlines of a leg, and where legs are counted. The defaults are those of the reliability goals; tests
/// use shorter ones.
#[derive(Clone, Debug)]
pub struct LegSettings {
    /// Bytes of one message from the carrier, over all its fragments. 256 KiB: Exotel's largest chunk is 137 KB in
    /// base64.
    pub message_bytes: usize,
    /// Fragments of one message.
    pub fragments: usize,
    /// Messages that the call may fall behind before the socket is read no further.
    pub heard_messages: usize,
    /// Messages to the carrier that may wait. 64 is 1.3 s of frames of 20 ms.
    pub say_messages: usize,
    /// Time between two pings.
    pub ping_every: Duration,
    /// A peer from which no byte has come for so long is gone. More than `ping_every`.
    pub silence_limit: Duration,
    /// How long the peer may take to answer our close frame.
    pub close_wait: Duration,
    /// Counts of legs.
    pub tally: Arc<LegTally>,
}

impl Default for LegSettings {
    fn default() -> Self {
        Self {
            message_bytes: 256 * 1024,
            fragments: 1024,
            heard_messages: 64,
            say_messages: 64,
            ping_every: Duration::from_secs(20),
            silence_limit: Duration::from_secs(28),
            close_wait: Duration::from_millis(800),
            tally: Arc::default(),
        }
    }
}
