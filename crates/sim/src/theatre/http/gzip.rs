/// Gzip (RFC 1952) that compresses nothing: stored blocks (RFC 1951, 3.2.4). Enough to be unreadable as anything else.
#[derive(Debug, Default)]
pub(super) struct Gzip {
    crc: u32,
    length: u32,
}

impl Gzip {
    /// What it begins with.
    pub(super) fn head(&mut self) -> Vec<u8> {
        (self.crc, self.length) = (!0, 0);
        vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
    }

    /// More of the content.
    pub(super) fn block(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 5);
        for block in bytes.chunks(usize::from(u16::MAX)) {
            let length = block.len() as u16;
            out.push(0);
            out.extend(length.to_le_bytes());
            out.extend((!length).to_le_bytes());
            out.extend(block);
        }
        for byte in bytes {
            self.crc =
                (0..8).fold(
                    self.crc ^ u32::from(*byte),
                    |crc, _| {
                        if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 }
                    },
                );
        }
        self.length = self.length.wrapping_add(bytes.len() as u32);
        out
    }

    /// What it ends with: an empty last block, the sum, the length.
    pub(super) fn end(self) -> Vec<u8> {
        let mut out = vec![1, 0, 0, 0xFF, 0xFF];
        out.extend((!self.crc).to_le_bytes());
        out.extend(self.length.to_le_bytes());
        out
    }
}

/// CRC-32 of IEEE 802.3, bits reversed.
const POLYNOMIAL: u32 = 0xEDB8_8320;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_known_one() {
        let mut gzip = Gzip::default();
        gzip.head();
        assert_eq!(gzip.block(b"12345"), [0, 5, 0, 250, 255, b'1', b'2', b'3', b'4', b'5']);
        gzip.block(b"6789");
        let end = gzip.end();
        // The check value of CRC-32 over these nine digits.
        assert_eq!(end[5..9], 0xCBF4_3926_u32.to_le_bytes());
        assert_eq!(end[9..], 9_u32.to_le_bytes());
    }
}
