//! Settings from defaults, file and environment; what is refused, and with which words.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::{fs, path::Path};

use operetta_server::config::{
    self, Effective, Inspection, LogFormat, Mode, Origin, Problem, ProblemKind, Settings, TtsProvider,
};
use proptest::prelude::*;
use secrecy::ExposeSecret;

/// A look at a file's text and some variables.
fn inspect(file: &str, env: &[(&str, &str)]) -> Inspection {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("operetta.toml");
    fs::write(&path, file).unwrap();
    config::inspect(Some(&path), variables(env))
}

/// The settings, which must be free of problems.
fn load(file: &str, env: &[(&str, &str)]) -> Settings {
    let found = inspect(file, env);
    assert_eq!(found.problems.list(), [], "{}", found.problems);
    found.settings
}

/// Each problem as `source key: what (help)`, with `file` for the path of the file.
fn problems(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    let line = |problem: &Problem| {
        let source = match &problem.origin {
            Origin::Default => "-".to_owned(),
            Origin::File(_) => "file".to_owned(),
            Origin::Env(name) => name.clone(),
        };
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{source} {}: {}{help}", problem.key, problem.what)
    };
    inspect(file, env).problems.list().iter().map(line).collect()
}

fn variables(env: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    env.into_iter()
}

fn setting<'a>(effective: &'a [Effective], key: &str) -> &'a Effective {
    effective.iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("no {key}"))
}

#[test]
fn defaults_alone_are_a_working_configuration() {
    let loaded = Settings::load(None, variables(&[])).unwrap();
    let settings = loaded.settings;
    settings.check_exposure().unwrap();
    assert_eq!(settings.http.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.http.ws_path, "/exotel/media");
    assert_eq!(settings.http.max_calls, 400);
    assert_eq!(settings.http.leg.message_bytes, 262_144);
    assert_eq!(settings.admin.bind.to_string(), "127.0.0.1:9090");
    assert_eq!((settings.exotel.chunk_bytes, settings.exotel.lead_ms), (None, 800));
    assert_eq!(settings.timing.endpoint_ms, 700);
    assert_eq!(settings.drain.drain_secs, 900);
    assert_eq!(settings.speech.tts, TtsProvider::Embedded);
    assert_eq!(settings.log.format, LogFormat::Auto);
    assert!(settings.recording.enabled);
    assert!(settings.lanes() >= 1);
    assert_eq!(settings.base_url().ws(&settings.http.ws_path), "ws://127.0.0.1:8080/exotel/media");
    let agent = &settings.agents[&settings.default_agent];
    assert_eq!((settings.default_agent.as_str(), agent.mode, agent.voice.as_str()), ("asha", Mode::Full, "default"));
    assert!(!agent.greeting.is_empty());
    assert!(loaded.effective.iter().all(|setting| setting.origin == Origin::Default));
}

#[test]
fn higher_layers_win_and_every_value_knows_its_origin() {
    let file = "[http]\nmax_calls = 10\nmax_connections = 100\n[timing]\nendpoint_ms = 650\n";
    let env = [("OPERETTA__HTTP__MAX_CALLS", "20"), ("OPERETTA__LOG__FORMAT", "JSON"), ("UNRELATED", "1")];
    let found = inspect(file, &env);
    assert_eq!(found.problems.list(), []);
    assert_eq!(found.settings.http.max_calls, 20);
    assert_eq!(found.settings.http.max_connections, 100);
    assert_eq!(found.settings.log.format, LogFormat::Json);
    assert_eq!(setting(&found.effective, "http.max_calls").origin, Origin::Env("OPERETTA__HTTP__MAX_CALLS".into()));
    assert!(
        matches!(&setting(&found.effective, "timing.endpoint_ms").origin, Origin::File(path) if path.ends_with("operetta.toml"))
    );
    assert_eq!(setting(&found.effective, "timing.final_ms").origin, Origin::Default);
}

