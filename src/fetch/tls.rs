//! The settings of TLS that all clients share: the trusted certificates, and the sessions that can be resumed.
//!
//! They are made once, at the first request over TLS, because reading the certificates of the system takes about as long as
//! twenty polls.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use crate::fetch::error::FetchError;

/// The protocols that are offered to servers (ALPN, RFC 7301), the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The number of sessions that can be resumed: eight for each of 128 servers, as rustls counts them. A session holds the
/// certificates of its server, some 5 KB. Connections to hosts with many feeds are kept, and most other
/// servers forget a session before the next poll, so more sessions would mostly cost memory.
const SESSIONS: usize = 1024;

/// The settings of TLS for all requests of one configuration.
#[derive(Debug)]
pub(super) struct Tls {
    /// The certificates of `ca_file`.
    extra_roots: Vec<CertificateDer<'static>>,
    /// `None` inside when there are no CA certificates.
    trusting: OnceLock<Option<ClientConfig>>,
}

impl Tls {
    /// Reads `ca_file`.
    ///
    /// # Errors
    /// [`FetchError::Setup`] when it cannot be read or holds no certificate.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, FetchError> {
        let extra_roots = ca_file.map(certificates).transpose()?.unwrap_or_default();
        Ok(Self { extra_roots, trusting: OnceLock::new() })
    }

    /// Whether the same certificates are trusted in addition to those of the system.
    pub(super) fn has_same_roots(&self, other: &Self) -> bool {
        self.extra_roots == other.extra_roots
    }

    /// The settings that trust the certificates of the system and of `ca_file`; `None` when there are none, as in a minimal
    /// container.
    pub(super) fn trusting(&self) -> Option<&ClientConfig> {
        let make = || {
            let verifier =
                Verifier::new_with_extra_roots(self.extra_roots.iter().cloned(), provider());
            let verifier = verifier.ok()?;
            let builder = ClientConfig::builder_with_provider(provider());
            let builder = builder.with_safe_default_protocol_versions().ok()?;
            let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
            let mut config = builder.with_no_client_auth();
            config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
            config.resumption = Resumption::in_memory_sessions(SESSIONS);
            Some(config)
        };
        self.trusting.get_or_init(make).as_ref()
    }
}

/// The settings of clients for `http`, which never use them.
///
/// # Errors
/// When the cryptography has no version of TLS, which is a fault of the build.
pub(super) fn trusting_nobody() -> Result<ClientConfig, FetchError> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::setup("could not set up the HTTP client", error))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(ca_file: &Path) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    let name = ca_file.display();
    let pem = fs::read(ca_file)
        .map_err(|error| FetchError::setup(format!("could not read ca_file {name}"), error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found
        .map_err(|error| FetchError::setup(format!("ca_file {name} is no PEM file"), error))?;
    if found.is_empty() {
        let what = format!("ca_file {name} holds no PEM certificate");
        return Err(FetchError::Setup { what, source: None });
    }
    Ok(found)
}
