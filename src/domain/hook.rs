//! Hooks: webhooks and programs that get new records in batches.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::consumer::ConsumerName;
use crate::domain::request::{CommandSpec, Secret};

/// A consumer that the daemon delivers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The consumer whose cursor is advanced.
    pub consumer: ConsumerName,
    pub subject: HookSubject,
    pub to: HookTarget,
}

/// What a hook hears of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookSubject {
    /// New and edited articles; with `events` as events, which include removals.
    Articles { events: bool },
    /// Feeds that fail for long, fall silent or recover.
    FeedHealth,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookTarget {
    Webhook(WebhookSpec),
    Command(CommandSpec),
}

/// A URL to which batches are posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSpec {
    /// An absolute `http` or `https` URL without user name and password. It is secret, because many services accept
    /// everything that is posted to it.
    pub url: Secret,
    /// Scheme, host and port of the URL, which are not secret.
    pub origin: String,
    /// Headers that are added to each request.
    pub headers: Vec<(String, Secret)>,
    /// The key that signs the bodies.
    pub key: Option<SigningKey>,
    /// The time limit for the complete response.
    pub timeout: Duration,
    /// Whether the host may be in a private network.
    pub allow_private: bool,
}

/// The length of a key in bytes. A shorter key can be guessed from one delivery.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=1024;

/// The key of an HMAC. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Parses a key: base64 after `whsec_`; any other text is the key itself.
    ///
    /// # Errors
    /// A message for the user, without the text of the key.
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

    /// The bytes of the key. They are needed only for computing a signature.
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
    /// Shows no secrets: neither the path of a webhook nor the arguments of a command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook(webhook) => f.write_str(&webhook.origin),
            Self::Command(command) => write!(f, "{}", command.program.display()),
        }
    }
}
