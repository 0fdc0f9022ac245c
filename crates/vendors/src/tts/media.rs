use operetta_contract::{ErrorClass, Head, ProviderError};

/// What the head of a reply promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// Samples, at this rate when it says so.
    Raw { rate_hz: Option<u32> },
    /// MP3.
    Mp3,
    /// Server-sent events.
    Events,
    /// One JSON document.
    Json,
    /// Bytes; of what, it does not say.
    Unsure,
}

impl Media {
    /// Judges a head.
    ///
    /// # Errors
    /// It promises what no caller may hear: a page, a coding that is not decoded here, more than one channel.
    pub(crate) fn of(head: &Head) -> Result<Self, ProviderError> {
        if let Some(coding) = head.header("content-encoding").filter(|coding| !coding.eq_ignore_ascii_case("identity"))
        {
            return Err(not_audio(&format!("the content coding {:?}", short(coding))));
        }
        let kind = head.content_type();
        match kind.as_str() {
            "" | "application/octet-stream" | "binary/octet-stream" => Ok(Self::Unsure),
            "text/event-stream" => Ok(Self::Events),
            "application/json" => Ok(Self::Json),
            "audio/mpeg" | "audio/mp3" | "audio/mpeg3" | "audio/x-mpeg" | "audio/x-mp3" => Ok(Self::Mp3),
            kind if kind.starts_with("audio/") && !COMPRESSED.contains(&kind) => {
                if parameter(head, "channels").is_some_and(|channels| channels != 1) {
                    return Err(not_audio("more than one channel"));
                }
                Ok(Self::Raw { rate_hz: parameter(head, "rate") })
            }
            kind => Err(not_audio(&format!("the type {:?}", short(kind)))),
        }
    }
}

/// The error for a reply that promises something else than audio.
pub(crate) fn not_audio(what: &str) -> ProviderError {
    ProviderError::new(ErrorClass::Protocol, format!("mono audio expected, {what} came"))
}

/// A number behind the content type: `audio/l16;rate=24000; channels=1`.
fn parameter(head: &Head, name: &str) -> Option<u32> {
    let parameters = head.header("content-type")?.split(';').skip(1);
    parameters.filter_map(|parameter| parameter.split_once('=')).find_map(|(key, value)| {
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').parse().ok())?
    })
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

/// What is audio and cannot be decoded here.
const COMPRESSED: [&str; 12] = [
    "audio/3gpp",
    "audio/aac",
    "audio/aacp",
    "audio/amr",
    "audio/flac",
    "audio/m4a",
    "audio/mp4",
    "audio/ogg",
    "audio/opus",
    "audio/webm",
    "audio/x-flac",
    "audio/x-m4a",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn media(kind: &str) -> Option<Media> {
        Media::of(&Head { status: 200, headers: vec![("content-type".into(), kind.into())] }).ok()
    }

    #[test]
    fn types_are_told_apart() {
        assert_eq!(media("audio/pcm"), Some(Media::Raw { rate_hz: None }));
        assert_eq!(media("audio/l16;rate=24000"), Some(Media::Raw { rate_hz: Some(24_000) }));
        assert_eq!(media("audio/L16; channels=1; Rate=\"16000\""), Some(Media::Raw { rate_hz: Some(16_000) }));
        assert_eq!(media("audio/l16;rate=a lot"), Some(Media::Raw { rate_hz: None }));
        assert_eq!(media("audio/mulaw;rate=8000"), Some(Media::Raw { rate_hz: Some(8000) }));
        assert_eq!(media("Audio/MPEG"), Some(Media::Mp3));
        assert_eq!(media("text/event-stream; charset=utf-8"), Some(Media::Events));
        assert_eq!(media("application/json"), Some(Media::Json));
        assert_eq!(media("application/octet-stream"), Some(Media::Unsure));
        assert_eq!(Media::of(&Head::default()), Ok(Media::Unsure));
        for other in
            ["text/html", "text/plain", "audio/ogg", "audio/l16;rate=8000;channels=2", "video/mp4", "application/xml"]
        {
            assert_eq!(media(other), None, "{other}");
        }
    }

    #[test]
    fn a_coding_that_nobody_asked_for_is_not_played() {
        let head = |coding: &str| Head {
            status: 200,
            headers: vec![("content-type".into(), "audio/pcm".into()), ("content-encoding".into(), coding.into())],
        };
        assert!(Media::of(&head("identity")).is_ok());
        assert_eq!(Media::of(&head("gzip")).unwrap_err().class, ErrorClass::Protocol);
    }
}
