//! The HTTP server as a part of the daemon: its start, its reload and its end.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::config::ServerConfig;
use crate::serve::{self, BindError, Command, Daemon, Site};
use crate::store::Store;
use crate::telemetry::events;

/// The server, whether it listens or not.
pub(super) struct Server {
    commands: mpsc::Sender<Command>,
    news: watch::Receiver<u64>,
    listening: Option<Listening>,
    /// The listening server, and those of before a reload that finish their requests.
    tasks: JoinSet<()>,
}

struct Listening {
    /// As configured; the port may be 0.
    configured: SocketAddr,
    actual: SocketAddr,
    site: Site,
    shutdown: watch::Sender<bool>,
}

/// What a reload does to the listener. Everything that can fail has been done.
pub(super) enum Change {
    Keep,
    Stop,
    Listen(TcpListener),
}

impl Server {
    /// Starts listening if the configuration has a `[server]` table.
    ///
    /// # Errors
    /// When the address is taken.
    pub(super) fn start(
        config: Option<&ServerConfig>,
        store: &Store,
        commands: mpsc::Sender<Command>,
        news: watch::Receiver<u64>,
    ) -> Result<Self, BindError> {
        let mut server = Self { commands, news, listening: None, tasks: JoinSet::new() };
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

    /// Prepares [`Server::change`]: binds the new address.
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

    /// Applies a configuration for which [`Server::prepare`] was called.
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

    /// Stops listening. The future ends with the last request in progress.
    pub(super) fn stop(mut self) -> impl Future<Output = ()> {
        self.close();
        async move { while self.tasks.join_next().await.is_some() {} }
    }

    fn listen(&mut self, listener: TcpListener, config: &ServerConfig, store: &Store) {
        let actual = listener.local_addr().unwrap_or(config.listen);
        let (shutdown, closing) = watch::channel(false);
        let daemon = Daemon { commands: self.commands.clone(), news: self.news.clone(), closing };
        let site = Site::new(config, store, daemon);
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
