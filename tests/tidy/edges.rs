//! Who may depend on whom. The rooms are those of docs/ARCHITECTURE.md.

use crate::{
    Complaints, assert_content, assert_noticed, assert_tidy,
    house::{Edge, House, PREFIX, Room},
    rust,
};

/// What a room may import.
struct Rights {
    room: &'static str,
    /// Rooms it builds upon.
    rooms: &'static [&'static str],
    /// Further rooms of its tests and examples.
    test_rooms: &'static [&'static str],
    /// Classes of outside packages it builds upon. Tests may use any.
    classes: &'static [Class],
}

/// What an outside package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Derives and conversions that cost nothing at run time: errors, encodings.
    Plain,
    /// Samples in, samples out.
    Samples,
    /// Reading and writing WAV files.
    Wav,
    /// Models and the sums around them.
    Inference,
    /// Serialisation.
    Data,
    /// Futures, channels, timers.
    Async,
    /// Actors.
    Actors,
    /// HTTP and WebSockets, the server's side and what both sides share.
    Web,
    /// HTTP and WebSockets, the client's side.
    Client,
    /// Logs and spans.
    Tracing,
    /// Signatures, digests, dice.
    Crypto,
    /// TLS.
    Tls,
    /// Counting and exporting.
    Metrics,
    /// Command line, configuration, terminal, dates.
    Program,
    /// Sockets and threads of the operating system.
    System,
    /// Used by tests only.
    Test,
}

use Class::{
    Actors, Async, Client, Crypto, Data, Inference, Metrics, Plain, Program, Samples, System, Test, Tls, Tracing, Wav,
    Web,
};

/// A room that is not here may not exist; an edge that is not here may not be drawn.
#[rustfmt::skip]
const ROOMS: &[Rights] = &[
    // What a call is. No clock, no dice, no I/O, no serialisation: it could not cheat if it wanted to.
    Rights { room: "call", rooms: &[], test_rooms: &[], classes: &[Plain] },
    Rights { room: "audio", rooms: &[], test_rooms: &[], classes: &[Plain, Samples] },
    Rights { room: "wire", rooms: &["audio", "call"], test_rooms: &[], classes: &[Plain, Data] },
    Rights { room: "contract", rooms: &["audio"], test_rooms: &[], classes: &[Plain] },
    Rights { room: "stage", rooms: &["contract"], test_rooms: &[], classes: &[Plain, Async, Actors, Tracing] },
    Rights { room: "local", rooms: &["audio", "contract", "stage"], test_rooms: &[],
             classes: &[Plain, Samples, Inference, Data, Async, Actors, Tracing, System] },
    Rights { room: "workers", rooms: &["audio", "contract", "stage"], test_rooms: &[],
             classes: &[Plain, Wav, Data, Async, Actors, Web, Client, Crypto, Tls, Tracing, System] },
    // What each provider's API looks like. No socket, no clock, no other vendor.
    Rights { room: "vendors", rooms: &["audio", "contract"], test_rooms: &[], classes: &[Plain, Data] },
    // The shell of the call. No socket and no vendor: it sees a leg as two channels, and workers as desks.
    Rights { room: "session", rooms: &["audio", "call", "contract", "stage", "wire", "workers"], test_rooms: &[],
             classes: &[Plain, Async, Actors, Tracing, Crypto] },
    // The other end of the line. It must not know how the engine works, or it would agree with its mistakes.
    Rights { room: "caller", rooms: &["audio", "contract", "wire"], test_rooms: &[],
             classes: &[Plain, Samples, Wav, Data, Async, Web, Client, Crypto, Tls, Metrics] },
    Rights { room: "server",
             rooms: &["audio", "call", "caller", "contract", "local", "session", "stage", "vendors", "wire", "workers"],
             test_rooms: &["sim"],
             classes: &[Plain, Inference, Data, Async, Actors, Web, Client, Tracing, Crypto, Tls, Metrics, Program, System] },
    // The theatre plays every part but the engine's own.
    Rights { room: "sim",
             rooms: &["audio", "call", "caller", "contract", "local", "session", "stage", "vendors", "wire", "workers"],
             test_rooms: &[],
             classes: &[Plain, Samples, Wav, Data, Async, Actors, Web, Client, Tracing, Crypto, Metrics, Program, System] },
    Rights { room: "examples",
             rooms: &["audio", "call", "caller", "contract", "local", "session", "stage", "vendors", "wire", "workers"],
             test_rooms: &["audio", "call", "caller", "contract", "local", "session", "stage", "vendors", "wire", "workers"],
             classes: &[Plain, Async, Actors, Web, Tracing, Program] },
    // What an integrator copies: it sees what anybody outside would.
    Rights { room: "custom-provider", rooms: &["audio", "contract", "server", "vendors"], test_rooms: &["caller"],
             classes: &[Plain, Data] },
    Rights { room: "tests",
             rooms: &["audio", "call", "caller", "contract", "local", "server", "session", "sim", "stage", "vendors", "wire", "workers"],
             test_rooms: &["audio", "call", "caller", "contract", "local", "server", "session", "sim", "stage", "vendors", "wire", "workers"],
             classes: &[Plain, Wav, Data, Async, Actors, Web, Client, Crypto, Program, System, Test] },
];