#[test]
fn variables_become_what_their_setting_takes() {
    let settings = load(
        "",
        &[
            ("OPERETTA__HTTP__LEG__MESSAGE_BYTES", " 131_072 "),
            ("OPERETTA__RECORDING__ENABLED", "off"),
            ("OPERETTA__EXOTEL__SECRET", "123456789"),
            ("OPERETTA__TWILIO__AUTH_TOKENS", "12345, 67890"),
            ("OPERETTA__AGENTS__ASHA__NUMBERS", "100,+912255500100"),
            ("OPERETTA__SPEECH__MODELS_DIR", ""),
        ],
    );
    assert_eq!(settings.http.leg.message_bytes, 131_072);
    assert!(!settings.recording.enabled);
    // A secret of digits stays text.
    assert_eq!(settings.exotel.secret.unwrap().expose_secret(), "123456789");
    let tokens: Vec<_> = settings.twilio.auth_tokens.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(tokens, ["12345", "67890"]);
    assert_eq!(settings.agents["asha"].numbers, ["100", "+912255500100"]);
    // Empty means not set.
    assert_eq!(settings.speech.models_dir, Path::new("models"));
}

#[test]
fn older_variable_names_work() {
    let settings = load(
        "default_agent = \"acme\"\n[agents.acme]\ngreeting = \"from the file\"\n",
        &[
            ("PORT", "10000"),
            ("RENDER_EXTERNAL_URL", "https://render.example.com"),
            ("WEBHOOK_BASE_URL", "https://hooks.example.com/"),
            ("WS_PATH", "voice/ws"),
            ("EXOTEL_WS_TOKEN", "exotel-token"),
            ("TWILIO_AUTH_TOKEN", "twilio-token"),
            ("GREETING_TEXT", "Good day."),
            ("TTS_PROVIDER", "flite"),
        ],
    );
    assert_eq!(settings.http.bind.to_string(), "0.0.0.0:10000");
    assert_eq!(settings.base_url().as_str(), "https://hooks.example.com");
    assert_eq!(settings.http.ws_path, "/voice/ws");
    assert_eq!(settings.exotel.secret.as_ref().unwrap().expose_secret(), "exotel-token");
    assert_eq!(settings.twilio.auth_tokens[0].expose_secret(), "twilio-token");
    assert_eq!(settings.agents["acme"].greeting, "Good day.");
    assert_eq!(settings.roles.tts, ["flite"]);
    assert_eq!(settings.agents["acme"].tts, ["flite"]);
    settings.check_exposure().unwrap();

    let render = load("", &[("RENDER_EXTERNAL_URL", "https://render.example.com")]);
    assert_eq!(render.base_url().as_str(), "https://render.example.com");
    let ours = load("", &[("OPERETTA__HTTP__BIND", "127.0.0.1:7000"), ("PORT", "10000")]);
    assert_eq!(ours.http.bind.to_string(), "127.0.0.1:7000");
    assert_eq!(problems("", &[("PORT", "http")]), ["PORT http.bind: expected a port from 1 to 65535, found \"http\""]);
}

#[test]
fn agents_inherit_what_they_do_not_override() {
    let file = r#"
        default_agent = "acme"
        [timing]
        endpoint_ms = 650
        [agents.acme]
        greeting = "Acme."
        numbers = ["+91 22 5550 0100"]
        [agents.acme.timing]
        idle_ms = 15_000
        [agents.acme.lines]
        goodbye = "Bye."
        [agents.zebra]
        greeting = "Zebra."
        mode = "beep"
    "#;
    let settings = load(file, &[]);
    let acme = &settings.agents["acme"];
    assert_eq!((acme.timing.idle_ms, acme.timing.endpoint_ms, acme.timing.mind_ms), (15_000, 650, 8000));
    assert_eq!((acme.lines.goodbye.as_str(), &acme.lines.still_there), ("Bye.", &settings.lines.still_there));
    assert_eq!(settings.timing.idle_ms, 10_000);
    // The built-in agent has made room.
    assert_eq!(settings.agents.keys().collect::<Vec<_>>(), ["acme", "zebra"]);

    assert_eq!(settings.default_agent, "acme");
}

