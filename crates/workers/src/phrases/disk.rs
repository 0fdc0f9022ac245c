use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest as _, Sha256};

use super::{Key, LONGEST, lru::Lru};

/// Phrases as files: one each, named by its key.
///
/// A file appears whole or not at all: it is written under another name and renamed. Should one be damaged later, its header
/// tells, and it is removed. Several processes may use a folder; each minds the limit with what it knows.
pub(super) struct Disk {
    folder: PathBuf,
    files: Lru<()>,
}

/// What reading a phrase came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Its audio.
    Whole(Vec<u8>),
    /// It is not there, or cannot be read.
    Missing,
    /// It was there and not what was written; now it is gone.
    Damaged,
}

impl Disk {
    /// Opens a folder, which is made if it is not there. What an earlier process left half written is removed, and what is more
    /// than `limit` bytes.
    pub(super) fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut found = Vec::new();
        for file in fs::read_dir(folder)? {
            let file = file?;
            let path = file.path();
            match (path.extension().and_then(|end| end.to_str()), key_of(&path)) {
                (Some(PHRASE), Some(key)) => {
                    let data = file.metadata()?;
                    found.push((data.modified().unwrap_or(SystemTime::UNIX_EPOCH), key, data.len()));
                }
                // Nothing else is ours.
                (Some(UNFINISHED), Some(_)) => remove(&path),
                _ => {}
            }
        }
        found.sort_unstable();
        let mut disk = Self { folder: folder.to_owned(), files: Lru::new(limit) };
        for (_, key, bytes) in found {
            disk.note(key, bytes);
        }
        Ok(disk)
    }

    pub(super) fn len(&self) -> u64 {
        self.files.len()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.files.bytes()
    }

    /// Reads a phrase. Asks the folder even for what this process has not written: another one may have.
    pub(super) fn read(&mut self, key: &Key) -> Read {
        let path = self.path(key, PHRASE);
        let Ok(file) = File::open(&path) else {
            self.files.remove(key);
            return Read::Missing;
        };
        match parse(&file) {
            Ok(Some(audio)) => {
                // Its age decides who leaves first after the next start; a folder that forbids it only forgets.
                let _unaged = file.set_modified(SystemTime::now());
                if self.files.use_now(key).is_none() {
                    self.note(*key, (HEADER + audio.len()) as u64);
                }
                Read::Whole(audio)
            }
            Ok(None) => {
                self.files.remove(key);
                remove(&path);
                Read::Damaged
            }
            Err(error) => {
                tracing::warn!(%error, "a phrase cannot be read");
                Read::Missing
            }
        }
    }

    /// Writes a phrase.
    pub(super) fn write(&mut self, key: &Key, audio: &[u8]) -> io::Result<()> {
        let unfinished = self.path(key, UNFINISHED);
        let written = File::create(&unfinished).and_then(|mut file| {
            file.write_all(&header(audio))?;
            file.write_all(audio)?;
            fs::rename(&unfinished, self.path(key, PHRASE))
        });
        if let Err(error) = written {
            remove(&unfinished);
            return Err(error);
        }
        self.note(*key, (HEADER + audio.len()) as u64);
        Ok(())
    }

    /// A file is there; others may have to leave for it.
    fn note(&mut self, key: Key, bytes: u64) {
        for old in self.files.put(key, (), bytes) {
            remove(&self.path(&old, PHRASE));
        }
    }

    fn path(&self, key: &Key, end: &str) -> PathBuf {
        let mut name = hex::encode(key);
        if end == UNFINISHED {
            // Two processes may write the same phrase at once.
            name = format!("{name}-{}", std::process::id());
        }
        self.folder.join(name).with_extension(end)
    }
}

fn key_of(path: &Path) -> Option<Key> {
    let name = path.file_stem()?.to_str()?;
    let name = name.split_once('-').map_or(name, |(key, _)| key);
    let mut key = [0; 32];
    hex::decode_to_slice(name, &mut key).ok().map(|()| key)
}

/// `None`: not what was written.
fn parse(file: &File) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    // A little more than the longest phrase with all that stands in front of it.
    file.take((HEADER + LONGEST + 1024) as u64).read_to_end(&mut bytes)?;
    Ok(bytes.split_at_checked(HEADER).filter(|(head, audio)| header(audio) == **head).map(|(_, audio)| audio.to_vec()))
}

/// What stands in front of the audio: a mark of the format, the length, and the SHA-256 of the audio.
fn header(audio: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MARK);
    header[8..16].copy_from_slice(&(audio.len() as u64).to_le_bytes());
    header[16..].copy_from_slice(&Sha256::digest(audio));
    header
}

/// A file that cannot be removed is found again by the next start.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a phrase cannot be removed");
    }
}

const MARK: &[u8; 8] = b"phrase 1";
const HEADER: usize = 48;
const PHRASE: &str = "phrase";
const UNFINISHED: &str = "unfinished";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_noticed_wherever_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let key = [7; 32];
        let path = folder.path().join(hex::encode(key)).with_extension(PHRASE);
        let audio = b"not quite silence".to_vec();
        let mut disk = Disk::open(folder.path(), 1000).unwrap();
        disk.write(&key, &audio).unwrap();
        let good = fs::read(&path).unwrap();
        assert_eq!((disk.len(), disk.bytes()), (1, good.len() as u64));
        let mut cases: Vec<Vec<u8>> = (0..good.len())
            .map(|at| {
                let mut bad = good.clone();
                bad[at] ^= 1;
                bad
            })
            .collect();
        cases.extend((0..good.len()).map(|end| good[..end].to_vec()));
        cases.push([&good[..], b"x"].concat());
        for bad in cases {
            fs::write(&path, &bad).unwrap();
            assert_eq!(disk.read(&key), Read::Damaged, "{bad:?}");
            assert!(!path.exists());
            assert_eq!((disk.read(&key), disk.len(), disk.bytes()), (Read::Missing, 0, 0));
        }
        disk.write(&key, &audio).unwrap();
        assert_eq!(disk.read(&key), Read::Whole(audio));
    }

    #[test]
    fn a_folder_outlives_its_process_and_keeps_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let make = |number: u8| ([number; 32], vec![number; 52]);
        let mut disk = Disk::open(folder.path(), 300).unwrap();
        for number in 1..=4 {
            let (key, audio) = make(number);
            disk.write(&key, &audio).unwrap();
        }
        // Three of 100 bytes fit; the first has left.
        assert_eq!((disk.read(&[1; 32]), disk.len()), (Read::Missing, 3));
        assert_eq!(disk.read(&[2; 32]), Read::Whole(make(2).1), "and is the youngest now");
        fs::write(folder.path().join("README"), "not ours").unwrap();
        let half = folder.path().join(format!("{}-1", hex::encode([9; 32]))).with_extension(UNFINISHED);
        fs::write(&half, "half").unwrap();
        let mut disk = Disk::open(folder.path(), 200).unwrap();
        assert!(!half.exists() && folder.path().join("README").exists());
        assert_eq!((disk.len(), disk.bytes()), (2, 200));
        assert_eq!(disk.read(&[3; 32]), Read::Missing, "the oldest has left");
        assert_eq!(disk.read(&[2; 32]), Read::Whole(make(2).1));
        // What another process has written is found as well.
        let (key, audio) = make(8);
        Disk::open(folder.path(), 1000).unwrap().write(&key, &audio).unwrap();
        assert_eq!((disk.read(&key), disk.len()), (Read::Whole(audio), 2));
    }
}
