use std::{cell::RefCell, rc::Rc, time::Duration};

use operetta_contract::{DuplexCodec, DuplexVendor, ErrorClass, Flow, Message, ProviderError, Rest, Usage, Wire};
use operetta_stage::Clock;
use tokio::time::timeout;

use super::{
    SocketTimes,
    socket::{Socket, Woke},
};
use crate::net::{Net, Refused};

/// An open socket and the codec that talks over it.
pub(crate) struct Line<C: DuplexCodec> {
    pub(crate) socket: Socket,
    /// Shared with the pool, which has to know what the line would do for another job.
    pub(crate) codec: Rc<RefCell<C>>,
    pub(crate) wire: Wire<C::Job>,
    clock: Clock,
    opened_at: Duration,
    /// How many jobs have begun on it.
    pub(crate) jobs: u32,
    /// It has waited for a job, and may have ended meanwhile without anybody's knowing.
    pub(crate) was_parked: bool,
    /// When anything came last.
    pub(crate) heard_at: Duration,
    unflushed_since: Option<Duration>,
}

/// What became of a message that came.
pub(crate) enum Heard<C: DuplexCodec> {
    /// The codec has read it, or it was none.
    Flow(Flow<C::Job>),
    /// The line is of no use any more, and this is what that means for a job.
    Over(ProviderError),
}

impl<C: DuplexCodec> Line<C> {
    /// Opens a socket for `job`.
    pub(crate) async fn open<V>(
        vendor: &V,
        net: &Net,
        times: &SocketTimes,
        clock: &Clock,
        job: &V::Job,
    ) -> Result<Self, ProviderError>
    where
        V: DuplexVendor<Codec = C, Job = C::Job>,
    {
        let (request, codec) = vendor.open(job)?;
        let frames = net.open(&request, times.upgrade).await.map_err(|refused| match refused {
            Refused::Status(status) => vendor.refusal(status),
            Refused::Error(error) => error,
        })?;
        let mut line = Self {
            socket: Socket::new(frames),
            codec: Rc::new(RefCell::new(codec)),
            wire: Wire::default(),
            clock: clock.clone(),
            opened_at: clock.now(),
            jobs: 0,
            was_parked: false,
            heard_at: Duration::ZERO,
            unflushed_since: None,
        };
        line.codec.borrow_mut().opened(Duration::ZERO, &mut line.wire);
        line.hand_over();
        Ok(line)
    }

    /// Time since it was opened.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now().saturating_sub(self.opened_at)
    }

    pub(crate) fn rest(&self) -> Rest {
        self.codec.borrow().rest()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.codec.borrow().is_ready()
    }

    /// A job begins: what was read and spent before belongs to others.
    pub(crate) fn begin(&mut self, job: &C::Job) {
        self.jobs += 1;
        self.wire.output = operetta_contract::Output::default();
        let now = self.now();
        self.codec.borrow_mut().begin(now, job, &mut self.wire);
        self.hand_over();
    }

    pub(crate) fn feed(&mut self, piece: <C::Job as operetta_contract::Job>::Feed) {
        let now = self.now();
        self.codec.borrow_mut().feed(now, piece, &mut self.wire);
        self.hand_over();
    }

    pub(crate) fn cancel(&mut self) {
        let now = self.now();
        self.codec.borrow_mut().cancel(now, &mut self.wire);
        self.hand_over();
    }

    /// Reads what the socket woke up for.
    pub(crate) fn hear(&mut self, woke: &Woke) -> Heard<C> {
        let now = self.now();
        if !matches!(woke, Woke::Flushed) {
            self.heard_at = now;
        }
        let mut codec = self.codec.borrow_mut();
        let flow = match woke {
            Woke::Text(text) => codec.hear(now, Message::Text(text), &mut self.wire),
            Woke::Binary(bytes) => codec.hear(now, Message::Binary(bytes), &mut self.wire),
            Woke::Sign | Woke::Flushed => Ok(Flow::More),
            Woke::Closed(code, reason) => {
                return Heard::Over(codec.closed(*code, reason));
            }
            Woke::Broken(error) => return Heard::Over(error.clone()),
        };
        drop(codec);
        self.hand_over();
        match flow {
            Ok(flow) => Heard::Flow(flow),
            Err(error) => Heard::Over(error),
        }
    }

    /// Calls the codec when its time has come, and gives up a socket that takes nothing.
    pub(crate) fn tick(&mut self, times: &SocketTimes) -> Heard<C> {
        let now = self.now();
        if self.unflushed_since.is_some_and(|since| now >= since + times.stall) {
            let detail = format!("nothing could be written for {} ms", times.stall.as_millis());
            return Heard::Over(ProviderError::new(ErrorClass::Timeout, detail));
        }
        if self.codec.borrow().wake_at().is_none_or(|at| now < at) {
            return Heard::Flow(Flow::More);
        }
        let flow = self.codec.borrow_mut().tick(now, &mut self.wire);
        self.hand_over();
        match flow {
            Ok(flow) => Heard::Flow(flow),
            Err(error) => Heard::Over(error),
        }
    }

    /// When [`tick`](Self::tick) has something to do at the latest.
    pub(crate) fn wake_at(&self, times: &SocketTimes) -> Option<Duration> {
        // A codec that is never content would otherwise keep the lane from everything else.
        let soonest = self.now() + SHORTEST_TICK;
        let codec = self.codec.borrow().wake_at().map(|at| at.max(soonest));
        let stall = self.unflushed_since.map(|since| since + times.stall);
        codec.into_iter().chain(stall).min()
    }

    /// Gives the socket what the codec wants to say, and notes since when the socket owes it to the other side.
    pub(crate) fn hand_over(&mut self) {
        for message in self.wire.send.drain(..) {
            self.socket.say(message);
        }
        self.unflushed_since = self.socket.is_busy().then(|| self.unflushed_since.unwrap_or_else(|| self.now()));
    }

    /// What the job that ran has cost and met, once.
    pub(crate) fn settle(&mut self) -> (Usage, u32) {
        let output = &mut self.wire.output;
        (std::mem::take(&mut output.usage), std::mem::take(&mut output.unknown))
    }

    /// Ends the line: farewell if `politely`, close frame, and a moment for the other side's.
    pub(crate) async fn retire(mut self, politely: bool) {
        if politely {
            let now = self.now();
            self.codec.borrow_mut().farewell(now, &mut self.wire);
            self.hand_over();
        }
        self.socket.close();
        let goodbye = async {
            loop {
                match self.socket.next().await {
                    Woke::Closed(..) | Woke::Broken(_) => return,
                    // Nobody is there for it any more.
                    Woke::Text(_) | Woke::Binary(_) | Woke::Sign | Woke::Flushed => {}
                }
            }
        };
        // Whoever does not answer in time is hung up on.
        let _in_time = timeout(GOODBYE_WITHIN, goodbye).await;
    }
}

/// How long the other side may take to close.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// How often a codec may ask to be called.
const SHORTEST_TICK: Duration = Duration::from_millis(5);
