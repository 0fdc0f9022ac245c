use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// Waits on a plain thread for a future, at most `patience`. `None` when that passed first; the future is dropped then.
pub(crate) fn wait_for<F: Future>(future: F, patience: Duration) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let deadline = now() + patience;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

#[expect(clippy::disallowed_methods, reason = "a plain thread has no runtime whose clock it could read")]
fn now() -> Instant {
    Instant::now()
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_thread_brings_is_taken() {
        let (give, take) = tokio::sync::oneshot::channel();
        let giver = thread::spawn(move || give.send(7));
        assert_eq!(wait_for(take, Duration::from_mins(1)), Some(Ok(7)));
        assert_eq!(giver.join().unwrap(), Ok(()));
    }

    #[test]
    fn patience_ends() {
        assert_eq!(wait_for(std::future::pending::<()>(), Duration::from_millis(5)), None);
    }
}