#[test]
fn the_built_in_agent_stays_when_it_is_meant() {
    let file = "[agents.asha]\nmode = \"bare\"\n[agents.acme]\ngreeting = \"Acme.\"\n";
    let settings = load(file, &[]);
    assert_eq!(settings.agents.keys().collect::<Vec<_>>(), ["acme", "asha"]);
    assert_eq!(settings.agents["asha"].mode, Mode::Bare);
    assert!(settings.agents["asha"].greeting.contains("Asha"));
}

#[test]
fn all_problems_are_told_at_once() {
    let file = r#"
        default_agent = "ash"
        chunk_bytes = 3
        [http]
        wokers = 3
        workers = 0
        [exotel]
        chunk_bytes = 333
        username = "a"
        [agents.asha]
        voice = "kalle"
        mode = "beeep"
    "#;
    let env = [("OPERETTA__HTTP__BNID", "x"), ("OPERETTA_HTTP_BIND", "x"), ("OPERETTA__HTTP__MAX_CALLS", "many")];
    assert_eq!(
        problems(file, &env),
        [
            "OPERETTA_HTTP_BIND : not a setting (did you mean `OPERETTA__HTTP__BIND`?)",
            "OPERETTA__HTTP__BNID : unknown variable: no setting has this name (did you mean `OPERETTA__HTTP__BIND`?)",
            "file agents.asha.mode: expected one of full, beep, bare, found \"beeep\" (did you mean `beep`?)",
            "file agents.asha.voice: expected a known voice: default, hibari, kal or kal16, found \"kalle\"",
            "file chunk_bytes: unknown key (did you mean `exotel.chunk_bytes`?)",
            "file default_agent: there is no agent \"ash\" (did you mean `asha`?)",
            "file exotel.chunk_bytes: expected a whole number from 320 to 74880, a multiple of 320, found 333",
            "- exotel.password: is missing: exotel.username is no use without it (set exotel.password (OPERETTA__EXOTEL__PASSWORD) too)",
            "OPERETTA__HTTP__MAX_CALLS http.max_calls: expected a whole number from 1 to 100000, found \"many\"",
            "file http.wokers: unknown key (did you mean `http.workers`?)",
            "file http.workers: expected a whole number from 1 to 256, found 0",
        ]
    );
    let text = inspect(file, &env).problems.to_string();
    assert!(text.starts_with("the configuration is not usable\n"), "{text}");
    assert!(text.ends_with("list of all keys: operetta check-config --schema"), "{text}");
}

