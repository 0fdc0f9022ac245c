//! Dice that always fall the same way (`SplitMix64`: Steele, Lea, Flood, OOPSLA 2014), so that no crate for randomness is needed.

/// The dice.
pub(super) struct Dice(u64);

impl Dice {
    /// Dice that fall as `seed` says.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z % bound as u64) as usize
    }

    /// Bytes, fewer than `most`, half of them such as protocols are made of.
    pub(super) fn bytes(&mut self, most: usize) -> Vec<u8> {
        const USUAL: &[u8] = b"{}[]\":,\\data: \r\n\0\xff\xc3eventtypenulltrue01-9.RIFFWAVE";
        let count = self.below(most);
        let roll = |dice: &mut Self| match dice.below(2) {
            0 => USUAL[dice.below(USUAL.len())],
            _ => dice.below(256) as u8,
        };
        (0..count).map(|_| roll(self)).collect()
    }

    /// `whole` with some of it changed, left out, repeated or made up.
    pub(super) fn spoilt(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(40)).min(bytes.len());
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
                3 => {
                    let made_up = self.bytes(40);
                    bytes.splice(at..at, made_up);
                }
                _ => bytes.truncate(at),
            }
        }
        bytes
    }

    /// Places to cut `length` bytes at, in order.
    pub(super) fn cuts(&mut self, length: usize) -> Vec<usize> {
        let count = self.below(12);
        let mut cuts: Vec<usize> = (0..count).map(|_| self.below(length + 1)).collect();
        cuts.sort_unstable();
        cuts
    }
}
