//! Providers and roles in the configuration: what lists name, where keys come from, what is refused.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;

use operetta_contract::Role;
use operetta_server::config::{self, Api, Effective, Inspection, OnFailure, Origin, Patience, Problem, Settings};
use secrecy::ExposeSecret;

fn inspect(file: &str, env: &[(&str, &str)]) -> Inspection {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("operetta.toml");
    fs::write(&path, file).unwrap();
    let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    config::inspect(Some(&path), env.into_iter())
}

fn load(file: &str, env: &[(&str, &str)]) -> Settings {
    let found = inspect(file, env);
    assert_eq!(found.problems.list(), [], "{}", found.problems);
    found.settings
}

/// Each problem as `key: what (help)`.
fn problems(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    let line = |problem: &Problem| {
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}: {}{help}", problem.key, problem.what)
    };
    inspect(file, env).problems.list().iter().map(line).collect()
}

fn key_of<'a>(settings: &'a Settings, provider: &str) -> Option<&'a str> {
    settings.providers[provider].key.as_ref().map(ExposeSecret::expose_secret)
}

#[test]
fn without_keys_everything_is_embedded() {
    let settings = load("", &[]);
    let agent = &settings.agents["asha"];
    for role in [Role::Stt, Role::Llm, Role::Tts] {
        assert_eq!(agent.list(role), ["embedded"]);
    }
    assert_eq!((agent.llm_hedge_ms, agent.tts_hedge_ms, agent.on_failure), (0, 0, OnFailure::Retry));
    assert!(settings.active_providers().is_empty());
}

#[test]
fn every_api_has_an_entry_that_needs_a_key_only() {
    let settings = load("", &[]);
    for api in Api::ALL {
        let word = api.as_str();
        assert_eq!(settings.providers[word].api, Some(api));
        let file = format!("[roles]\n{} = [\"{word}\"]\n", api.role().as_str());
        assert_eq!(
            problems(&file, &[]),
            [format!(
                "providers.{word}.key: is missing: agents.asha uses {word:?} (set {} or OPERETTA__PROVIDERS__{}__KEY, \
                 or take {word:?} out of the list)",
                api.key_variable(),
                word.to_uppercase()
            )]
        );
        let settings = load(&file, &[(api.key_variable(), "k-123")]);
        assert_eq!(key_of(&settings, word), Some("k-123"));
        assert_eq!(settings.active_providers().into_iter().collect::<Vec<_>>(), [(word, vec!["asha"])]);
    }
}

#[test]
fn lists_are_inherited_and_overridden() {
    let file = r#"
        default_agent = "a"
        [roles]
        tts = ["elevenlabs", "embedded"]
        tts_hedge_ms = 700
        [agents.a]
        greeting = "Hello."
        [agents.b]
        greeting = "Hello."
        tts = ["deepgram_speak", "flite"]
        tts_hedge_ms = 0
        on_failure = "transfer"
        [agents.b.voices]
        deepgram_speak = "aura-2-andromeda-en"
    "#;
    let settings = load(file, &[("ELEVENLABS_API_KEY", "eleven"), ("DEEPGRAM_API_KEY", "deep")]);
    let (a, b) = (&settings.agents["a"], &settings.agents["b"]);
    assert_eq!((a.list(Role::Tts), a.tts_hedge_ms), (&["elevenlabs".to_owned(), "embedded".to_owned()][..], 700));
    assert_eq!(b.list(Role::Tts), ["deepgram_speak", "flite"]);
    assert_eq!(
        (b.list(Role::Llm), b.tts_hedge_ms, b.on_failure),
        (&["embedded".to_owned()][..], 0, OnFailure::Transfer)
    );
    assert_eq!(b.voices["deepgram_speak"], "aura-2-andromeda-en");
    let active: Vec<_> = settings.active_providers().into_iter().collect();
    assert_eq!(active, [("deepgram_speak", vec!["b"]), ("elevenlabs", vec!["a"])]);
}