#[test]
fn each_wrong_value_is_refused_with_what_was_expected() {
    for (file, expected) in [
        ("http = 1", "file http: expected a table, found 1"),
        (
            "[http]\nbind = \"localhost\"",
            "file http.bind: expected an address and a port such as 127.0.0.1:8080, found \"localhost\"",
        ),
        ("[http]\nmax_calls = \"9\"", "file http.max_calls: expected a whole number from 1 to 100000, found \"9\""),
        ("[http]\nmax_calls = 9.5", "file http.max_calls: expected a whole number from 1 to 100000, found 9.5"),
        ("[http]\ninsecure = 1", "file http.insecure: expected true or false, found 1"),
        (
            "[http]\nmax_calls = 4000",
            "- http.max_connections: 2048 leaves no room for webhooks besides 4000 calls (expected more than http.max_calls)",
        ),
        (
            "[http]\nws_path = \"media\"",
            "file http.ws_path: expected a path such as /exotel/media: a slash, then letters, digits, - . _ ~ and more slashes, found \"media\"",
        ),
        ("[http]\nws_path = \"/twilio/media\"", "file http.ws_path: \"/twilio/media\" is a path of another route"),
        (
            "[http]\npublic_url = \"http://voice.example.com\"",
            "file http.public_url: expected https: carriers refuse plain http, which is for loopback only",
        ),
        (
            "[http]\npublic_url = \"https://u:hunter22@voice.example.com\"",
            "file http.public_url: expected no user name or password in the URL",
        ),
        ("[http.leg]\nping_secs = 30", "- http.leg.dead_secs: expected more than ping_secs, which is 30"),
        (
            "[admin]\nbind = \"127.0.0.1:8080\"",
            "file admin.bind: port 8080 is that of http.bind: two listeners need two",
        ),
        (
            "[exotel]\nchunk_bytes = 74880",
            "- exotel.lead_ms: 800 is less than one chunk: exotel.chunk_bytes are 4680 ms at 8 kHz",
        ),
        (
            "[exotel]\nsecret = 12345678",
            "file exotel.secret: expected text of 8 to 256 characters, found something else",
        ),
        ("[exotel]\nsecret = \"hunter2\"", "file exotel.secret: expected 8 to 256 characters, found 7"),
        ("[twilio]\nauth_tokens = \"hunter22\"", "file twilio.auth_tokens: expected a list, found something else"),
        ("[twilio]\nauth_tokens = [\"\"]", "file twilio.auth_tokens: expected 1 to 256 characters, found 0"),
        (
            "[speech]\ntts = \"hibary\"",
            "file speech.tts: expected one of embedded, hibari, flite, found \"hibary\" (did you mean `hibari`?)",
        ),
        (
            "[speech]\ntts = \"flite\"\n[agents.asha]\nvoice = \"hibari\"",
            "file agents.asha.voice: voice \"hibari\" is not one of those that speech.tts speaks with (use `default`, or set speech.tts = \"embedded\")",
        ),
        (
            "[agents.asha]\nvoice = \"hibari\"\ntts = [\"flite\"]",
            "file agents.asha.voice: voice \"hibari\" is not one of those that flite speaks with (use `default`, or \"embedded\" in the place of \"flite\")",
        ),
        (
            "[log]\nlevel = \"a=b=c\"",
            "file log.level: expected a level such as info, or a filter such as info,operetta_session=debug, found \"a=b=c\"",
        ),
        (
            "[timing]\ncomfort_after_ms = 2500",
            "- timing.fallback_after_ms: expected more than comfort_after_ms, which is 2500",
        ),
        (
            "[agents.asha.timing]\nidle_ms = 700_000",
            "file agents.asha.timing.idle_ms: expected a whole number from 1000 to 600000, found 700000",
        ),
        (
            "[agents.asha]\nlanguage = \"english\"",
            "file agents.asha.language: expected a language tag such as en-IN, found \"english\"",
        ),
        (
            "[agents.asha]\ngreting = \"x\"",
            "file agents.asha.greting: unknown key (did you mean `agents.asha.greeting`?)",
        ),
        (
            "[agents.asha]\nnumbers = [\"1\"]",
            "file agents.asha.numbers: expected a number of 2 to 20 digits, found \"1\"",
        ),
        (
            "[agents.asha]\nnumbers = [\"+912255500100\", \"02255500100\"]",
            "file agents.asha.numbers: \"02255500100\" is listed twice: agents.asha.numbers has \"+912255500100\"",
        ),
        (
            "default_agent = \"front\"",
            "file default_agent: there is no agent \"front\" (set default_agent (OPERETTA__DEFAULT_AGENT) to one of: asha)",
        ),
        ("\"a[4294967295]\" = 1", "file : key \"a[4294967295]\": expected letters, digits, - and _"),
    ] {
        assert_eq!(problems(file, &[]), [expected], "{file}");
    }
}

