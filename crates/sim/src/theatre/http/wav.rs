use operetta_audio::{Encoding, Format};

use super::super::play::WavHeader;

/// The header of a WAV file of `bytes` of audio.
pub(super) fn header(format: Format, bytes: usize, kind: WavHeader) -> Vec<u8> {
    let tag: u16 = match format.encoding {
        Encoding::Pcm16 => 1,
        Encoding::Alaw => 6,
        Encoding::Mulaw => 7,
    };
    let sample = format.sample_bytes() as u16;
    let mut chunks = Vec::new();
    chunk(
        &mut chunks,
        *b"fmt ",
        &[
            tag.to_le_bytes().as_slice(),
            &1_u16.to_le_bytes(),
            &format.rate_hz.to_le_bytes(),
            &(format.bytes_per_second() as u32).to_le_bytes(),
            &sample.to_le_bytes(),
            &(sample * 8).to_le_bytes(),
        ]
        .concat(),
    );
    if kind == WavHeader::Extra {
        chunk(&mut chunks, *b"LIST", b"INFOISFT\x05\0\0\0fake\0\0");
        // Of odd length: a byte of padding follows.
        chunk(&mut chunks, *b"fact", b"odd");
    }
    let (riff, data) = match kind {
        WavHeader::Endless => (u32::MAX, u32::MAX),
        WavHeader::Plain | WavHeader::Extra => ((4 + chunks.len() + 8 + bytes) as u32, bytes as u32),
    };
    [b"RIFF".as_slice(), &riff.to_le_bytes(), b"WAVE", &chunks, b"data", &data.to_le_bytes()].concat()
}

fn chunk(out: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    out.extend(name);
    out.extend((content.len() as u32).to_le_bytes());
    out.extend(content);
    if content.len() % 2 == 1 {
        out.push(0);
    }
}

/// How much audio a WAV file holds, in ms; `None` where it is no WAV file.
pub(super) fn length_ms(file: &[u8]) -> Option<u32> {
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut per_second = None;
    loop {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        match name {
            b"fmt " => {
                per_second = after.get(8..12).map(|rate| u32::from_le_bytes([rate[0], rate[1], rate[2], rate[3]]));
            }
            b"data" => {
                let bytes = length.min(after.len()) as u64;
                return Some((bytes * 1000).checked_div(u64::from(per_second?))? as u32);
            }
            _ => {}
        }
        rest = after.get(length + length % 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_its_length_again() {
        for format in [Format::MULAW_8K, Format { encoding: Encoding::Pcm16, rate_hz: 24_000 }] {
            let bytes = format.bytes_of_ms(500);
            for kind in [WavHeader::Plain, WavHeader::Endless, WavHeader::Extra] {
                let file = [header(format, bytes, kind), vec![0; bytes]].concat();
                assert_eq!(length_ms(&file), Some(500), "{kind:?}");
            }
        }
        assert_eq!(header(Format::MULAW_8K, 1, WavHeader::Plain).len(), 44);
    }

    #[test]
    fn what_is_no_wav_has_no_length() {
        let file = header(Format::MULAW_8K, 0, WavHeader::Plain);
        for end in 0..file.len() {
            assert_eq!(length_ms(&file[..end]), None, "{end}");
        }
        assert_eq!(length_ms(&file), Some(0));
    }
}
