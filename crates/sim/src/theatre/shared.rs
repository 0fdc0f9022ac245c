use tokio::sync::watch;

/// State that many connections write to, and that tests wait on.
#[derive(Debug)]
pub(super) struct Shared<T>(watch::Sender<T>);

impl<T> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Self(watch::Sender::new(value))
    }

    /// Changes it, and wakes whoever waits.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut answer = None;
        self.0.send_modify(|value| answer = Some(change(value)));
        // `send_modify` calls its closure once, before it returns.
        answer.unwrap_or_else(|| unreachable!("the closure was not called"))
    }

    /// Looks at it. The look must be short: everybody else waits.
    pub(super) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.borrow())
    }

    /// Waits until it is as `wanted`.
    pub(super) async fn until(&self, wanted: impl FnMut(&T) -> bool) {
        // The sender is `self`: it cannot go away while it waits.
        let _ = self.0.subscribe().wait_for(wanted).await;
    }
}
