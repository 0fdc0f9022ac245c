use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::NetError;

/// The public authorities and `extra` ones.
pub(super) fn roots(extra: &[Vec<u8>]) -> Result<RootCertStore, NetError> {
    let mut roots = actix_tls::connect::rustls_0_23::webpki_roots_cert_store();
    for (index, bytes) in extra.iter().enumerate() {
        let bad = |found: String| NetError::BadRoot { index, found };
        let certificates = if bytes.windows(PEM.len()).any(|window| window == PEM) {
            CertificateDer::pem_slice_iter(bytes)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| bad(format!("broken PEM: {error}")))?
        } else {
            vec![CertificateDer::from(bytes.as_slice())]
        };
        if certificates.is_empty() {
            return Err(bad("PEM without a certificate".to_owned()));
        }
        for certificate in certificates {
            roots.add(certificate.into_owned()).map_err(|error| bad(error.to_string()))?;
        }
    }
    Ok(roots)
}

/// TLS that trusts `roots` and offers `protocols`, the best first.
pub(super) fn client(roots: RootCertStore, protocols: &[&[u8]]) -> ClientConfig {
    install_provider();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// rustls picks its only provider by itself; a second one, compiled in by some far feature, would make it panic instead, and
/// awc's own builder as well.
fn install_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing a race against another thread leaves that thread's provider, which is as good.
        let _raced = rustls::crypto::ring::default_provider().install_default();
    }
}

const PEM: &[u8] = b"-----BEGIN";

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: &[u8] = include_bytes!("../../tests/fixtures/authority.pem");

    #[test]
    fn roots_come_as_pem_or_as_der_and_what_is_neither_is_named() {
        let public = roots(&[]).unwrap().len();
        assert!(public > 50, "the public authorities are there");
        let der = CertificateDer::from_pem_slice(AUTHORITY).unwrap().to_vec();
        assert_eq!(roots(&[AUTHORITY.to_vec(), der.clone()]).unwrap().len(), public + 2);
        let rows: [(&[u8], &str); 4] = [
            (b"", "bad_root"),
            (b"hello", "bad_root"),
            (b"-----BEGIN X-----", "bad_root"),
            (&der[..der.len() / 2], "bad_root"),
        ];
        for (bytes, code) in rows {
            let error = roots(&[AUTHORITY.to_vec(), bytes.to_vec()]).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(matches!(error, NetError::BadRoot { index: 1, .. }), "{error}");
        }
    }
}
