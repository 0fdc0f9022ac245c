//! One reply being read.

use crate::{
    Flow, Head, HttpReader, HttpVendor, Output, ProviderError,
    suite::{
        Examined, Promise,
        trace::{End, Trace},
    },
};

/// What came of one reply.
pub(super) struct Run {
    pub(super) trace: Trace,
    pub(super) end: End,
    /// The reply said itself that it had ended.
    pub(super) by_itself: bool,
    pub(super) breach: Option<(Promise, String)>,
}

/// Reads a reply in these pieces, as a worker would.
pub(super) fn read<V: HttpVendor<Job: Examined>>(
    vendor: &V,
    job: &V::Job,
    head: &Head,
    pieces: &[&[u8]],
) -> Option<Run> {
    // A job that cannot be opened was noted once.
    let (_, mut reader) = vendor.open(job).ok()?;
    let mut run = Run { trace: Trace::default(), end: End::Odd(String::new()), by_itself: false, breach: None };
    let mut out = Output::default();
    let result = drive(&mut reader, head, pieces, &mut out, |out| take(&mut run, job, out));
    take(&mut run, job, &mut out);
    run.end = match result {
        Ok((event, by_itself)) => {
            run.by_itself = by_itself;
            End::of::<V::Job>(&event)
        }
        Err(error) => End::Failed(error),
    };
    if let End::Odd(event) = &run.end
        && run.breach.is_none()
    {
        run.breach =
            Some((Promise::EndsOnce, format!("Done was expected at the end, {event} came: failures are results")));
    }
    Some(run)
}

type Ended<J> = Result<(<J as crate::Job>::Event, bool), ProviderError>;

fn drive<R: HttpReader>(
    reader: &mut R,
    head: &Head,
    pieces: &[&[u8]],
    out: &mut Output<R::Job>,
    mut taken: impl FnMut(&mut Output<R::Job>),
) -> Ended<R::Job> {
    reader.head(head, out)?;
    for piece in pieces {
        let flow = reader.read(piece, out)?;
        taken(out);
        if let Flow::Done(event) = flow {
            return Ok((event, true));
        }
    }
    Ok((reader.end(out)?, false))
}

fn take<J: Examined>(run: &mut Run, job: &J, out: &mut Output<J>) {
    for event in out.events.drain(..) {
        if let Err(breach) = run.trace.take::<J>(&event, job.format()) {
            run.breach.get_or_insert(breach);
        }
    }
}

/// In what the result of `other` differs, in words.
pub(super) fn difference(whole: &Run, other: &Run) -> Option<String> {
    whole.trace.difference(&other.trace).or_else(|| {
        let (expected, came) = (whole.end.words(), other.end.words());
        (expected != came).then(|| format!("{expected} was expected at the end, {} came", told(&other.end)))
    })
}

/// An end in words.
pub(super) fn told(end: &End) -> String {
    match end {
        End::Failed(error) => failure(error),
        End::Done(_) | End::Odd(_) => end.words(),
    }
}

/// An error in words.
pub(super) fn failure(error: &ProviderError) -> String {
    let pause = error.after.map_or_else(String::new, |after| format!(" with a pause of {after:?}"));
    format!("{:?}{pause} ({})", error.class, error.detail)
}