#[test]
fn older_variables_set_the_lists() {
    let env = [("TTS_PROVIDER", "ElevenLabs, embedded"), ("LLM_PROVIDER", "openai_chat"), ("OPENAI_API_KEY", "sk")];
    let settings = load("", &[&env[..], &[("ELEVENLABS_API_KEY", "x")]].concat());
    assert_eq!(settings.agents["asha"].tts, ["elevenlabs", "embedded"]);
    assert_eq!(settings.agents["asha"].llm, ["openai_chat"]);
    let problems = inspect("", &[("TTS_PROVIDER", "elevenlab")]).problems.to_string();
    assert!(problems.contains("TTS_PROVIDER: roles.tts: there is no provider \"elevenlab\""), "{problems}");
}

#[test]
fn a_key_of_its_own_wins_and_no_key_goes_to_strangers() {
    let file = r#"
        [providers.openai_chat]
        key = "from-the-file"
        [providers.second]
        api = "openai_chat"
        model = "m"
        [providers.local]
        api = "openai_chat"
        base_url = "http://127.0.0.1:11434"
        model = "m"
        [providers.lookalike]
        api = "openai_chat"
        base_url = "https://api.openai.com.example.org"
        model = "m"
        [providers.eu]
        api = "elevenlabs"
        base_url = "https://api.eu.residency.elevenlabs.io/"
    "#;
    let settings = load(file, &[("OPENAI_API_KEY", "sk"), ("ELEVENLABS_API_KEY", "el")]);
    assert_eq!(key_of(&settings, "openai_chat"), Some("from-the-file"));
    assert_eq!(key_of(&settings, "second"), Some("sk"));
    assert_eq!(key_of(&settings, "openai_speech"), Some("sk"));
    assert_eq!(key_of(&settings, "local"), None);
    assert_eq!(key_of(&settings, "lookalike"), None);
    assert_eq!(key_of(&settings, "eu"), Some("el"));
    assert_eq!(settings.providers["eu"].address(), "https://api.eu.residency.elevenlabs.io");
    assert_eq!(settings.providers["second"].address(), "https://api.openai.com");

    let ours = load("", &[("OPENAI_API_KEY", "sk"), ("OPERETTA__PROVIDERS__OPENAI_CHAT__KEY", "own")]);
    assert_eq!(key_of(&ours, "openai_chat"), Some("own"));

    // A server of one's own needs no key.
    let local = load(
        "[providers.local]\napi = \"openai_chat\"\nbase_url = \"http://localhost:1\"\nmodel = \"m\"\n[roles]\nllm = [\"local\"]",
        &[],
    );
    assert!(local.active_providers().contains_key("local"));
}

#[test]
fn keys_are_never_shown() {
    let env = [("OPENAI_API_KEY", "hunter22"), ("OPERETTA__PROVIDERS__GEMINI__KEY", "hunter22")];
    let found = inspect("[providers.x]\napi = \"openai_chat\"\nkey = [\"hunter22\"]\n", &env);
    assert!(!format!("{found:?}").contains("hunter22"), "{found:?}");
    let shown = |key: &str| found.effective.iter().find(|setting| setting.key == key).cloned();
    let expected = |key: &str, name: &str| {
        let (key, value, origin) = (key.to_owned(), "\"********\"".to_owned(), Origin::Env(name.to_owned()));
        Some(Effective { key, value, origin })
    };
    let key = "providers.openai_speech.key";
    assert_eq!(shown(key), expected(key, "OPENAI_API_KEY"));
    assert_eq!(found.problems.list().len(), 1, "{}", found.problems);
}

