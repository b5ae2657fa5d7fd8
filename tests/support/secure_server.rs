//! An HTTPS server on loopback that counts handshakes, connections and requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{HandshakeKind, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the server has seen.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicUsize,
    pub(crate) open: AtomicUsize,
    /// Handshakes that resumed a session, without certificates.
    pub(crate) resumed: AtomicUsize,
    pub(crate) http2: AtomicUsize,
    pub(crate) requests: AtomicUsize,
    /// Requests in progress, now and at most.
    in_flight: AtomicUsize,
    pub(crate) most_in_flight: AtomicUsize,
}

pub(crate) struct SecureServer {
    address: SocketAddr,
    /// The certificate of its authority.
    pub(crate) pem: String,
    counts: Arc<Counts>,
}

impl SecureServer {
    /// Serves `body` at every path, after `delay`, with an `ETag`; over HTTP/2 for clients that can, if `http2`.
    pub(crate) fn start(body: &'static str, http2: bool, delay: Duration) -> Self {
        let (pem, config) = certified(http2);
        let counts = Arc::<Counts>::default();
        let (sender, address) = mpsc::channel();
        let counted = Arc::clone(&counts);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                let acceptor = TlsAcceptor::from(Arc::new(config));
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (acceptor, counts) = (acceptor.clone(), Arc::clone(&counted));
                    tokio::spawn(converse(stream, acceptor, counts, body, delay));
                }
            });
        });
        Self { address: address.recv().unwrap(), pem, counts }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    pub(crate) fn count(&self, of: impl Fn(&Counts) -> &AtomicUsize) -> usize {
        of(&self.counts).load(Ordering::SeqCst)
    }
}

/// An authority, and a server with a certificate of it.
fn certified(http2: bool) -> (String, ServerConfig) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let params =
        CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if http2 {
        config.alpn_protocols.insert(0, b"h2".to_vec());
    }
    (pem, config)
}

async fn converse(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    counts: Arc<Counts>,
    body: &'static str,
    delay: Duration,
) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let count = |of: &AtomicUsize, by: bool| of.fetch_add(usize::from(by), Ordering::SeqCst);
    let session = stream.get_ref().1;
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    count(&counts.resumed, session.handshake_kind() == Some(HandshakeKind::Resumed));
    count(&counts.http2, is_http2);
    count(&counts.connections, true);
    count(&counts.open, true);
    let seen = Arc::clone(&counts);
    let answer = service_fn(move |request: Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            seen.requests.fetch_add(1, Ordering::SeqCst);
            let in_flight = 1 + seen.in_flight.fetch_add(1, Ordering::SeqCst);
            seen.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
            tokio::time::sleep(delay).await;
            seen.in_flight.fetch_sub(1, Ordering::SeqCst);
            let response = Response::builder().header("ETag", "\"1\"");
            let is_known = request.headers().contains_key("if-none-match");
            Ok::<_, Infallible>(if is_known {
                response.status(304).body(String::new()).unwrap()
            } else {
                response.body(body.to_owned()).unwrap()
            })
        }
    });
    let io = TokioIo::new(stream);
    if is_http2 {
        http2::Builder::new(TokioExecutor::new()).serve_connection(io, answer).await.ok();
    } else {
        http1::Builder::new().serve_connection(io, answer).await.ok();
    }
    counts.open.fetch_sub(1, Ordering::SeqCst);
}
