use super::{
    api::{Api, Vendor},
    head::RequestHead,
    ledger::Auth,
};

/// Whether a request has a key as the vendor wants it. Looks at the shape, never at the value.
pub(super) fn auth(api: Api, head: &RequestHead) -> Auth {
    let header = |name| head.header(name);
    let all = match vendor(api, head) {
        Vendor::OpenAi => [header("authorization").map(|value| after(value, &["Bearer "])), None, None],
        Vendor::ElevenLabs => [header("xi-api-key").map(plain), head.parameter("xi_api_key").map(plain), None],
        Vendor::Google => [
            header("x-goog-api-key").map(plain),
            header("authorization").map(|value| after(value, &["Bearer "])),
            head.parameter("key").map(plain),
        ],
        Vendor::Deepgram => [
            header("authorization").map(|value| after(value, &["Token ", "token ", "Bearer "])),
            header("sec-websocket-protocol").map(|value| after(value, &["token, ", "token,", "bearer, ", "bearer,"])),
            None,
        ],
        Vendor::AssemblyAi => [header("authorization").map(plain), head.parameter("token").map(plain), None],
        Vendor::Anthropic => {
            [header("x-api-key").map(plain), header("authorization").map(|value| after(value, &["Bearer "])), None]
        }
    };
    all.into_iter().flatten().next().unwrap_or(Auth::Missing)
}

/// Whose request it is: pages of status share paths, so the header of the key tells.
pub(super) fn vendor(api: Api, head: &RequestHead) -> Vendor {
    if api != Api::Status {
        return api.vendor();
    }
    let has = |name| head.header(name).is_some();
    if has("xi-api-key") {
        Vendor::ElevenLabs
    } else if has("x-goog-api-key") || head.path.starts_with("/v1beta/") || head.parameter("key").is_some() {
        Vendor::Google
    } else if has("anthropic-version") || has("x-api-key") {
        Vendor::Anthropic
    } else if matches!(head.path.as_str(), "/v1/projects" | "/v1/auth/token") {
        Vendor::Deepgram
    } else {
        Vendor::OpenAi
    }
}

fn after(value: &str, schemes: &[&str]) -> Auth {
    schemes.iter().find_map(|scheme| value.strip_prefix(scheme)).map_or(Auth::Malformed, plain)
}

/// A key is one word of visible ASCII.
fn plain(key: &str) -> Auth {
    if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) { Auth::WellFormed } else { Auth::Malformed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vendor_has_its_own_way() {
        use Auth::{Malformed, Missing, WellFormed};
        for (api, headers, expected) in [
            (Api::OpenAiChat, "authorization: Bearer k", WellFormed),
            (Api::OpenAiChat, "authorization: Bearer ", Malformed),
            (Api::OpenAiChat, "authorization: Token k", Malformed),
            (Api::OpenAiChat, "x-api-key: k", Missing),
            (Api::ElevenLabsStream, "xi-api-key: k", WellFormed),
            (Api::ElevenLabsStream, "xi-api-key: a b", Malformed),
            (Api::GoogleSynthesize, "x-goog-api-key: k", WellFormed),
            (Api::Gemini, "authorization: Bearer k", WellFormed),
            (Api::DeepgramSpeak, "authorization: Token k", WellFormed),
            (Api::DeepgramSpeak, "authorization: k", Malformed),
            (Api::DeepgramListen, "sec-websocket-protocol: token, k", WellFormed),
            (Api::AssemblyAi, "authorization: k", WellFormed),
            (Api::Anthropic, "x-api-key: k", WellFormed),
            (Api::Anthropic, "authorization: Bearer k", WellFormed),
            (Api::Status, "xi-api-key: k", WellFormed),
        ] {
            let text = format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n");
            let (head, _) = RequestHead::read(text.as_bytes()).unwrap().unwrap();
            assert_eq!(auth(api, &head), expected, "{api} {headers}");
        }
    }
}
