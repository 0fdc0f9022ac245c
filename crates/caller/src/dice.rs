/// Seeded dice (`SplitMix64`): ids and random deaths of one call come from one seed, so a failing load can be thrown again.
///
/// Not for secrets. Source of the constants: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same way for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The dice of call `number` under `seed`: neighbouring calls do not share a run of numbers.
    pub fn of_call(seed: u64, number: usize) -> Self {
        let mut root = Self(seed ^ (number as u64).wrapping_mul(0xD134_2543_DE82_EF95));
        Self(root.roll())
    }

    /// A seed from the operating system, for runs whose call ids must not meet those of an earlier run. Falls back to a
    /// constant where the system has no randomness to give.
    pub fn seed() -> u64 {
        let mut bytes = [0; 8];
        match getrandom::fill(&mut bytes) {
            Ok(()) => u64::from_le_bytes(bytes),
            Err(_) => 0x0B5E_55ED,
        }
    }

    /// The next 64 bits.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.roll() % bound }
    }

    /// 32 hexadecimal digits: the shape of a call or stream id.
    pub fn hex32(&mut self) -> String {
        format!("{:016x}{:016x}", self.roll(), self.roll())
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_seed_falls_the_same_way_and_neighbours_differ() {
        let ids = |seed, number| Dice::of_call(seed, number).hex32();
        assert_eq!(ids(7, 1), ids(7, 1));
        assert_ne!(ids(7, 1), ids(7, 2));
        assert_ne!(ids(7, 1), ids(8, 1));
        assert_eq!(ids(7, 1).len(), 32);
    }
}
