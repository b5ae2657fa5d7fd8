//! The HTTP server within the daemon: when it listens, and what a reload changes.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::config::ServerConfig;
use crate::serve::{self, BindError, Daemon, Order, Site};
use crate::store::Store;
use crate::telemetry::events;

/// The server, listening or not.
pub(super) struct Server {
    orders: mpsc::Sender<Order>,
    news: watch::Receiver<u64>,
    listening: Option<Listening>,
    /// The one that listens, and those that finish requests taken before a reload.
    tasks: JoinSet<()>,
}

struct Listening {
    /// As configured; the port may be 0.
    configured: SocketAddr,
    actual: SocketAddr,
    site: Site,
    shutdown: watch::Sender<bool>,
}

/// What a reload will do to the listener, with everything done that can fail.
pub(super) enum Change {
    Keep,
    Stop,
    Listen(TcpListener),
}

impl Server {
    /// Listens at once if the configuration says so.
    ///
    /// # Errors
    /// When the address is taken.
    pub(super) fn start(
        config: Option<&ServerConfig>,
        store: &Store,
        orders: mpsc::Sender<Order>,
        news: watch::Receiver<u64>,
    ) -> Result<Self, BindError> {
        let mut server = Self { orders, news, listening: None, tasks: JoinSet::new() };
        if let Some(config) = config {
            let listener = serve::bind(config.listen)?;
            server.listen(listener, config, store);
        }
        Ok(server)
    }

    pub(super) fn set_ready(&self) {
        if let Some(listening) = &self.listening {
            listening.site.set_ready();
        }
    }

    /// What [`Server::change`] will need.
    ///
    /// # Errors
    /// When the new address is taken.
    pub(super) fn prepare(&mut self, config: Option<&ServerConfig>) -> Result<Change, BindError> {
        let Some(config) = config else { return Ok(Change::Stop) };
        match &self.listening {
            Some(now) if now.configured == config.listen => Ok(Change::Keep),
            Some(_) | None => Ok(Change::Listen(serve::bind(config.listen)?)),
        }
    }

    /// Takes up a configuration for which [`Server::prepare`] was asked.
    pub(super) fn change(&mut self, change: Change, config: Option<&ServerConfig>, store: &Store) {
        match (change, config) {
            (Change::Listen(listener), Some(config)) => {
                self.close();
                self.listen(listener, config, store);
                self.set_ready();
            }
            (Change::Keep, Some(config)) => {
                if let Some(listening) = &self.listening {
                    listening.site.reconfigure(config);
                }
            }
            (Change::Stop, _) | (_, None) => self.close(),
        }
        while self.tasks.try_join_next().is_some() {}
    }

    /// Ends with the last request that was under way.
    pub(super) fn stop(mut self) -> impl Future<Output = ()> {
        self.close();
        async move { while self.tasks.join_next().await.is_some() {} }
    }

    fn listen(&mut self, listener: TcpListener, config: &ServerConfig, store: &Store) {
        let actual = listener.local_addr().unwrap_or(config.listen);
        let (shutdown, closing) = watch::channel(false);
        let daemon = Daemon { orders: self.orders.clone(), news: self.news.clone(), closing };
        let site = Site::new(config, store.path(), daemon);
        self.tasks.spawn(serve::run(listener, site.clone()));
        events::server_listening(actual);
        self.listening = Some(Listening { configured: config.listen, actual, site, shutdown });
    }

    fn close(&mut self) {
        if let Some(Listening { actual, shutdown, .. }) = self.listening.take() {
            shutdown.send_replace(true);
            events::server_stopped(actual);
        }
    }
}
