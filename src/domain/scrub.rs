//! Removes secrets from what a receiver answers, before it is logged or stored.

use url::Url;

use crate::domain::feed::PRIVATE_HOST;
use crate::domain::hook::WebhookSpec;
use crate::domain::request::{CommandSpec, RequestSpec, Secret};

/// The shortest text that counts as a secret, in bytes. Shorter parts occur in any text, and hide nothing.
const SHORTEST: usize = 4;

/// The secrets that a receiver was sent, and the parts of them that it may repeat.
pub struct Sent(Vec<String>);

impl Sent {
    /// What a server that is asked for a feed receives.
    pub fn for_feed(request: &RequestSpec) -> Self {
        let mut sent = Self(Vec::new());
        if let Some(address) = &request.address {
            sent.address(address);
            sent.host(address);
        }
        sent.headers(&request.headers);
        if let Some(password) = request.basic_auth.as_ref().and_then(|auth| auth.password.as_ref())
        {
            sent.add(password.expose());
        }
        sent.longest_first()
    }

    /// What the receiver of a webhook receives: the address is a secret as well.
    pub fn to_webhook(webhook: &WebhookSpec) -> Self {
        let mut sent = Self(Vec::new());
        sent.address(&webhook.url);
        sent.headers(&webhook.headers);
        sent.longest_first()
    }

    /// What a program receives: its arguments, but not the names of options.
    pub fn to_command(command: &CommandSpec) -> Self {
        let mut sent = Self(Vec::new());
        for argument in &command.arguments {
            match argument.split_once('=') {
                Some((_, value)) if argument.starts_with('-') => sent.add(value),
                None if argument.starts_with('-') => {}
                Some(_) | None => sent.add(argument),
            }
        }
        sent.longest_first()
    }

    fn add(&mut self, text: &str) {
        self.0.push(text.trim().to_owned());
    }

    /// The host and the port of a private feed's address, which messages about connections name.
    fn host(&mut self, address: &Secret) {
        let Ok(url) = Url::parse(address.expose()) else { return };
        let Some(host) = url.host_str() else { return };
        self.add(host);
        self.add(host.trim_start_matches('[').trim_end_matches(']'));
        url.port().into_iter().for_each(|port| self.add(&format!("{host}:{port}")));
    }

    /// The whole address, its path, and each part of path and query, encoded and decoded.
    fn address(&mut self, address: &Secret) {
        let text = address.expose();
        self.add(text);
        let Ok(url) = Url::parse(text) else { return };
        self.add(url.path());
        self.0.extend(url.query().map(str::to_owned));
        for part in url.path().split('/') {
            self.add(part);
            self.add(&percent_encoding::percent_decode_str(part).decode_utf8_lossy());
        }
        let parameters = url.query().unwrap_or_default().split('&');
        parameters.filter_map(|pair| pair.split_once('=')).for_each(|(_, value)| self.add(value));
        url.query_pairs().for_each(|(_, value)| self.add(&value));
    }

    /// The values of headers, and their words, such as the token after `Bearer`.
    fn headers(&mut self, headers: &[(String, Secret)]) {
        for (_, value) in headers {
            self.add(value.expose());
            value.expose().split([' ', ',', ';', '=', '"']).for_each(|word| self.add(word));
        }
    }

    fn longest_first(mut self) -> Self {
        self.0.retain(|secret| SHORTEST <= secret.len());
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self.0.dedup();
        self
    }

    /// The text with `…` in the place of every secret. A part of a secret at the beginning or the end of the text,
    /// where a limit may have cut it, is removed as well.
    pub fn removed_from(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = text.replace(secret.as_str(), "…");
        }
        for secret in &self.0 {
            let cuts = || secret.char_indices().map(|(at, _)| at).filter(|at| SHORTEST <= *at);
            let beginning = cuts().rev().filter_map(|at| secret.get(..at));
            if let Some(part) = beginning.into_iter().find(|part| text.ends_with(part)) {
                text.truncate(text.len() - part.len());
                text.push('…');
            }
            let ends = cuts().filter(|at| SHORTEST <= secret.len() - at);
            let mut ends = ends.filter_map(|at| secret.get(at..));
            if let Some(rest) = ends.find_map(|part| text.strip_prefix(part)) {
                text = format!("…{rest}");
            }
        }
        text
    }
}

/// The address of a private feed, which its document may contain: as a link to subscribe to it, or as the address of an
/// entry that has none of its own.
pub struct OwnAddress(Vec<String>);

impl OwnAddress {
    /// The address of a private feed; `None` for other feeds, for files, and for an address that is a host alone,
    /// because that is in all links.
    pub fn of(request: &RequestSpec) -> Option<Self> {
        let text = request.address.as_ref()?.expose();
        let url = Url::parse(text).ok().filter(|url| url.host_str().is_some())?;
        if url.path() == "/" && url.query().is_none() {
            return None;
        }
        let mut forms = Vec::new();
        for text in [url.as_str(), text.trim()] {
            let text = text.split_once("://").map_or(text, |(_, rest)| rest);
            let text = text.split_once('#').map_or(text, |(text, _)| text);
            forms.extend([text.to_owned(), text.replace('&', "&amp;")]);
        }
        forms.sort_unstable();
        forms.dedup();
        Some(Self(forms))
    }

