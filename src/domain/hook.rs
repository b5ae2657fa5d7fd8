//! Hooks: where new records are handed to, batch by batch, and how.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::consumer::ConsumerName;
use crate::domain::request::Secret;

/// A consumer that the daemon delivers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Whose cursor says what comes next.
    pub consumer: ConsumerName,
    /// Whether records say what happened, and removals are records too.
    pub events: bool,
    pub to: HookTarget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookTarget {
    Webhook(WebhookSpec),
    Command(CommandSpec),
}

/// Where batches are posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSpec {
    /// An absolute `http` or `https` URL without user name and password. Whoever knows it may post to many
    /// a service, so it is as secret as the key.
    pub url: Secret,
    /// Scheme, host and port of it, which may be shown.
    pub origin: String,
    /// Added to each request; as those of a feed.
    pub headers: Vec<(String, Secret)>,
    /// What bodies are signed with.
    pub key: Option<SigningKey>,
    /// For the whole reply.
    pub timeout: Duration,
    /// Whether the host may be in a network that is not public.
    pub allow_private: bool,
}

/// A program that gets a batch on its standard input. No shell is involved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSpec {
    /// A name to be looked for in `PATH`, or an absolute path.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// For one batch.
    pub timeout: Duration,
}

/// The key of an HMAC. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The one way to the bytes; call it where a signature is computed and nowhere else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl fmt::Display for HookTarget {
    /// As much as may be shown: of a webhook no path, of a command no arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook(webhook) => f.write_str(&webhook.origin),
            Self::Command(command) => write!(f, "{}", command.program.display()),
        }
    }
}
