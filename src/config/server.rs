//! Reads the `[server]` table.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::Url;

use crate::config::keys::SERVER;
use crate::config::reader::{Reader, Table};
use crate::config::{ListView, ServerConfig};
use crate::domain::request::Secret;
use crate::domain::time::Zone;
use crate::html::web_address::is_web;

/// The default of `listen`: this machine only.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7878);

/// The length of a token in characters. The characters are visible ASCII without spaces (RFC 6750 section 2.1), so
/// that a browser or `curl` can send them.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 8..=1024;

impl Reader<'_> {
    /// Returns `None` without the table; then no server is started.
    pub(super) fn server(&mut self, root: &Table<'_>, zone: Zone) -> Option<ServerConfig> {
        let field = root.get("server")?;
        let table = self.table(&field, &SERVER)?;
        let listen = match table.get("listen") {
            Some(_) => self.listen(&table),
            None => Some(DEFAULT_LISTEN),
        };
        let token = self.token(&table);
        let public = self.flag(&table, "public").unwrap_or(false);
        let hub = self.hub(&table);
        let base = self.base(&table).unwrap_or_else(|| "/".to_owned());
        let view = self.list_view(&table).unwrap_or_default();
        let shortcuts = self.flag(&table, "shortcuts").unwrap_or(false);
        let favicons = self.flag(&table, "favicons").unwrap_or(false);
        let listen = listen?;
        // An invalid token has a fault of its own, so it does not count as missing.
        let has_token = table.get("token").or_else(|| table.get("token_file")).is_some();
        if !listen.ip().is_loopback() && !has_token && !public {
            let place = table.get("listen").unwrap_or(field);
            let hint = "name a token_file, or write public = true to let everyone read".to_owned();
            let message = "listening beyond this machine takes a token";
            self.fault(&place.key, &place.span, message, Some(hint));
        }
        Some(ServerConfig { listen, token, public, hub, base, view, shortcuts, favicons, zone })
    }

    fn listen(&mut self, table: &Table<'_>) -> Option<SocketAddr> {
        let field = table.get("listen")?;
        let text = self.string(&field)?;
        let text = self.expanded(&field, text)?;
        let parsed = match text.strip_prefix("localhost:") {
            Some(port) => port.parse().ok().map(|port| SocketAddr::new(DEFAULT_LISTEN.ip(), port)),
            None => text.parse().ok(),
        };
        if parsed.is_none() {
            let hint = match text.strip_prefix(':').or_else(|| text.strip_prefix("*:")) {
                Some(port) => {
                    format!("for all addresses write \"0.0.0.0:{port}\" or \"[::]:{port}\"")
                }
                None => "write an IP address and a port, such as \"127.0.0.1:7878\"".to_owned(),
            };
            self.fault(&field.key, &field.span, "not an address to listen on", Some(hint));
        }
        parsed
    }

    fn hub(&mut self, table: &Table<'_>) -> Option<String> {
        self.web_address(table, "hub", "write the hub's address, such as \"https://hub.example/\"")
    }

    /// Reads an http or https URL.
    pub(super) fn web_address(
        &mut self,
        table: &Table<'_>,
        key: &str,
        hint: &str,
    ) -> Option<String> {
        let field = table.get(key)?;
        let text = self.string(&field)?.trim();
        if Url::parse(text).is_ok_and(|url| is_web(&url)) {
            return Some(text.to_owned());
        }
        self.refuse(&field, "not an http or https URL", Some(hint.to_owned()))
    }

    /// Reads the path that a proxy serves this server below. It gets a slash at both ends.
    fn base(&mut self, table: &Table<'_>) -> Option<String> {
        let field = table.get("base")?;
        let text = self.string(&field)?.trim();
        let is_plain = |part: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            !matches!(part, "" | "." | "..") && part.bytes().all(plain)
        };
        let inner = text.trim_matches('/');
        if text.starts_with('/') && (inner.is_empty() || inner.split('/').all(is_plain)) {
            return Some(if inner.is_empty() { "/".to_owned() } else { format!("/{inner}/") });
        }
        let hint = "write a path of letters, digits and -._~, such as \"/news/\"".to_owned();
        self.refuse(&field, "not a path", Some(hint))
    }

    fn list_view(&mut self, table: &Table<'_>) -> Option<ListView> {
        let field = table.get("view")?;
        let view = ListView::parse(self.string(&field)?);
        view.or_else(|| {
            let hint = format!("write one of {}", ListView::NAMES.join(", "));
            self.refuse(&field, "not a view of the pages", Some(hint))
        })
    }

    fn token(&mut self, table: &Table<'_>) -> Option<Secret> {
        let (field, token) = self.one_secret(table, "token", "token_file")?;
        if !TOKEN_LENGTH.contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()) {
            let message = format!(
                "a token has {} to {} visible ASCII characters and no space",
                TOKEN_LENGTH.start(),
                TOKEN_LENGTH.end()
            );
            let hint = "`openssl rand -hex 32` makes one".to_owned();
            return self.refuse(&field, message, Some(hint));
        }
        Some(Secret::new(token))
    }
}
