//! Holds the codec to what `operetta_contract` promises about every speaking provider. A promise that is broken is told in one
//! sentence: what was expected, and what came.

use std::time::Duration;

use custom_provider::Mynah;
use operetta_audio::{Encoding, Format, g711, tone};
use operetta_contract::{
    ApiKey, ErrorClass, Synthesize,
    suite::{self, HttpCase},
};
use operetta_server::providers::Terms;

const KEY: &str = "mynah-key-0123456789";

fn vendor() -> Mynah {
    let (base_url, voice) = ("https://api.mynah.example".to_owned(), "wren".to_owned());
    Mynah::new(Terms { key: ApiKey::new(KEY), base_url, model: String::new(), voice })
}

/// What Exotel and Twilio ask for.
const CARRIERS: [Format; 2] = [Format::PCM16_8K, Format::MULAW_8K];

#[test]
fn mynah_keeps_its_promises() {
    for format in CARRIERS {
        let job = Synthesize {
            text: "Your appointment is on Tuesday at ten.".into(),
            voice: "default".into(),
            language: "en-IN".into(),
            format,
            fixed: false,
        };
        // A whole body, as the vendor sends it; best recorded from the real one. More than 1 s, so that long pieces show.
        let mut body = Vec::new();
        g711::encode_into(Encoding::Pcm16, &tone::sine(620.0, 1300, format.rate_hz, -12.0), &mut body);
        let three = Some(Duration::from_secs(3));
        let case = HttpCase::new(job, "audio/l16", body)
            .lasting(1300)
            .key(KEY)
            .refused(401, r#"{"error":"wrong_key"}"#, ErrorClass::Auth)
            .refused(403, r#"{"error":"no_credit"}"#, ErrorClass::Quota)
            .refused(404, r#"{"error":"unknown_voice"}"#, ErrorClass::Missing)
            .refused(429, r#"{"error":"too_many_at_once"}"#, ErrorClass::Busy)
            .refused_with(429, &[("retry-after", "3")], r#"{"error":"slow_down"}"#, ErrorClass::RateLimited, three);
        let report = suite::http("Mynah", &vendor(), &case);
        println!("{report}");
        report.assert();
    }
}
