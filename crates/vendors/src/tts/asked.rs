use operetta_audio::{Encoding, Format};
use operetta_contract::{ErrorClass, ProviderError, Synthesize};

/// The voice that a job asks for: `usual` when it leaves the choice to the configuration.
///
/// # Errors
/// Neither names one: [`Missing`](ErrorClass::Missing).
pub(crate) fn voice<'a>(job: &'a Synthesize, usual: &'a str) -> Result<&'a str, ProviderError> {
    let voice = job.voice.trim();
    let voice = if voice.is_empty() || voice == "default" { usual } else { voice };
    if voice.is_empty() {
        return Err(ProviderError::new(
            ErrorClass::Missing,
            "a voice expected, in the job or in the provider's configuration",
        ));
    }
    Ok(voice)
}

/// What a job says.
///
/// # Errors
/// Nothing: [`BadRequest`](ErrorClass::BadRequest).
pub(crate) fn text(job: &Synthesize) -> Result<&str, ProviderError> {
    if job.text.trim().is_empty() {
        return Err(ProviderError::new(ErrorClass::BadRequest, "a text to speak expected, none came"));
    }
    Ok(&job.text)
}

/// The format to ask for of an API that has PCM16 at `rates_hz` and G.711 at `g711_hz`: the job's own, or the PCM16 that it is
/// made of with least loss.
pub(crate) fn format(job: Format, rates_hz: &[u32], g711_hz: &[u32]) -> Format {
    if job.encoding != Encoding::Pcm16 && g711_hz.contains(&job.rate_hz) {
        return job;
    }
    let more = rates_hz.iter().copied().filter(|&rate_hz| rate_hz >= job.rate_hz).min();
    let rate_hz = more.or_else(|| rates_hz.iter().copied().max()).unwrap_or(job.rate_hz);
    Format { encoding: Encoding::Pcm16, rate_hz }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_format_is_asked_for_where_there_is_one() {
        let check = |encoding, rate_hz, expected| {
            assert_eq!(format(Format { encoding, rate_hz }, &[8000, 16_000, 24_000], &[8000]).to_string(), expected);
        };
        check(Encoding::Mulaw, 8000, "mulaw/8000");
        check(Encoding::Alaw, 8000, "alaw/8000");
        check(Encoding::Mulaw, 16_000, "pcm16/16000");
        check(Encoding::Pcm16, 8000, "pcm16/8000");
        check(Encoding::Pcm16, 24_000, "pcm16/24000");
        check(Encoding::Pcm16, 11_025, "pcm16/16000");
        check(Encoding::Pcm16, 48_000, "pcm16/24000");
    }
}
