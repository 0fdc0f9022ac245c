use std::collections::{BTreeMap, HashMap};

use super::Key;

/// What fits into so many bytes, the least recently used leaving first. Pure.
pub(super) struct Lru<V> {
    entries: HashMap<Key, Entry<V>>,
    /// By when they were used last.
    order: BTreeMap<u64, Key>,
    uses: u64,
    bytes: u64,
    limit: u64,
}

struct Entry<V> {
    value: V,
    bytes: u64,
    used: u64,
}

impl<V> Lru<V> {
    pub(super) fn new(limit: u64) -> Self {
        Self { entries: HashMap::new(), order: BTreeMap::new(), uses: 0, bytes: 0, limit }
    }

    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Finds an entry, and counts it as used.
    pub(super) fn use_now(&mut self, key: &Key) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        self.uses += 1;
        self.order.remove(&entry.used);
        self.order.insert(self.uses, *key);
        entry.used = self.uses;
        Some(&entry.value)
    }

    /// Puts an entry in, in place of one with the same key. Returns whose turn it was to leave: perhaps the new one itself, if
    /// it is larger than everything may be.
    pub(super) fn put(&mut self, key: Key, value: V, bytes: u64) -> Vec<Key> {
        self.remove(&key);
        self.uses += 1;
        self.order.insert(self.uses, key);
        self.entries.insert(key, Entry { value, bytes, used: self.uses });
        self.bytes += bytes;
        let mut left = Vec::new();
        while self.bytes > self.limit
            && let Some((_, oldest)) = self.order.first_key_value().map(|(used, key)| (*used, *key))
        {
            self.remove(&oldest);
            left.push(oldest);
        }
        left
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.used);
        self.bytes -= entry.bytes;
        Some(entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_leave_first() {
        let key = |number: u8| [number; 32];
        let mut lru = Lru::new(10);
        for number in 1..=5 {
            assert_eq!(lru.put(key(number), number, 2), Vec::<Key>::new());
        }
        assert_eq!(lru.use_now(&key(1)), Some(&1));
        assert_eq!(lru.put(key(6), 6, 3), [key(2), key(3)]);
        assert_eq!((lru.len(), lru.bytes()), (4, 9));
        assert_eq!(lru.put(key(4), 44, 2), Vec::<Key>::new(), "in place of itself");
        assert_eq!(lru.use_now(&key(4)), Some(&44));
        assert_eq!(lru.use_now(&key(3)), None);
        assert_eq!(lru.remove(&key(4)), Some(44));
        assert_eq!((lru.len(), lru.bytes()), (3, 7));
        assert_eq!(lru.put(key(7), 7, 11), [key(5), key(1), key(6), key(7)], "too large for everything");
        assert_eq!((lru.len(), lru.bytes()), (0, 0));
    }
}
