//! The checks that every vendor's codec must pass behind its real worker, against the fake vendors or a real one:
//! `make conformance`, `make conformance VENDOR=deepgram`.

use std::process::ExitCode;

use clap::Parser;
use operetta_contract::ApiKey;
use operetta_sim::theatre::Vendor;
use operetta_tests::conformance::{Choice, Plan, rehearse, visit};

/// Every vendor's codec behind its real worker, against the fake vendors or a real one
#[derive(Debug, Parser)]
struct Cli {
    /// The real vendor, with the key that is in the environment: `openai`, `anthropic`, `deepgram`, `elevenlabs`, `google` or
    /// `assemblyai`. It costs money. Without it: the fakes of all of them
    #[arg(long, value_parser = vendor)]
    vendor: Option<Vendor>,
    /// Only APIs with this in their name, for example `deepgram_listen`
    #[arg(long, default_value = "")]
    only: String,
    /// A model of the account, in place of the usual one; with `--only`, as a rule
    #[arg(long, default_value = "")]
    model: String,
    /// A voice of the account, in place of the usual one
    #[arg(long, default_value = "")]
    voice: String,
    /// A region, a gateway, or a server that speaks like the vendor: `http(s)://host[:port]`
    #[arg(long, default_value = "")]
    base_url: String,
    /// Without the checks that take long
    #[arg(long)]
    quick: bool,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what this program is for")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    let plan = Plan { only: cli.only, patient: !cli.quick };
    let report = match cli.vendor {
        None => actix_rt::System::new().block_on(rehearse(&plan)),
        Some(vendor) => {
            let name = key_name(vendor);
            let Some(key) = key(name) else {
                eprintln!("{name} is not set: a real vendor wants a key");
                return ExitCode::from(EX_CONFIG);
            };
            let choice = Choice { base_url: cli.base_url, model: cli.model, voice: cli.voice };
            actix_rt::System::new().block_on(visit(vendor, &key, &choice, &plan))
        }
    };
    println!("{report}");
    if report.findings.is_empty() || report.failures().next().is_some() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[expect(
    clippy::disallowed_methods,
    reason = "keys of real vendors come from the environment, and go nowhere but to them"
)]
fn key(name: &str) -> Option<ApiKey> {
    std::env::var(name).ok().map(|key| ApiKey::new(&key)).filter(|key| !key.is_empty())
}

fn vendor(name: &str) -> Result<Vendor, String> {
    let all = VENDORS.into_iter().find(|(known, ..)| *known == name.to_ascii_lowercase());
    all.map(|(_, vendor, _)| vendor).ok_or_else(|| {
        let names: Vec<&str> = VENDORS.into_iter().map(|(name, ..)| name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn key_name(vendor: Vendor) -> &'static str {
    VENDORS.into_iter().find(|(_, known, _)| *known == vendor).map_or("", |(.., key)| key)
}

const VENDORS: [(&str, Vendor, &str); 6] = [
    ("anthropic", Vendor::Anthropic, "ANTHROPIC_API_KEY"),
    ("assemblyai", Vendor::AssemblyAi, "ASSEMBLYAI_API_KEY"),
    ("deepgram", Vendor::Deepgram, "DEEPGRAM_API_KEY"),
    ("elevenlabs", Vendor::ElevenLabs, "ELEVENLABS_API_KEY"),
    ("google", Vendor::Google, "GOOGLE_API_KEY"),
    ("openai", Vendor::OpenAi, "OPENAI_API_KEY"),
];

/// What a program ends with whose settings are wrong (BSD, `sysexits.h`).
const EX_CONFIG: u8 = 78;