#[test]
fn providers_can_be_made_by_variables_alone() {
    let env = [
        ("OPERETTA__PROVIDERS__LOCAL__API", "openai_speech"),
        ("OPERETTA__PROVIDERS__LOCAL__BASE_URL", "http://127.0.0.1:8880"),
        ("OPERETTA__PROVIDERS__LOCAL__MODEL", "kokoro"),
        ("OPERETTA__PROVIDERS__LOCAL__FIRST_MS", "900"),
        ("OPERETTA__AGENTS__ASHA__TTS", "local,embedded"),
        ("OPERETTA__AGENTS__ASHA__VOICES__LOCAL", "af_bella"),
    ];
    let settings = load("", &env);
    let local = &settings.providers["local"];
    assert_eq!(Patience::of(local), Patience { first_ms: 900, gap_ms: 1500, flush_ms: 0 });
    assert_eq!((local.connect_ms, local.breaker_pause_secs, local.max_at_once), (1500, 60, None));
    assert_eq!(settings.agents["asha"].voices["local"], "af_bella");
}

#[test]
fn what_cannot_work_is_refused_with_a_hint() {
    let voices = Api::ALL.into_iter().filter(|api| api.role() == Role::Tts).map(Api::as_str);
    let all_tts = ["who speaks: embedded", "hibari", "flite"].into_iter().chain(voices).collect::<Vec<_>>().join(", ");
    let ears = Api::ALL.into_iter().filter(|api| api.role() == Role::Stt).map(Api::as_str);
    let all_stt = ["who listens: embedded"].into_iter().chain(ears).collect::<Vec<_>>().join(", ");
    let mine = "[providers.mine]\napi = \"openai_speech\"\nbase_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\n";
    for (file, expected) in [
        (
            "[roles]\ntts = [\"elevenlab\"]".to_owned(),
            "roles.tts: there is no provider \"elevenlab\" (did you mean `elevenlabs`?)".to_owned(),
        ),
        ("[roles]\ntts = [\"acapela\"]".to_owned(), format!("roles.tts: there is no provider \"acapela\" ({all_tts})")),
        ("[roles]\ntts = [\"gemini\"]".to_owned(), format!("roles.tts: \"gemini\" thinks, not speaks ({all_tts})")),
        (
            "[agents.asha]\nstt = [\"hibari\"]".to_owned(),
            format!("agents.asha.stt: \"hibari\" is nobody that listens ({all_stt})"),
        ),
        (
            "[roles]\ntts = [\"embedded\", \"embedded\"]".to_owned(),
            "roles.tts: \"embedded\" is listed twice: a provider that failed is not asked again".to_owned(),
        ),
        ("[roles]\ntts = []".to_owned(), "roles.tts: expected at least 1, found 0".to_owned()),
        (
            "[providers.mine]\nmodel = \"m\"".to_owned(),
            "providers.mine.api: is missing: an entry says which API is spoken (set providers.mine.api \
             (OPERETTA__PROVIDERS__MINE__API))"
                .to_owned(),
        ),
        (
            "[providers.mine]\napi = \"openai\"".to_owned(),
            format!("providers.mine.api: expected one of {}, found \"openai\"", words()),
        ),
        (
            format!("{mine}[roles]\ntts = [\"mine\"]"),
            "providers.mine.voice: is missing: agents.asha uses \"mine\" (set providers.mine.voice \
             (OPERETTA__PROVIDERS__MINE__VOICE), or agents.<name>.voices.mine)"
                .to_owned(),
        ),
        (
            "[providers.mine]\napi = \"openai_chat\"\nbase_url = \"http://127.0.0.1:1\"\n[roles]\nllm = [\"mine\"]"
                .to_owned(),
            "providers.mine.model: is missing: agents.asha uses \"mine\" (set providers.mine.model \
             (OPERETTA__PROVIDERS__MINE__MODEL))"
                .to_owned(),
        ),
        (
            "[providers.mine]\napi = \"openai_chat\"\nbase_url = \"http://10.0.0.5:8000\"".to_owned(),
            "providers.mine.base_url: plain http to another machine: keys and callers' words could be read on the way \
             (use https, or set providers.mine.insecure = true if the network between is yours alone)"
                .to_owned(),
        ),
        (
            "[providers.mine]\napi = \"openai_chat\"\nbase_url = \"https://llm.example.org/v1\"".to_owned(),
            "providers.mine.base_url: expected scheme, host and port only: what follows (/v1 ...) is known".to_owned(),
        ),
        (
            "[providers.embedded]\napi = \"openai_chat\"".to_owned(),
            "providers.embedded: the name is that of an engine inside the program".to_owned(),
        ),
        (
            "[providers.\"Mine\"]\napi = \"openai_chat\"".to_owned(),
            "providers.Mine: expected a provider's name of a to z, digits, - and single _, at most 64 characters"
                .to_owned(),
        ),
        (
            "[providers.gemini]\nkey = \"two words\"".to_owned(),
            "providers.gemini.key: expected a key of visible ASCII characters".to_owned(),
        ),
        (
            "[providers.gemini]\nbreaker_pause_secs = 90".to_owned(),
            "providers.gemini.breaker_longest_secs: expected at least breaker_pause_secs, which is 90".to_owned(),
        ),
        (
            "[providers.anthropic]\nvoice = \"x\"".to_owned(),
            "providers.anthropic.voice: anthropic has no such option".to_owned(),
        ),
        (
            "[providers.openai_transcriptions]\nkeyterms = [\"Asha\"]".to_owned(),
            "providers.openai_transcriptions.keyterms: openai_transcriptions has no such option".to_owned(),
        ),
        (
            "[agents.asha.voices]\nelevenlab = \"x\"".to_owned(),
            "agents.asha.voices.elevenlab: there is no provider \"elevenlab\" (did you mean `elevenlabs`?)".to_owned(),
        ),
    ] {
        assert_eq!(problems(&file, &[]), [expected], "{file}");
    }
    load("[providers.mine]\napi = \"openai_chat\"\nbase_url = \"http://10.0.0.5:8000\"\ninsecure = true", &[]);
}

