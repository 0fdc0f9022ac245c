use std::fmt;

/// How one sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Signed 16-bit, little-endian.
    Pcm16,
    /// G.711 µ-law, one byte a sample.
    Mulaw,
    /// G.711 A-law, one byte a sample.
    Alaw,
}

/// Mono audio as it travels: an encoding and a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// How one sample is written.
    pub encoding: Encoding,
    /// Samples a second: 8000, 16000 or 24000.
    pub rate_hz: u32,
}

impl Format {
    /// 8 kHz µ-law: what Twilio speaks.
    pub const MULAW_8K: Self = Self { encoding: Encoding::Mulaw, rate_hz: 8000 };
    /// 8 kHz PCM16: what Exotel speaks unless told otherwise.
    pub const PCM16_8K: Self = Self { encoding: Encoding::Pcm16, rate_hz: 8000 };

    /// Bytes of one sample.
    pub const fn sample_bytes(self) -> usize {
        match self.encoding {
            Encoding::Pcm16 => 2,
            Encoding::Mulaw | Encoding::Alaw => 1,
        }
    }

    /// Bytes of one second.
    pub const fn bytes_per_second(self) -> usize {
        self.sample_bytes() * self.rate_hz as usize
    }

    /// Bytes of `ms` milliseconds.
    pub const fn bytes_of_ms(self, ms: u32) -> usize {
        self.sample_bytes() * (self.rate_hz as usize * ms as usize / 1000)
    }

    /// Milliseconds that `bytes` last, rounded down.
    pub const fn ms_of_bytes(self, bytes: usize) -> u32 {
        (bytes as u64 * 1000 / self.bytes_per_second() as u64) as u32
    }

    /// The byte that fills silence.
    pub const fn silence_byte(self) -> u8 {
        match self.encoding {
            Encoding::Pcm16 => 0,
            Encoding::Mulaw => 0xFF,
            Encoding::Alaw => 0xD5,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoding = match self.encoding {
            Encoding::Pcm16 => "pcm16",
            Encoding::Mulaw => "mulaw",
            Encoding::Alaw => "alaw",
        };
        write!(f, "{encoding}/{}", self.rate_hz)
    }
}