    /// The text with another address in its place; `None` if the text does not contain it. A longer address that begins
    /// as this one, such as that of a page below it, is another address.
    pub fn replaced_in(&self, text: &str) -> Option<String> {
        let mut replaced = None;
        for form in &self.0 {
            let text = replaced.as_deref().unwrap_or(text);
            let mut out = String::new();
            let mut rest = text;
            let mut kept = 0;
            while let Some((before, after)) = rest.split_once(form.as_str()) {
                if !goes_on(after) {
                    let end = text.len() - after.len() - form.len();
                    out.extend([text.get(kept..end).unwrap_or(before), PRIVATE_HOST, "/"]);
                    kept = text.len() - after.len();
                }
                rest = after;
            }
            if 0 < kept {
                out.push_str(text.get(kept..).unwrap_or_default());
                replaced = Some(out);
            }
        }
        replaced
    }
}

/// Whether the path or the value of an address goes on with this text.
fn goes_on(text: &str) -> bool {
    let mut chars = text.chars();
    let part = |c: char| c.is_alphanumeric() || "/-_~%=+".contains(c);
    match chars.next() {
        Some('.') => chars.next().is_some_and(char::is_alphanumeric),
        next => next.is_some_and(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_cannot_repeat_what_it_was_sent() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let webhook = WebhookSpec {
            url: secret("https://a.example/services/T0ken%20One?key=k3y-two"),
            origin: "https://a.example".to_owned(),
            headers: vec![("Authorization".to_owned(), secret("Bearer t0ken-three"))],
            key: None,
            timeout: std::time::Duration::ZERO,
            allow_private: false,
        };
        let sent = Sent::to_webhook(&webhook);
        for (said, expected) in [
            ("404 Not Found", "404 Not Found"),
            ("no route /services/T0ken%20One", "no route …"),
            ("{\"path\":\"\\/services\\/T0ken One\"}", "{\"path\":\"\\/…\\/…\"}"),
            ("unknown key k3y-two", "unknown key …"),
            ("GET https://a.example/services/T0ken%20One?key=k3y-two failed", "GET … failed"),
            ("you sent Bearer t0ken-three", "you sent …"),
            ("token t0ken-three", "token …"),
            ("cut t0ken-th", "cut …"),
            ("ken-three was cut", "… was cut"),
        ] {
            assert_eq!(sent.removed_from(said), expected);
        }
    }

    #[test]
    fn the_arguments_of_a_program_are_not_repeated() {
        let command = CommandSpec {
            program: "curl".into(),
            arguments: ["-H", "X-Key: s3cret", "--token=abcdef", "--fail"]
                .map(str::to_owned)
                .into(),
            folder: "/".into(),
            timeout: std::time::Duration::ZERO,
        };
        let sent = Sent::to_command(&command);
        let said = "curl: --fail with X-Key: s3cret and abcdef";
        assert_eq!(sent.removed_from(said), "curl: --fail with … and …");
    }

    #[test]
    fn the_address_of_a_private_feed_is_replaced_as_a_whole() {
        let of = |address: &str| {
            let address = Some(Secret::new(address.to_owned()));
            OwnAddress::of(&RequestSpec { address, ..RequestSpec::default() })
        };
        let own = of("https://A.example:443/t0ken/feed?key=k3y&x=ä#top").unwrap();
        for (said, expected) in [
            (
                "https://a.example/t0ken/feed?key=k3y&x=%C3%A4",
                Some("https://private-feed.invalid/"),
            ),
            ("http://A.example:443/t0ken/feed?key=k3y&x=ä", Some("http://private-feed.invalid/")),
            (
                "<a href=\"https://a.example/t0ken/feed?key=k3y&amp;x=%C3%A4&amp;y=1#z\">",
                Some("<a href=\"https://private-feed.invalid/&amp;y=1#z\">"),
            ),
            (
                "(a.example/t0ken/feed?key=k3y&x=%C3%A4) a.example/t0ken/feed?key=k3y&x=%C3%A4.",
                Some("(private-feed.invalid/) private-feed.invalid/."),
            ),
            ("https://a.example/t0ken/feed?key=k3y&x=%C3%A4b", None),
            ("https://a.example/t0ken/feed", None),
        ] {
            assert_eq!(own.replaced_in(said).as_deref(), expected, "{said}");
        }
        let own = of("https://a.example/feed").unwrap();
        assert_eq!(own.replaced_in("https://a.example/feed/1 https://a.example/feed.html"), None);
        assert_eq!(
            own.replaced_in("a.example/feed/1 a.example/feed a.example/feeds").as_deref(),
            Some("a.example/feed/1 private-feed.invalid/ a.example/feeds")
        );
        assert!(of("https://a.example/").is_none() && of("file:///a").is_none());
        assert!(OwnAddress::of(&RequestSpec::default()).is_none());
    }
}
