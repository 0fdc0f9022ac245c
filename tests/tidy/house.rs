use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// The project as the rules see it.
#[derive(Debug, Default)]
pub(crate) struct House {
    /// Our packages.
    pub(crate) rooms: Vec<Room>,
    /// Everybody else's that is compiled for Linux, features on or off.
    pub(crate) guests: Vec<Guest>,
    /// The names in the lock file, of any platform.
    pub(crate) locked: BTreeSet<String>,
    /// Every text file under the root, but for what is built or fetched.
    pub(crate) files: Vec<File>,
}

/// One package of the workspace.
#[derive(Debug)]
pub(crate) struct Room {
    /// The package's name without the prefix.
    pub(crate) name: String,
    pub(crate) edges: Vec<Edge>,
}

/// A dependency as the manifest names it.
#[derive(Debug)]
pub(crate) struct Edge {
    /// The package's name.
    pub(crate) to: String,
    /// Needed by tests and examples only.
    pub(crate) dev: bool,
}

/// A package from outside.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) name: String,
    /// The licence expression of its manifest.
    pub(crate) licence: Option<String>,
}

/// One text file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) const PREFIX: &str = "operetta-";

impl House {
    /// The house this test stands in. Read once.
    pub(crate) fn real() -> &'static Self {
        static HOUSE: OnceLock<House> = OnceLock::new();
        HOUSE.get_or_init(|| Self::read(&root()))
    }

    #[expect(clippy::expect_used, reason = "a house that cannot be read must fail every rule")]
    fn read(root: &Path) -> Self {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            // What is built for servers. Without it, cargo would fetch what only other systems need.
            .other_options(["--filter-platform".into(), format!("{}-unknown-linux-gnu", std::env::consts::ARCH)])
            .exec()
            .expect("cargo metadata");
        let lock = fs::read_to_string(root.join("Cargo.lock")).expect("Cargo.lock");
        let locked = lock.lines().filter_map(|line| Some(line.strip_prefix("name = \"")?.strip_suffix('"')?.into()));
        let mut files = Vec::new();
        walk(root, root, &mut files);
        Self { rooms: rooms(&metadata), guests: guests(&metadata), locked: locked.collect(), files }
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Our Rust sources.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.written_in("rs")
    }

    /// The files whose names have this extension.
    pub(crate) fn written_in(&self, extension: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| Path::new(&file.path).extension().is_some_and(|it| it == extension))
    }

    /// Adds a file, for planted faults.
    pub(crate) fn put(&mut self, path: &str, text: &str) {
        self.files.push(File { path: path.into(), text: text.into() });
    }

    /// Adds a room with normal dependencies, for planted faults.
    pub(crate) fn build(&mut self, name: &str, dependencies: &[&str]) {
        let edges = dependencies.iter().map(|to| Edge { to: (*to).into(), dev: false }).collect();
        self.rooms.push(Room { name: name.into(), edges });
    }
}

fn rooms(metadata: &Metadata) -> Vec<Room> {
    let members = metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id));
    let rooms = members.map(|package| Room {
        name: package.name.strip_prefix(PREFIX).unwrap_or(&package.name).into(),
        edges: package
            .dependencies
            .iter()
            .map(|edge| Edge { to: edge.name.clone(), dev: edge.kind == DependencyKind::Development })
            .collect(),
    });
    rooms.collect()
}

fn guests(metadata: &Metadata) -> Vec<Guest> {
    let used: BTreeSet<_> = metadata.resolve.iter().flat_map(|tree| &tree.nodes).map(|node| &node.id).collect();
    let guests = metadata
        .packages
        .iter()
        .filter(|package| used.contains(&package.id) && !metadata.workspace_members.contains(&package.id))
        .map(|package| Guest { name: package.name.to_string(), licence: package.license.clone() });
    guests.collect()
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if path.is_symlink() || BUILT_OR_FETCHED.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            // What is not UTF-8 is no text.
            files.push(File { path: name, text });
        }
    }
}

const BUILT_OR_FETCHED: [&str; 4] = [".git", "target", "models", "data"];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).into()
}
