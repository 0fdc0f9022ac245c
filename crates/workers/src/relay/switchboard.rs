use std::{cell::RefCell, collections::HashMap, rc::Rc};

use operetta_contract::{Job, JobId};
use tokio::sync::{mpsc, oneshot};

/// Brings what providers tell to the job that asked them.
///
/// A relay asks for many jobs at once, under ids of its own. Each of them has a line here for as long as it lives.
pub(super) struct Switchboard<J: Job>(Rc<RefCell<Lines<J>>>);

struct Lines<J: Job> {
    last: u32,
    open: HashMap<JobId, mpsc::Sender<Delivery<J>>>,
}

/// An event on its way. Dropping it tells the provider that it was handled.
pub(super) struct Delivery<J: Job> {
    pub(super) event: J::Event,
    /// The provider may say more once this is gone.
    pub(super) handled: oneshot::Sender<()>,
}

/// A provider has one event on its way at a time, and after it the last.
const LINE_BOUND: usize = 2;

impl<J: Job> Switchboard<J> {
    /// A line under an id that no other line has.
    pub(super) fn line(&self) -> Line<J> {
        let mut lines = self.0.borrow_mut();
        let mut id = lines.last;
        loop {
            id = id.wrapping_add(1);
            if !lines.open.contains_key(&JobId(id)) {
                break;
            }
        }
        lines.last = id;
        let (give, take) = mpsc::channel(LINE_BOUND);
        lines.open.insert(JobId(id), give);
        Line { id: JobId(id), switchboard: self.clone(), take }
    }

    /// Puts an event on its line. The future resolves when it has been handled, or when nobody is there to handle it.
    pub(super) fn deliver(&self, id: JobId, event: J::Event) -> impl Future<Output = ()> + use<J> {
        let (handled, done) = oneshot::channel();
        let delivery = Delivery { event, handled };
        let line = self.0.borrow().open.get(&id).cloned();
        let full = line.and_then(|line| match line.try_send(delivery) {
            Err(mpsc::error::TrySendError::Full(delivery)) => Some((line, delivery)),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
        });
        async move {
            if let Some((line, delivery)) = full {
                let _gone = line.send(delivery).await;
            }
            let _dropped = done.await;
        }
    }
}

impl<J: Job> Clone for Switchboard<J> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<J: Job> Default for Switchboard<J> {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(Lines { last: 0, open: HashMap::new() })))
    }
}

/// Where the events of one asked job arrive. It is closed when it is dropped.
pub(super) struct Line<J: Job> {
    id: JobId,
    switchboard: Switchboard<J>,
    take: mpsc::Receiver<Delivery<J>>,
}

impl<J: Job> Line<J> {
    /// The id under which the provider is to be asked.
    pub(super) fn id(&self) -> JobId {
        self.id
    }

    /// The next event. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Delivery<J> {
        match self.take.recv().await {
            Some(delivery) => delivery,
            // The switchboard holds the other end until this one is dropped.
            None => std::future::pending().await,
        }
    }
}

impl<J: Job> Drop for Line<J> {
    fn drop(&mut self) {
        self.switchboard.0.borrow_mut().open.remove(&self.id);
    }
}