#[test]
fn agents_have_names_and_greetings() {
    let file =
        "default_agent = \"acme\"\n[agents.acme]\n[agents.Zebra]\ngreeting = \"x\"\n[agents.a__b]\ngreeting = \"x\"\n";
    let name = "expected an agent's name of a to z, digits, - and single _, at most 64 characters";
    assert_eq!(
        problems(file, &[]),
        [
            format!("file agents.Zebra: {name}"),
            format!("file agents.a__b: {name}"),
            "- agents.acme.greeting: is missing: every agent greets its callers".to_owned(),
        ]
    );
}

#[test]
fn unreadable_files_are_problems_and_keep_their_secrets() {
    let missing = config::inspect(Some(Path::new("no/such/file.toml")), variables(&[]));
    assert_eq!(missing.problems.list()[0].kind, ProblemKind::UnreadableFile);
    assert!(missing.problems.to_string().contains("no/such/file.toml: cannot be read: "), "{}", missing.problems);

    let broken = problems("[exotel]\nsecret = \"hunter22-hunter22\n", &[]);
    assert_eq!(broken.len(), 1);
    assert!(broken[0].starts_with("file : is not TOML: line 2, column "), "{broken:?}");
    assert!(!broken[0].contains("hunter22"), "{broken:?}");
}

#[test]
fn no_secret_is_ever_shown() {
    let file = "[exotel]\nusername = \"u\"\npassword = \"hunter22-a\"\nsecret = \"hunter22-b\"\n[twilio]\nauth_tokens = [\"hunter22-c\", \"hunter22-d\"]\n";
    let found = inspect(file, &[]);
    assert_eq!(found.problems.list(), []);
    assert_eq!(setting(&found.effective, "twilio.auth_tokens").value, "[\"********\", \"********\"]");
    assert_eq!(setting(&found.effective, "exotel.secret").value, "\"********\"");
    assert!(!format!("{found:?}").contains("hunter22"), "{found:?}");

    let wrong = inspect("[twilio]\nauth_tokens = [\"hunter22\", 3]\n", &[("OPERETTA__EXOTEL__SECRET", "hunter2")]);
    assert_eq!(wrong.problems.list().len(), 2);
    assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
}

#[test]
fn secrets_come_from_files_too() {
    let dir = tempfile::tempdir().unwrap();
    let (secret, tokens) = (dir.path().join("secret"), dir.path().join("tokens"));
    fs::write(&secret, "from-a-file\n").unwrap();
    fs::write(&tokens, "one\ntwo\n").unwrap();
    let (secret, tokens) = (secret.to_str().unwrap(), tokens.to_str().unwrap());
    let settings =
        load("", &[("OPERETTA__EXOTEL__SECRET_FILE", secret), ("OPERETTA__TWILIO__AUTH_TOKENS_FILE", tokens)]);
    assert_eq!(settings.exotel.secret.unwrap().expose_secret(), "from-a-file");
    assert_eq!(settings.twilio.auth_tokens.len(), 2);

    let both = load("", &[("OPERETTA__EXOTEL__SECRET_FILE", secret), ("OPERETTA__EXOTEL__SECRET", "from-a-variable")]);
    assert_eq!(both.exotel.secret.unwrap().expose_secret(), "from-a-variable");
    let gone = problems("", &[("OPERETTA__EXOTEL__SECRET_FILE", "/no/such/secret")]);
    assert!(
        gone[0].starts_with("OPERETTA__EXOTEL__SECRET_FILE exotel.secret: \"/no/such/secret\" cannot be read"),
        "{gone:?}"
    );
    // Only secrets are read from files.
    assert_eq!(problems("", &[("OPERETTA__LOG__LEVEL_FILE", secret)]).len(), 1);
}

