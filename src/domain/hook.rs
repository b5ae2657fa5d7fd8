//! Hooks: where new records are handed to, batch by batch, and how.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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

/// Of a key. Shorter ones can be guessed from one delivery.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=1024;

/// The key of an HMAC. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Reads a key: base64 after `whsec_`, anything else as it is.
    ///
    /// # Errors
    /// What is wrong with it, without the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(rest) => {
                STANDARD.decode(rest).map_err(|_| "is not base64 after whsec_".to_owned())?
            }
            None => text.as_bytes().to_vec(),
        };
        if !KEY_BYTES.contains(&bytes.len()) {
            return Err(format!("a key has {} to {} bytes", KEY_BYTES.start(), KEY_BYTES.end()));
        }
        Ok(Self(bytes))
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