/// Every outside package that one of our manifests names.
#[rustfmt::skip]
const PACKAGES: &[(&str, Class)] = &[
    ("actix", Actors), ("actix-http", Web), ("actix-rt", Async), ("actix-service", Web), ("actix-tls", Client),
    ("actix-web", Web), ("actix-web-actors", Web), ("anyhow", Program), ("assert_cmd", Test),
    ("audio-codec-algorithms", Samples), ("audioadapter-buffers", Samples), ("awc", Client), ("base64", Plain),
    ("bytes", Plain), ("bytestring", Plain), ("cargo_metadata", Test), ("clap", Program), ("config", Program),
    ("flite-rs", Inference), ("futures-util", Async), ("getrandom", Crypto), ("hdrhistogram", Metrics), ("hex", Plain),
    ("hmac", Crypto), ("hound", Wav), ("httparse", Web), ("insta", Test), ("jiff", Program), ("misaki-rs", Inference),
    ("nanomp3", Samples),
    ("owo-colors", Program), ("pin-project-lite", Plain), ("predicates", Test), ("prometheus-client", Metrics),
    ("proptest", Test), ("quick-xml", Data), ("realfft", Inference), ("rten", Inference), ("rten-tensor", Inference),
    ("rubato", Samples), ("rustix", System), ("rustls", Tls), ("rustvani-vad", Inference), ("schemars", Data),
    ("secrecy", Plain), ("serde", Data), ("serde_json", Data), ("serde_path_to_error", Data),
    ("serde_urlencoded", Data), ("sha1", Crypto), ("sha2", Crypto), ("socket2", System), ("strsim", Program),
    ("subtle", Crypto), ("tempfile", Test), ("thiserror", Plain), ("tokio", Async), ("tokio-stream", Async),
    ("tokio-util", Async), ("toml", Data), ("tracing", Tracing), ("tracing-subscriber", Tracing), ("url", Plain),
];

/// Names that only some files may use: the names, where, why.
const CONFINED: &[(&[&str], &[&str], &str)] = &[
    (
        &["actix_web_actors"],
        &["crates/server/src/leg.rs", "crates/server/src/leg/", "crates/sim/src/"],
        "moving to actix-ws must change one file (the theatre's bare echo server stands on the same layer, to compare)",
    ),
    (
        &["rten"],
        &["crates/local/", "crates/server/src/cli/call/"],
        "models run on the threads of `local`; only the caller's program, which has no lane, runs one by itself",
    ),
    (
        &["env::var", "env::var_os", "env::vars", "env::vars_os"],
        &["crates/server/src/config", "crates/local/tests/", "tests/src/bin/conformance.rs"],
        "only the server's configuration knows the environment; tests of the models may keep them elsewhere, and keys of real \
         vendors are for one program to hand to them",
    ),
];

fn edges(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for room in &house.rooms {
        let Some(rights) = ROOMS.iter().find(|rights| rights.room == room.name) else {
            complaints.push(format!("{}: a room without a row in ROOMS", room.name));
            continue;
        };
        complaints
            .extend(room.edges.iter().filter_map(|edge| Some(format!("{}: {}", room.name, fault(rights, edge)?))));
    }
    complaints
}

