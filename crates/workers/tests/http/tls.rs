//! Over TLS.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::*;

const AUTHORITY: &[u8] = include_bytes!("../fixtures/authority.pem");

/// A server behind TLS that answers one request a connection with `reply` and says goodbye properly. Its thread ends with
/// the last of `connections`.
fn serve(reply: &'static str, connections: usize) -> String {
    let chain =
        CertificateDer::pem_slice_iter(include_bytes!("../fixtures/server.pem")).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../fixtures/server.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for _ in 0..connections {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut request = [0; 4096];
            // A client that does not trust us never gets as far as asking.
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                stream.write_all(reply.as_bytes()).unwrap();
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    format!("https://localhost:{}", address.port())
}

#[actix_rt::test]
async fn an_unknown_authority_is_not_trusted_and_a_private_one_can_be() {
    let url = serve(WHOLE, 2);
    let mut stranger = play(url.clone(), HttpTimes::default(), &NetConfig::default(), false);
    assert_eq!(stranger.hello(1).await, (vec![], Err(ErrorClass::Unavailable)));
    let trusting = NetConfig { extra_roots: vec![AUTHORITY.to_vec()], ..NetConfig::default() };
    let mut friend = play(url, HttpTimes::default(), &trusting, false);
    assert_eq!(friend.hello(1).await, (b"abcd".to_vec(), Ok(())));
}

#[actix_rt::test]
async fn h10_a_body_that_is_cut_off_behind_tls_is_no_whole_one_either() {
    let trusting = NetConfig { extra_roots: vec![AUTHORITY.to_vec()], ..NetConfig::default() };
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n";
    let mut play = play(serve(cut, 1), HttpTimes::default(), &trusting, false);
    assert_eq!(play.hello(1).await, (b"ab".to_vec(), Err(ErrorClass::Closed)));
}