#[test]
fn all_problems_are_told_together() {
    let file = "[roles]\nstt = [\"deepgram_listen\"]\nllm = [\"antropic\"]\ntts = [\"elevenlabs\", \"gemini\"]\n";
    let found = problems(file, &[]);
    let keys: Vec<_> = found.iter().map(|line| line.split(':').next().unwrap()).collect();
    // Gemini lacks its key too, but it would be no voice with one.
    assert_eq!(keys, ["providers.deepgram_listen.key", "providers.elevenlabs.key", "roles.llm", "roles.tts"]);
}

/// What the program brings needs an address and neither key nor model; what it is asked about, it may be told.
#[test]
fn an_entry_may_name_who_is_brought_by_the_program() {
    let roles = "[roles]\ntts = [\"mynah\", \"embedded\"]\n";
    let own = "[providers.mynah]\napi = \"own_tts\"\nvoice = \"wren\"\n";
    assert_eq!(
        problems(&format!("{roles}{own}"), &[]),
        ["providers.mynah.base_url: is missing: agents.asha uses \"mynah\" \
          (set providers.mynah.base_url (OPERETTA__PROVIDERS__MYNAH__BASE_URL))"]
    );
    let settings = load(&format!("{roles}{own}base_url = \"https://mynah.example\"\nmodel = \"m1\"\n"), &[]);
    let mynah = &settings.providers["mynah"];
    assert!(!mynah.is_at_home() && !mynah.lacks_key());
    assert_eq!((mynah.address(), Patience::of(mynah)), ("https://mynah.example", Api::Elevenlabs.patience()));
    assert_eq!(problems("[providers.x]\napi = \"own_llm\"\nvoice = \"v\"", &[]).len(), 1);
}

fn words() -> String {
    [&Api::ALL[..], &Api::BROUGHT].concat().into_iter().map(Api::as_str).collect::<Vec<_>>().join(", ")
}