fn fault(rights: &Rights, edge: &Edge) -> Option<String> {
    if let Some(room) = edge.to.strip_prefix(PREFIX) {
        let may = rights.rooms.contains(&room) || edge.dev && rights.test_rooms.contains(&room);
        return (!may).then(|| format!("may not depend on the room {room}"));
    }
    let Some((_, class)) = PACKAGES.iter().find(|(package, _)| *package == edge.to) else {
        return Some(format!("depends on {}, which has no row in PACKAGES", edge.to));
    };
    let may = rights.classes.contains(class) || edge.dev;
    (!may).then(|| format!("may not depend on {} ({class:?})", edge.to))
}

fn confined(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for file in house.rust() {
        let code = rust::code(&file.text);
        for (words, places, why) in CONFINED {
            let named = words.iter().find(|word| rust::names(&code, word));
            if let Some(word) = named.filter(|_| !places.iter().any(|place| file.path.starts_with(place))) {
                complaints.push(format!("{}: names {word}: {why}", file.path));
            }
        }
    }
    complaints
}

/// Dependencies that the code of their room does not name.
fn idle(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for room in &house.rooms {
        let folder = match room.name.as_str() {
            name @ ("examples" | "tests") => format!("{name}/"),
            name @ "custom-provider" => format!("examples/{name}/"),
            name => format!("crates/{name}/"),
        };
        let code: String =
            house.rust().filter(|file| file.path.starts_with(&folder)).map(|file| rust::code(&file.text)).collect();
        for edge in &room.edges {
            if !rust::names(&code, &edge.to.replace('-', "_")) {
                complaints
                    .push(format!("{}: nothing under {folder} names {}: drop the dependency", room.name, edge.to));
            }
        }
    }
    complaints
}

#[test]
fn every_edge_is_in_the_table() {
    assert_tidy(edges);
    for (room, to) in [
        ("call", "serde"),
        ("call", "tokio"),
        ("call", "actix"),
        ("call", "tracing"),
        ("call", "getrandom"),
        ("audio", "tokio"),
        ("wire", "actix"),
        ("contract", "awc"),
        ("session", "actix-web"),
        ("session", "awc"),
        ("local", "operetta-call"),
        ("local", "operetta-wire"),
        ("stage", "operetta-call"),
        ("workers", "operetta-session"),
        ("caller", "operetta-server"),
        ("caller", "operetta-session"),
        ("sim", "operetta-server"),
        ("server", "operetta-sim"),
        ("examples", "operetta-sim"),
        ("audio", "left-pad"),
    ] {
        assert_noticed(edges, |house| house.build(room, &[to]), to.trim_start_matches(PREFIX));
    }
    assert_noticed(edges, |house| house.build("attic", &[]), "attic");
    assert_content(edges, |house| house.build("session", &["operetta-call", "actix", "tracing"]));
}

#[test]
fn tests_may_use_more_than_the_room_itself() {
    let room = |to: &str| Room { name: "server".into(), edges: vec![Edge { to: to.into(), dev: true }] };
    assert_content(edges, |house| house.rooms.extend([room("operetta-sim"), room("proptest")]));
    assert_noticed(edges, |house| house.rooms.push(room("left-pad")), "left-pad");
    let call = Room { name: "call".into(), edges: vec![Edge { to: "operetta-sim".into(), dev: true }] };
    assert_noticed(edges, |house| house.rooms.push(call), "sim");
}

#[test]
fn what_is_confined_stays_where_it_is() {
    assert_tidy(confined);
    for code in ["use actix_web_actors::ws;", "fn f() { actix_web_actors::ws::start(); }"] {
        assert_noticed(confined, |house| house.put("crates/server/src/routes/exotel.rs", code), "actix_web_actors");
    }
    assert_noticed(confined, |house| house.put("crates/local/src/lib.rs", "use std::env::var_os;"), "env::var_os");
    assert_content(confined, |house| house.put("crates/server/src/leg.rs", "use actix_web_actors::ws;"));
    assert_content(confined, |house| house.put("crates/call/src/lib.rs", "// not actix_web_actors\nenv!(\"HOME\")"));
}

#[test]
fn every_dependency_is_named_by_its_room() {
    assert_tidy(idle);
    assert_noticed(idle, |house| house.build("wire", &["serde_json"]), "serde_json");
    assert_content(idle, |house| {
        house.build("wire", &["serde_json"]);
        house.put("crates/wire/src/lib.rs", "use serde_json::Value;");
    });
}
