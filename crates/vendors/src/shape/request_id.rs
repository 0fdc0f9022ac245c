use operetta_contract::ProviderError;

/// The same error with the id under which the provider's support finds the request.
pub(crate) fn naming(mut error: ProviderError, request: Option<&str>) -> ProviderError {
    let id: String = request.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(LONGEST).collect();
    if !id.is_empty() {
        error.detail = format!("{} (request {id})", error.detail);
    }
    error
}

const LONGEST: usize = 64;