/// A file, variables, and the keys that then leave the server open.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn a_listener_off_loopback_is_closed_by_default() {
    let open = "[http]\nbind = \"0.0.0.0:8080\"\n";
    let url = "[http]\nbind = \"0.0.0.0:8080\"\npublic_url = \"https://voice.example.com\"\n";
    let exotel = ("EXOTEL_WS_TOKEN", "exotel-token");
    let twilio = ("TWILIO_AUTH_TOKEN", "twilio-token");
    let basic = [("OPERETTA__EXOTEL__USERNAME", "u"), ("OPERETTA__EXOTEL__PASSWORD", "password"), twilio];
    let rows: [Row; 11] = [
        ("", &[], &[]),
        ("[http]\nbind = \"[::1]:8080\"\n", &[], &[]),
        (open, &[], &["twilio.auth_tokens", "exotel.secret", "http.public_url"]),
        (open, &[("OPERETTA__HTTP__INSECURE", "true")], &[]),
        (url, &[exotel], &["twilio.auth_tokens"]),
        (url, &[twilio], &["exotel.secret"]),
        (url, &[exotel, ("OPERETTA__TWILIO__ENABLED", "false")], &[]),
        (url, &[exotel, twilio], &[]),
        (url, &basic, &[]),
        ("", &[("PORT", "8080")], &["twilio.auth_tokens", "exotel.secret", "http.public_url"]),
        ("[admin]\nbind = \"0.0.0.0:9090\"\n", &[("OPERETTA__HTTP__INSECURE", "true")], &["admin.bind"]),
    ];
    for (file, env, expected) in rows {
        let open = load(file, env).check_exposure().err().unwrap_or_default();
        let keys: Vec<_> = open.list().iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, expected, "{file} {env:?}");
    }
    load("[admin]\nbind = \"0.0.0.0:9090\"\ninsecure = true\n", &[]).check_exposure().unwrap();

    let text = load(open, &[]).check_exposure().unwrap_err().to_string();
    for word in [
        "TWILIO_AUTH_TOKEN",
        "OPERETTA__TWILIO__AUTH_TOKENS",
        "EXOTEL_WS_TOKEN",
        "OPERETTA__EXOTEL__SECRET",
        "--insecure",
        "0.0.0.0:8080",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
    // The same through a look at everything, next to a problem of another kind.
    let verdict = inspect("[http]\nbind = \"0.0.0.0:8080\"\nwokers = 1\n", &[]).verdict().unwrap_err();
    assert_eq!(verdict.list().len(), 4, "{verdict}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a file or a variable says: settings or problems, never a panic.
    #[test]
    fn nothing_in_a_file_or_a_variable_panics(key in key(), value in value(), text in "\\PC{0,20}") {
        let variable = format!("OPERETTA__{}", key.to_ascii_uppercase().replace('.', "__"));
        let found = inspect(&format!("{key} = {value}\n"), &[(&variable, &text), ("PORT", &text), ("GREETING_TEXT", &text)]);
        let _ = found.verdict().map_err(|problems| problems.to_string());
    }

    #[test]
    fn no_text_at_all_panics(text in "\\PC{0,60}(\n\\PC{0,60}){0,3}") {
        let _ = inspect(&text, &[]).verdict();
    }
}

/// Known keys, near misses, and tables where values belong.
fn key() -> impl Strategy<Value = String> {
    let keys = [
        "http",
        "http.bind",
        "http.leg",
        "http.leg.ping_secs",
        "http.public_url",
        "agents",
        "agents.x",
        "agents.asha.timing",
        "agents.asha.timing.idle_ms",
        "agents.asha.numbers",
        "default_agent",
        "twilio.auth_tokens",
        "log.level",
        "speech.tts",
        "roles.tts",
        "providers",
        "providers.elevenlabs",
        "providers.elevenlabs.key",
        "providers.elevenlabs.base_url",
        "providers.mine.api",
        "agents.asha.voices.mine",
        "x",
        "x.y",
    ];
    prop::sample::select(keys.to_vec()).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        "[a-z0-9.:/=,-]{0,12}".prop_map(|text| format!("{text:?}")),
        Just("1.5".to_owned()),
        Just("1979-05-27".to_owned()),
        Just("[1, \"a\", []]".to_owned()),
        Just("{ idle_ms = 5, greeting = {} }".to_owned()),
    ]
}
