use std::fmt;

use operetta_contract::Job;
use tokio::sync::mpsc;

/// The worker's end of a job's feed. It ends when the asker drops its lease.
///
/// A job that takes no feed ([`Job::FEED_BOUND`] is 0) has one that is at its end from the start.
pub struct FeedEnd<J: Job>(Option<mpsc::Receiver<J::Feed>>);

impl<J: Job> FeedEnd<J> {
    /// The next piece, or `None` once the lease is gone and every piece was taken. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<J::Feed> {
        match &mut self.0 {
            Some(pieces) => pieces.recv().await,
            None => None,
        }
    }

    /// The next piece if it is there.
    pub fn try_recv(&mut self) -> Result<J::Feed, NoFeed> {
        self.0.as_mut().ok_or(NoFeed::Ended)?.try_recv().map_err(|nothing| match nothing {
            mpsc::error::TryRecvError::Empty => NoFeed::Empty,
            mpsc::error::TryRecvError::Disconnected => NoFeed::Ended,
        })
    }

    /// As [`recv`](Self::recv), for a thread of its own. It ends with the lease, and a lease never outlives its call.
    ///
    /// # Panics
    /// On a thread that runs an event loop: it would stop the lane.
    pub fn blocking_recv(&mut self) -> Option<J::Feed> {
        self.0.as_mut().and_then(mpsc::Receiver::blocking_recv)
    }
}

impl<J: Job> fmt::Debug for FeedEnd<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedEnd").field("waiting", &self.0.as_ref().map_or(0, mpsc::Receiver::len)).finish()
    }
}

/// Why [`FeedEnd::try_recv`] has nothing.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoFeed {
    /// More may come.
    #[error("no feed yet")]
    Empty,
    /// Nothing will come any more.
    #[error("the feed has ended")]
    Ended,
}

/// Why [`Lease::feed`](crate::Lease::feed) did not take a piece.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum FeedError {
    /// The worker has fallen behind by [`Job::FEED_BOUND`] pieces.
    #[error("the feed is full")]
    Full,
    /// The job takes no feed, or the worker no longer reads it.
    #[error("the feed is closed")]
    Closed,
}

/// Both ends of a job's feed; none for a job that takes none.
pub(crate) fn open<J: Job>() -> (Option<mpsc::Sender<J::Feed>>, FeedEnd<J>) {
    if J::FEED_BOUND == 0 {
        return (None, FeedEnd(None));
    }
    let (give, take) = mpsc::channel(J::FEED_BOUND);
    (Some(give), FeedEnd(Some(take)))
}
