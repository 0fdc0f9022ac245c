use operetta_contract::{ErrorClass, ProviderError};
use url::Url;

/// The absolute URL of `path` at `base` (`http(s)://host[:port]`, no path), with `query` behind it: segments and values are
/// percent-encoded as they need it.
///
/// # Errors
/// `base` is no such URL: [`Missing`](ErrorClass::Missing), for the operator has to mend it.
pub fn http_address(base: &str, path: &[&str], query: &[(&str, &str)]) -> Result<String, ProviderError> {
    Ok(address(base, path, query)?.into())
}

/// The same for a socket: `http` becomes `ws`, `https` becomes `wss`.
///
/// # Errors
/// As [`http_address`].
pub fn socket_address(base: &str, path: &[&str], query: &[(&str, &str)]) -> Result<String, ProviderError> {
    let mut url = address(base, path, query)?;
    let scheme = if url.scheme() == "http" { "ws" } else { "wss" };
    url.set_scheme(scheme).map_err(|()| wrong(base))?;
    Ok(url.into())
}

fn address(base: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Url, ProviderError> {
    let mut url = Url::parse(base).map_err(|_| wrong(base))?;
    // A user or password in the URL would be a secret in every log.
    if !matches!(url.scheme(), "http" | "https")
        || !url.has_host()
        || url.password().is_some()
        || !url.username().is_empty()
    {
        return Err(wrong(base));
    }
    url.path_segments_mut().map_err(|()| wrong(base))?.pop_if_empty().extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

fn wrong(base: &str) -> ProviderError {
    // Not shown whole: it may hold what somebody thought to be the place for a key.
    let scheme = base.split(':').next().unwrap_or_default().chars().take(8).collect::<String>();
    ProviderError::new(
        ErrorClass::Missing,
        format!("a base URL of the form https://host[:port] expected, {scheme:?}:… came"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_encoded_and_sockets_get_their_scheme() {
        let http = |base| http_address(base, &["v1", "voices", "a/b ?"], &[("model", "x y&z")]);
        assert_eq!(
            http("https://api.example.com").unwrap(),
            "https://api.example.com/v1/voices/a%2Fb%20%3F?model=x+y%26z"
        );
        assert_eq!(http("http://127.0.0.1:9/").unwrap(), "http://127.0.0.1:9/v1/voices/a%2Fb%20%3F?model=x+y%26z");
        assert_eq!(socket_address("https://a.b", &["s"], &[]).unwrap(), "wss://a.b/s");
        assert_eq!(socket_address("http://a.b:80", &["s"], &[]).unwrap(), "ws://a.b/s");
        assert_eq!(socket_address("http://localhost:8080", &["s"], &[]).unwrap(), "ws://localhost:8080/s");
    }

    #[test]
    fn a_wrong_base_is_the_operators_and_shows_no_secret() {
        for base in ["", "api.example.com", "ftp://a.b", "https://", "https://user:secret@a.b", "https://secret@a.b"] {
            let error = http_address(base, &["v1"], &[]).unwrap_err();
            assert_eq!(error.class, ErrorClass::Missing, "{base}");
            assert!(!error.detail.contains("secret"), "{}", error.detail);
        }
    }
}
