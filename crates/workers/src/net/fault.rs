use std::io::{self, ErrorKind};

use actix_http::error::{ParseError, PayloadError};
use awc::error::{ConnectError, SendRequestError};
use operetta_contract::{ErrorClass, ProviderError};

/// What it means that no head came.
pub(super) fn of_request(error: &SendRequestError) -> ProviderError {
    let class = match error {
        SendRequestError::Url(_) | SendRequestError::Http(_) => ErrorClass::BadRequest,
        SendRequestError::Connect(ConnectError::Timeout) | SendRequestError::Timeout => ErrorClass::Timeout,
        SendRequestError::Connect(ConnectError::Disconnected) | SendRequestError::Send(_) => ErrorClass::Closed,
        SendRequestError::Response(ParseError::Io(error)) => of_read(error),
        SendRequestError::Response(_) | SendRequestError::TunnelNotSupported => ErrorClass::Protocol,
        SendRequestError::H2(error) if error.is_io() || error.is_go_away() => ErrorClass::Closed,
        SendRequestError::Connect(_) | SendRequestError::H2(_) => ErrorClass::Unavailable,
        _ => ErrorClass::Internal,
    };
    ProviderError::new(class, error.to_string())
}

/// What it means that a body broke off.
pub(super) fn of_body(error: &PayloadError) -> ProviderError {
    let class = match error {
        PayloadError::Io(error) => of_read(error),
        PayloadError::Incomplete(_) | PayloadError::Http2Payload(_) => ErrorClass::Closed,
        _ => ErrorClass::Protocol,
    };
    ProviderError::new(class, format!("the body broke off: {error}"))
}

/// What it means that reading failed. What the parsers refuse comes as an I/O error as well, of these kinds.
pub(crate) fn of_read(error: &io::Error) -> ErrorClass {
    match error.kind() {
        ErrorKind::InvalidData | ErrorKind::InvalidInput => ErrorClass::Protocol,
        ErrorKind::TimedOut => ErrorClass::Timeout,
        _ => ErrorClass::Closed,
    }
}

/// Whether the connection ended, rather than anything being wrong with what went over it.
pub(super) fn is_end(error: &SendRequestError) -> bool {
    match error {
        SendRequestError::Connect(ConnectError::Disconnected) | SendRequestError::Send(_) => true,
        SendRequestError::Response(ParseError::Io(error)) => {
            matches!(
                error.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::NotConnected
            )
        }
        SendRequestError::H2(error) => error.is_io() || error.is_go_away(),
        _ => false,
    }
}
