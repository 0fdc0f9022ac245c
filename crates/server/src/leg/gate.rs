use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use operetta_session::FromLeg;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Fault;

/// What the guard in front of the codec and the actor behind it know of each other. Both run in one task.
///
/// It also owns the way to the call: a bounded channel in which one slot is kept for [`FromLeg::Closed`], so that the
/// end of a leg is told even to a call that has fallen behind.
pub(crate) struct Gate {
    heard: mpsc::Sender<FromLeg>,
    end: Cell<Option<mpsc::OwnedPermit<FromLeg>>>,
    queued: RefCell<Queued>,
    /// The guard's wait for room. Boxed only when the call is behind.
    waiting: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    mode: Cell<Mode>,
    fault: Cell<Option<Fault>>,
    frame_in_hand: Cell<bool>,
    held: Cell<bool>,
    touched: Cell<Instant>,
}

/// What becomes of the peer's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Frames go to the call.
    Flow,
    /// We have sent a close frame and look for the peer's; the rest is parsed and thrown away.
    Closing,
    /// The peer broke the protocol: what follows has no frames.
    Sink,
}

/// Sizes of the messages that the call has not taken yet, oldest first.
#[derive(Default)]
struct Queued {
    sizes: VecDeque<usize>,
    bytes: usize,
}

impl Gate {
    /// A gate to a call that may fall `messages` and [`QUEUED_BYTES`] behind, and the call's end of it.
    pub(crate) fn new(messages: usize) -> (Self, mpsc::Receiver<FromLeg>) {
        let (heard, receiver) = mpsc::channel(messages.max(1) + 1);
        let end = heard.clone().try_reserve_owned().ok();
        let gate = Self {
            heard,
            end: Cell::new(end),
            queued: RefCell::default(),
            waiting: RefCell::new(None),
            mode: Cell::new(Mode::Flow),
            fault: Cell::new(None),
            frame_in_hand: Cell::new(false),
            held: Cell::new(false),
            touched: Cell::new(Instant::now()),
        };
        (gate, receiver)
    }

    /// Waits until the call can take a message of `bytes`. Ready at once when the leg is closing or the call is gone:
    /// the message is then thrown away by [`Gate::hear`].
    pub(crate) fn poll_room(&self, bytes: usize, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.mode() != Mode::Flow || self.heard.is_closed() || self.has_room(bytes) {
                self.waiting.take();
                self.held.set(false);
                return Poll::Ready(());
            }
            self.held.set(true);
            let mut waiting = self.waiting.borrow_mut();
            let wait = waiting.get_or_insert_with(|| self.wait_for_room());
            if wait.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            *waiting = None;
        }
    }

    /// Hands a message to the call. [`Gate::poll_room`] has made sure of the room.
    pub(crate) fn hear(&self, message: FromLeg) {
        let bytes = match &message {
            FromLeg::Text(text) => text.len(),
            FromLeg::Binary | FromLeg::Closed { .. } => 0,
        };
        if self.mode() == Mode::Flow && self.heard.try_send(message).is_ok() {
            let mut queued = self.queued.borrow_mut();
            queued.sizes.push_back(bytes);
            queued.bytes += bytes;
        }
    }

    /// Tells the call that the leg has ended; only the first word counts.
    pub(crate) fn end(&self, code: u16) {
        if let Some(slot) = self.end.take() {
            slot.send(FromLeg::Closed { code });
        }
    }

    /// The call has dropped its end.
    pub(crate) fn is_call_gone(&self) -> bool {
        self.heard.is_closed()
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode.get()
    }

    pub(crate) fn switch(&self, mode: Mode) {
        self.mode.set(mode);
    }

    /// The guard refuses what comes next.
    pub(crate) fn refuse(&self, fault: Fault) {
        self.fault.set(Some(fault));
    }

    /// What the guard refused, once.
    pub(crate) fn take_fault(&self) -> Option<Fault> {
        self.fault.take()
    }

    /// The guard has let a whole frame through.
    pub(crate) fn frame_released(&self) {
        self.frame_in_hand.set(true);
    }

    /// The actor has handled it.
    pub(crate) fn frame_handled(&self) {
        self.frame_in_hand.set(false);
    }

    pub(crate) fn is_frame_in_hand(&self) -> bool {
        self.frame_in_hand.get()
    }

    /// Bytes came from the peer.
    pub(crate) fn touch(&self) {
        self.touched.set(Instant::now());
    }

    /// When the peer was last heard. While we hold it back ourselves its silence proves nothing.
    pub(crate) fn last_touch(&self) -> Instant {
        if self.held.get() {
            self.touch();
        }
        self.touched.get()
    }

    fn has_room(&self, bytes: usize) -> bool {
        let free = self.heard.capacity();
        // One slot is kept for the end.
        let waiting = self.heard.max_capacity() - free - 1;
        let mut queued = self.queued.borrow_mut();
        while queued.sizes.len() > waiting {
            queued.bytes -= queued.sizes.pop_front().unwrap_or_default();
        }
        free > 0 && (waiting == 0 || queued.bytes + bytes <= QUEUED_BYTES)
    }

    /// With a free slot but too many bytes queued, only an empty queue is sure to help.
    fn wait_for_room(&self) -> Pin<Box<dyn Future<Output = ()>>> {
        let heard = self.heard.clone();
        let slots = if heard.capacity() == 0 { 1 } else { heard.max_capacity() - 1 };
        Box::pin(async move {
            // An error says that the call is gone, which `poll_room` finds out by itself.
            let _ = heard.reserve_many(slots).await;
        })
    }
}

/// With one message being read (256 KiB) this keeps a leg under 512 KiB.
const QUEUED_BYTES: usize = 192 * 1024;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytestring::ByteString;

    use super::*;

    fn text(bytes: usize) -> FromLeg {
        FromLeg::Text(ByteString::from("x".repeat(bytes)))
    }

    fn is_open(gate: &Gate, bytes: usize) -> bool {
        gate.poll_room(bytes, &mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn room_is_counted_in_messages() {
        let (gate, mut call) = Gate::new(2);
        gate.hear(text(1));
        assert!(is_open(&gate, 1));
        gate.hear(text(1));
        assert!(!is_open(&gate, 1));
        call.recv().await.unwrap();
        assert!(is_open(&gate, 1));
    }

    #[tokio::test]
    async fn room_is_counted_in_bytes() {
        let (gate, mut call) = Gate::new(64);
        gate.hear(text(100 * 1024));
        assert!(is_open(&gate, 50 * 1024));
        assert!(!is_open(&gate, 100 * 1024));
        call.recv().await.unwrap();
        assert!(is_open(&gate, 256 * 1024), "an empty queue takes the largest message");
    }

    #[tokio::test]
    async fn the_end_is_told_once_and_to_a_call_that_is_behind() {
        let (gate, mut call) = Gate::new(1);
        gate.hear(text(1));
        assert!(!is_open(&gate, 1));
        gate.end(1009);
        gate.end(1006);
        assert_eq!(call.recv().await, Some(text(1)));
        assert_eq!(call.recv().await, Some(FromLeg::Closed { code: 1009 }));
        drop(gate);
        assert_eq!(call.recv().await, None);
    }

    #[tokio::test]
    async fn a_call_that_is_gone_holds_nobody_back() {
        let (gate, call) = Gate::new(1);
        gate.hear(text(1));
        assert!(!is_open(&gate, 1));
        drop(call);
        assert!(is_open(&gate, 1));
        assert!(gate.is_call_gone());
    }
}
