use operetta_audio::{Format, g711, tone};
use operetta_local::flite::{Flite, FliteVoice};

/// The samples of audio.
pub(super) fn samples(format: Format, audio: &[u8]) -> Vec<i16> {
    let mut samples = Vec::new();
    g711::decode_into(format.encoding, audio, &mut samples);
    samples
}

/// Whether this is the tone of the fakes, 440 Hz about 12 dB below full scale, and nothing else: bytes in the wrong order, a
/// wrong rate, a lost sample and a wrong encoding all are noise, or another tone.
pub(super) fn is_the_tone(format: Format, audio: &[u8]) -> Result<(), String> {
    let samples = samples(format, audio);
    let edge = format.rate_hz as usize / 50;
    let Some(inner) = samples.len().checked_sub(edge).and_then(|end| samples.get(edge..end)) else {
        return Err(format!("{format}: {} samples are too few", samples.len()));
    };
    let (mut sine, mut cosine, mut energy) = (0.0, 0.0, 0.0);
    for (index, &sample) in (0_u32..).zip(inner) {
        let (phase, sample) =
            (std::f64::consts::TAU * 440.0 * f64::from(index) / f64::from(format.rate_hz), f64::from(sample));
        sine += sample * phase.sin();
        cosine += sample * phase.cos();
        energy += sample * sample;
    }
    let share = 2.0 * (sine * sine + cosine * cosine) / (energy * inner.len() as f64);
    let level = (energy / inner.len() as f64).sqrt();
    if share < 0.99 {
        return Err(format!(
            "{format}: expected 440 Hz, {:.1} % of the energy is something else",
            100.0 * (1.0 - share)
        ));
    }
    if !(5_200.0..6_400.0).contains(&level) {
        return Err(format!("{format}: expected a level of 5793, it is {level:.0}"));
    }
    Ok(())
}

/// Whether audio begins with sound, and not with a header that would be heard as a click.
pub(super) fn begins_with_sound(format: Format, audio: &[u8], is_tone: bool) -> Result<(), String> {
    if [b"RIFF".as_slice(), b"ID3", b"OggS", b"{"].iter().any(|mark| audio.starts_with(mark)) {
        return Err(format!("{format}: it begins with a header"));
    }
    let samples = samples(format, audio);
    let start = samples.get(..format.rate_hz as usize / 20).unwrap_or(&samples);
    // What a sine of 440 Hz can do from one sample to the next, with what µ-law and a filter add to it.
    let steepest = 8_192.0 * std::f64::consts::TAU * 440.0 / f64::from(format.rate_hz) * 1.3 + 600.0;
    let step = |two: &[i16]| f64::from((i32::from(two[1]) - i32::from(two[0])).abs());
    let highest =
        start.windows(2).map(step).fold(f64::from(start.first().map_or(0, |first| first.unsigned_abs())), f64::max);
    if is_tone && highest > steepest {
        return Err(format!("{format}: a step of {highest:.0} in the first 50 ms, a sine has {steepest:.0} at most"));
    }
    Ok(())
}

/// What a caller says, in pieces of 40 ms at 8 kHz: a tone for fakes, which count what is loud, and words for vendors.
pub(super) fn caller(words: &str, is_tone: bool) -> Vec<Vec<i16>> {
    let spoken = if is_tone {
        tone::sine(300.0, 1_200, RATE_HZ, -12.0)
    } else {
        Flite::new().speak(words, FliteVoice::Kal16, RATE_HZ).expect("8 kHz is a rate")
    };
    spoken.chunks(PIECE).map(<[i16]>::to_vec).collect()
}

/// Whether the words are those, whatever their letters and marks. A vendor may mishear half of what a robot says.
pub(super) fn same_words(heard: &str, said: &str, is_exact: bool) -> Result<(), String> {
    let words = |text: &str| -> Vec<String> {
        let plain: String = text.to_lowercase().chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).collect();
        plain.split_whitespace().map(ToOwned::to_owned).collect()
    };
    let (heard_words, said_words) = (words(heard), words(said));
    let known = said_words.iter().filter(|word| heard_words.contains(word)).count();
    let is_same = if is_exact { heard_words == said_words } else { 2 * known >= said_words.len() };
    if is_same { Ok(()) } else { Err(format!("expected {said:?}, got {heard:?}")) }
}

/// What telephones have.
pub(super) const RATE_HZ: u32 = 8_000;

/// Samples of 40 ms.
const PIECE: usize = 320;

#[cfg(test)]
mod tests {
    use operetta_sim::theatre::Tone;

    use super::*;

    #[test]
    fn the_tone_is_told_from_what_went_wrong_with_it() {
        let tone = |format| Tone::new(format).piece(0, 500);
        let (pcm, mulaw) = (tone(Format::PCM16_8K), tone(Format::MULAW_8K));
        for (format, audio) in [(Format::PCM16_8K, &pcm), (Format::MULAW_8K, &mulaw)] {
            assert_eq!(is_the_tone(format, audio), Ok(()));
            assert_eq!(begins_with_sound(format, audio, true), Ok(()));
        }
        let swapped: Vec<u8> = pcm.chunks(2).flat_map(|two| [two[1], two[0]]).collect();
        let shifted = &pcm[1..pcm.len() - 1];
        let gap = [&pcm[..2_000], &pcm[2_009..]].concat();
        let slow = tone(Format { rate_hz: 16_000, ..Format::PCM16_8K });
        for (what, audio) in [("swapped", &swapped[..]), ("shifted", shifted), ("gap", &gap), ("slow", &slow)] {
            assert!(is_the_tone(Format::PCM16_8K, audio).is_err(), "{what}");
        }
        assert!(is_the_tone(Format::PCM16_8K, &mulaw).is_err() && is_the_tone(Format::MULAW_8K, &pcm).is_err());
        let wrapped = [b"RIFF\x24\x00\x00\x00WAVEfmt ".as_slice(), &pcm].concat();
        assert!(begins_with_sound(Format::PCM16_8K, &wrapped, false).is_err());
        assert!(begins_with_sound(Format::PCM16_8K, &[&[0xFF, 0x7F][..], &pcm].concat(), true).is_err());
    }

    #[test]
    fn words_are_compared_without_their_looks() {
        assert_eq!(same_words("i would like,  To cancel", "I would like to cancel.", true), Ok(()));
        assert!(same_words("I would like", "I would like to cancel.", true).is_err());
        assert_eq!(same_words("wood like to cancel", "I would like to cancel.", false), Ok(()));
        assert!(same_words("", "I would like to cancel.", false).is_err());
    }
}
