//! Opens a store in PostgreSQL for writing or for reading.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use postgres::Config;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::Verifier;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::domain::location::{Location, ServerUrl};
use crate::feed::item_diff::RULES_VERSION;
use crate::store::database::{self, Connection, Purpose, Server, Session};
use crate::store::error::StoreError;
use crate::store::postgres::migrate;
use crate::store::sql::meta;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a silent connection is believed to be there, before and between questions.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long what was sent may be unacknowledged before a connection is taken for lost.
const SILENCE: Duration = Duration::from_secs(20);

/// The servers that this process has used, so that their idle connections are used again.
static SERVERS: LazyLock<Mutex<HashMap<Box<str>, Arc<Server>>>> = LazyLock::new(Mutex::default);

/// The server of a URL.
///
/// # Errors
/// When the URL has an option that is not known, or the machine has no certificates to trust.
pub(in crate::store) fn server(url: &ServerUrl) -> Result<Arc<Server>, StoreError> {
    let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = servers.get(url.expose()) {
        return Ok(Arc::clone(server));
    }
    let mut config: Config = url.expose().parse().map_err(|error| not_open(url, error))?;
    config.connect_timeout(CONNECT_TIMEOUT).keepalives_idle(KEEPALIVE);
    config.keepalives_interval(KEEPALIVE).keepalives_retries(3).tcp_user_timeout(SILENCE);
    if config.get_application_name().is_none() {
        config.application_name(&format!("gazetted, pid {}", std::process::id()));
    }
    let server = Arc::new(Server::new(config, tls(url)?));
    servers.insert(url.expose().into(), Arc::clone(&server));
    Ok(server)
}

/// TLS with the certificates that the system trusts. Whether it is used says `sslmode` in the URL.
fn tls(url: &ServerUrl) -> Result<MakeRustlsConnect, StoreError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let verifier = Arc::new(Verifier::new(provider)?);
            Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
        });
    let config = config.map_err(|source| StoreError::Tls { store: url.clone(), source })?;
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn not_open(url: &ServerUrl, source: impl Into<database::Error>) -> StoreError {
    StoreError::Open { store: Location::Server(url.clone()), source: source.into() }
}

/// Opens a store for reading and writing. It is created or migrated if necessary.
pub(in crate::store) fn for_writing(url: &ServerUrl) -> Result<Connection, StoreError> {
    let open = |source| not_open(url, source);
    let connection = to_copy(url)?;
    meta::refuse_unfinished(&connection, || Location::Server(url.clone()))?;
    meta::index_by_rules(&connection).map_err(open)?;
    meta::read_by_rules(&connection, RULES_VERSION).map_err(open)?;
    Ok(connection)
}

/// As [`for_writing`], for a store that may be an unfinished copy. Its contents stay as they are.
pub(in crate::store) fn to_copy(url: &ServerUrl) -> Result<Connection, StoreError> {
    let connection = connect(url, Purpose::Write)?;
    migrate::to_latest(&connection, url)?;
    Ok(connection)
}

/// Opens an existing store for reading only.
///
/// # Errors
/// When there is none.
pub(in crate::store) fn for_reading(url: &ServerUrl) -> Result<Connection, StoreError> {
    let connection = connect(url, Purpose::Read)?;
    match migrate::version(&connection).map_err(|source| not_open(url, source))? {
        None => return Err(StoreError::Missing { store: url.clone() }),
        // The store is older than the program. Opening it for writing migrates it.
        Some(_) if !migrate::is_latest(&connection, url)? => drop(for_writing(url)?),
        Some(_) => {}
    }
    meta::refuse_unfinished(&connection, || Location::Server(url.clone()))?;
    Ok(connection)
}

/// Whether there is certainly no store in the database.
pub(in crate::store) fn is_missing(url: &ServerUrl) -> bool {
    let version = connect(url, Purpose::Read).map(|connection| migrate::version(&connection));
    matches!(version, Ok(Ok(None)))
}

fn connect(url: &ServerUrl, purpose: Purpose) -> Result<Connection, StoreError> {
    let session = Session::open(server(url)?, purpose).map_err(|source| not_open(url, source))?;
    Ok(Connection::Postgres(Box::new(session)))
}
