//! Certificates that prove nothing, and connections that break after the handshake.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};

use super::{FETCH, row};
use crate::support::feeds::{item, rss};
use crate::support::program::Home;

/// What a server does once it has a connection.
type Act = fn(&mut dyn ReadWrite) -> std::io::Result<()>;

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// An authority, signed by itself or by another one; then its certificate is an intermediate one.
fn authority(by: Option<&Issuer<'static, KeyPair>>) -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let name =
        if by.is_some() { "Intermediate of these tests" } else { "Authority of these tests" };
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let signed = match by {
        Some(issuer) => params.signed_by(&key, issuer),
        None => params.self_signed(&key),
    };
    (signed.unwrap().pem(), Issuer::new(params, key))
}

/// A server for ever, with a certificate for `name`.
fn serve(
    issuer: Option<&Issuer<'static, KeyPair>>,
    name: &str,
    expired: bool,
    h2: bool,
    act: Act,
) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if expired {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer),
        None => params.self_signed(&key),
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.unwrap().der().clone()], key)
        .unwrap();
    if h2 {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            thread::spawn(move || act(&mut Stream::new(&mut connection, &mut socket)).ok());
        }
    });
    address
}

fn feed(stream: &mut dyn ReadWrite) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 16])?;
    let document = rss("Secure", &[item(1)]);
    let length = document.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{document}")?;
    stream.read(&mut [0; 4096]).map(|_| ())
}

/// HEADERS and DATA of the first request's stream, neither of which ends it.
const BEGUN: &[u8] =
    &[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88, 0, 0, 5, 0, 0, 0, 0, 0, 1, b'<', b'r', b's', b's', b'>'];

/// RFC 9113: our settings, then `frames`, then silence until the client has had enough.
fn h2(stream: &mut dyn ReadWrite, frames: &[&[u8]]) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 24])?; // The preface.
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])?;
    stream.flush()?;
    let mut buffer = [0; 4096];
    let _ = stream.read(&mut buffer)?;
    thread::sleep(std::time::Duration::from_millis(100)); // For the request, if it was not among that.
    for frame in frames {
        stream.write_all(frame)?;
    }
    stream.flush()?;
    while stream.read(&mut buffer)? != 0 {}
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
#[test]
fn a_certificate_that_proves_nothing_and_a_connection_that_breaks_are_named() {
    let (pem, issuer) = authority(None);
    let ours = Some(&issuer);
    let (_, intermediate) = authority(ours);
    let reset: Act = |stream| h2(stream, &[&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2]]);
    let enough: Act = |stream| h2(stream, &[&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]]);
    // A head (`:status: 200` is 0x88, RFC 7541 appendix A) and some of the body come before the end.
    let cut: Act = |stream| h2(stream, &[BEGUN, &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2]]);
    let sent_away: Act = |stream| {
        let frames: [&[u8]; 2] = [BEGUN, &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]];
        h2(stream, &frames)
    };
    let stalled: Act = |stream| h2(stream, &[BEGUN]);
    let garbage: Act = |stream| h2(stream, &[&[0xff; 64]]);
    let silent: Act = |stream| h2(stream, &[]);
    let here = "127.0.0.1";
    let no_tls = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let (no_tls_at, mute_at) = (no_tls.local_addr().unwrap(), mute.local_addr().unwrap());
    thread::spawn(move || {
        for mut socket in no_tls.incoming().flatten() {
            socket.write_all(b"HTTP/1.1 400 Speak plainly\r\n\r\n").ok();
            let mut buffer = [0; 1000];
            while socket.read(&mut buffer).is_ok_and(|n| n != 0) {}
        }
    });
    let cases: [(&str, SocketAddr, &[&str], &str); 14] = [
        ("good", serve(ours, here, false, false, feed), &["fresh"], ""),
        (
            "without its intermediate certificate",
            serve(Some(&intermediate), here, false, false, feed),
            &["tls"],
            "does not send its intermediate certificate",
        ),
        ("self-signed", serve(None, here, false, false, feed), &["tls"], "ca_file"),
        ("expired", serve(ours, here, true, false, feed), &["tls"], "expired"),
        (
            "another host's",
            serve(ours, "other.example", false, false, feed),
            &["tls"],
            "not valid for",
        ),
        ("reset", serve(ours, here, false, true, reset), &["connect"], "no answer"),
        ("go away", serve(ours, here, false, true, enough), &["connect"], "no answer"),
        ("cut", serve(ours, here, false, true, cut), &["cut_off"], "breaks off"),
        ("sent away", serve(ours, here, false, true, sent_away), &["cut_off"], "breaks off"),
        ("stalled", serve(ours, here, false, true, stalled), &["timeout"], "within 20s"),
        ("garbage", serve(ours, here, false, true, garbage), &["connect"], "no answer"),
        ("silence", serve(ours, here, false, true, silent), &["timeout"], "within 20s"),
        ("no TLS", no_tls_at, &["tls"], "no secure connection"),
        ("no handshake", mute_at, &["timeout"], "in time"),
    ];
    let mut config = FETCH.to_owned() + "ca_file = \"ca.pem\"\n";
    for (_, address, outcomes, _) in &cases {
        writeln!(config, "[[feeds]]\nurl = \"https://{address}/\"").unwrap();
        config.push_str(super::time_limit(outcomes));
    }
    let home = Home::empty();
    fs::write(home.path("ca.pem"), pem).unwrap();
    home.configure(&config);
    let report = home.poll_with_failures();
    for (name, address, outcomes, says) in cases {
        let feed = row(&report, &format!("https://{address}/"));
        assert!(outcomes.contains(&feed["outcome"].as_str().unwrap()), "{name}: {feed:#}");
        let detail = feed["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{name}: {feed:#}");
    }
    drop(mute);
}

/// The remedy that the message names: the intermediate certificate alone in `ca_file`.
#[test]
fn an_intermediate_certificate_in_ca_file_completes_a_chain() {
    let (_, root) = authority(None);
    let (pem, intermediate) = authority(Some(&root));
    let address = serve(Some(&intermediate), "127.0.0.1", false, false, feed);
    let home = Home::empty();
    fs::write(home.path("ca.pem"), pem).unwrap();
    let url = format!("https://{address}/");
    home.configure(&format!("{FETCH}ca_file = \"ca.pem\"\n[[feeds]]\nurl = \"{url}\"\n"));
    let report = home.json(&["poll", "--all", "--json"]);
    assert_eq!(row(&report, &url)["outcome"], "fresh", "{report:#}");
}
