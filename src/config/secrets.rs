//! Resolves what the configuration only names: environment variables, paths, files with secrets and
//! certificates.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use toml::de::DeValue;

use crate::config::reader::{Field, Reader, Table};
use crate::domain::request::{ProxyChoice, Secret};

/// The size limit of a file with a secret or certificates, in bytes. It refuses a large file that was named
/// by mistake.
const MAX_SECRET_FILE: u64 = 64 * 1024;

/// The reason why a `${NAME}` could not be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unexpanded {
    /// The reference as written; empty if it may contain a part of a secret.
    reference: String,
    message: String,
}

/// Replaces each `${NAME}` in `text` by the environment variable. `$$` becomes a dollar sign; a `$` before any
/// other character stays.
pub(super) fn expand(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Vec<Unexpanded>> {
    let mut expanded = String::with_capacity(text.len());
    let mut troubles = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(tail) = after.strip_prefix('$') {
            expanded.push('$');
            rest = tail;
        } else if let Some(tail) = after.strip_prefix('{') {
            let (name, tail) = tail.split_once('}').unwrap_or((tail, ""));
            let valid = !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && after.contains('}');
            if !valid {
                // The text may be a part of a secret, so the message does not repeat it.
                let message =
                    "`${` starts the name of an environment variable, as in `${NAME}`".to_owned();
                troubles.push(Unexpanded { reference: String::new(), message });
            } else if let Some(value) = environment(name) {
                expanded.push_str(&value);
            } else {
                let message = format!("the environment variable {name} is not set");
                troubles.push(Unexpanded { reference: format!("${{{name}}}"), message });
            }
            rest = tail;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    if troubles.is_empty() { Ok(expanded) } else { Err(troubles) }
}

/// A short text for the error of reading a file.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

impl Reader<'_> {
    /// Replaces the variables in `text`, which is the value of `field` or a part of it.
    pub(super) fn expanded(&mut self, field: &Field<'_>, text: &str) -> Option<String> {
        let troubles = match expand(text, self.environment) {
            Ok(expanded) => return Some(expanded),
            Err(troubles) => troubles,
        };
        let mut from = field.span.start;
        for Unexpanded { reference, message } in troubles {
            let source = self.text.get(from..field.span.end).unwrap_or_default();
            let start = source.find(&reference).filter(|_| !reference.is_empty());
            let span = start.map_or(field.span.clone(), |start| {
                let start = from + start;
                start..start + reference.len()
            });
            from = start.map_or(from, |_| span.end);
            let hint = "set it, or write $$ for a dollar sign".to_owned();
            self.fault(&field.key, &span, message, Some(hint));
        }
        None
    }

    /// Reads a field that contains a secret, and marks it so that no excerpt shows it. The secret may be
    /// empty.
    pub(super) fn secret(&mut self, field: &Field<'_>) -> Option<String> {
        self.secrets.push(field.span.clone());
        let DeValue::String(text) = field.value else {
            self.mistyped(field, "a string", None);
            return None;
        };
        self.expanded(field, text)
    }

    /// Reads a field that contains a path. A relative path starts at the configuration file's folder.
    pub(super) fn path(&mut self, field: &Field<'_>) -> Option<PathBuf> {
        let text = self.string(field)?;
        if text == "~" || text.starts_with("~/") {
            let hint = "write ${HOME} instead".to_owned();
            return self.refuse(field, "`~` is not expanded here", Some(hint));
        }
        let text = self.expanded(field, text)?;
        Some(self.base.join(text))
    }

    /// Reads the file that a field names. `shown` is the name of the file in a message, which must not repeat a
    /// variable of the environment.
    fn file(&mut self, field: &Field<'_>, shown: &str) -> Option<Vec<u8>> {
        let path = self.path(field)?;
        self.read(field, &path, shown)
    }

    fn read(&mut self, field: &Field<'_>, path: &Path, shown: &str) -> Option<Vec<u8>> {
        match read_limited(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let message = format!("cannot read {shown}: {}", reason(&error));
                let hint =
                    "run this as the user of the daemon or as root, or give this user the file";
                let denied = error.kind() == io::ErrorKind::PermissionDenied;
                self.refuse(field, message, denied.then(|| hint.to_owned()))
            }
        }
    }

    /// The file of this relative path among the credentials that systemd hands to a service (systemd.exec(5)), if there is one. So
    /// the configuration is the same for the service and for root, who reads the file beside it.
    fn credential(&self, path: &str) -> Option<PathBuf> {
        let folder = (self.environment)("CREDENTIALS_DIRECTORY")?;
        let file = Path::new(&folder).join(path);
        (Path::new(path).is_relative() && file.is_file()).then_some(file)
    }

    /// Reads the secret in the file that a field names. A line break at the end is not part of the secret.
    pub(super) fn secret_file(&mut self, field: &Field<'_>) -> Option<String> {
        self.secrets.push(field.span.clone()); // The secret itself is often given here by mistake.
        let path = self.path(field)?;
        let path = self.string(field).and_then(|text| self.credential(text)).unwrap_or(path);
        let bytes = self.read(field, &path, "the file")?;
        match single_line(bytes) {
            Ok(text) => Some(text),
            Err(fault) => self.refuse(field, fault, None),
        }
    }

    /// Reads a secret from `key`, or from the file that `key_file` names. Returns it with the field that it
    /// came from. It is a fault if both keys are given.
    pub(super) fn one_secret<'t>(
        &mut self,
        table: &Table<'t>,
        key: &str,
        key_file: &str,
    ) -> Option<(Field<'t>, String)> {
        let (plain, file) = (table.get(key), table.get(key_file));
        let given = plain.as_ref().and_then(|field| self.secret(field));
        let from_file = file.as_ref().and_then(|field| self.secret_file(field));
        if let (Some(plain), Some(file)) = (&plain, &file) {
            let other = Some((self.place(&plain.key_span), "given here"));
            let hint = Some("keep one of the two".to_owned());
            let message = format!("`{key}` is given as well");
            self.clash(&file.key, &file.key_span, message, hint, other);
            return None;
        }
        Some((plain.or(file)?, given.or(from_file)?))
    }

    /// Checks that a field names a file of PEM certificates (RFC 7468), and returns its path.
    pub(super) fn certificates(&mut self, field: &Field<'_>) -> Option<PathBuf> {
        let written = self.string(field)?;
        let shown = if written.contains('$') {
            written.to_owned()
        } else {
            self.base.join(written).display().to_string()
        };
        let bytes = self.file(field, &shown)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        if certificates.map_or(true, |certificates| certificates.is_empty()) {
            let hint = "a PEM file has lines `-----BEGIN CERTIFICATE-----`".to_owned();
            return self.refuse(field, "no certificate in this file", Some(hint));
        }
        self.path(field)
    }

    /// Reads `proxy`: a URL that may contain a password, or `none`. The empty text means `none`, as for curl.
    pub(super) fn proxy(&mut self, table: &Table<'_>) -> Option<ProxyChoice> {
        const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];
        let field = table.get("proxy")?;
        let DeValue::String(text) = field.value else {
            self.secrets.push(field.span.clone());
            self.mistyped(&field, "a string", None);
            return None;
        };
        self.hide_password(&field, text);
        let text = self.expanded(&field, text)?;
        if ["", "none", "direct"].iter().any(|none| text.trim().eq_ignore_ascii_case(none)) {
            return Some(ProxyChoice::Direct);
        }
        let schemes = SCHEMES.map(|scheme| format!("{scheme}://")).join(", ");
        let hint = format!("a proxy is {schemes}, or \"none\"");
        let fault = match url::Url::parse(text.trim()) {
            Ok(url) if !SCHEMES.contains(&url.scheme()) => {
                // `user:password@host` is a valid URL whose scheme is the user name.
                "not a scheme that a proxy has"
            }
            Ok(url) if url.host_str().is_none_or(str::is_empty) => "the proxy's URL names no host",
            Ok(url) => return Some(ProxyChoice::Via(Secret::new(url.into()))),
            Err(_) => "not the URL of a proxy",
        };
        self.refuse(&field, fault, Some(hint))
    }

    /// Marks what may be a password in `text`, the value of `field`, which should be a URL. Call it before
    /// noting any fault of the field.
    pub(super) fn hide_password(&mut self, field: &Field<'_>, text: &str) {
        if text.contains('@') {
            let source = self.text.get(field.span.clone()).unwrap_or_default();
            // If the `@` is written as an escape, the place of the password is unknown: the whole field is hidden.
            let escaped = (!source.contains('@')).then(|| field.span.clone());
            self.secrets.extend(password(source, field.span.start).or(escaped));
        }
    }
}

/// The span that may be a password in `source`, a text that should be a URL and starts at byte `at`: from the
/// first colon after the scheme to the last `@`.
fn password(source: &str, at: usize) -> Option<Range<usize>> {
    let last = source.rfind('@')?;
    let start = source.find("://").map_or(0, |scheme| scheme + 3);
    let colon = source.get(start..last)?.find(':')?;
    Some(at + start + colon + 1..at + last)
}

/// Reads the secret in a file that a command names, by the rules for files that the configuration names.
///
/// # Errors
/// When the file cannot be read, or holds more than the secret in a single line. The text repeats nothing of it.
pub fn secret_in(path: &Path) -> Result<String, String> {
    let bytes = read_limited(path).map_err(|error| reason(&error))?;
    Ok(single_line(bytes)?)
}

/// The secret in the bytes of a file. A line break at the end is not part of it.
fn single_line(bytes: Vec<u8>) -> Result<String, &'static str> {
    let Ok(mut text) = String::from_utf8(bytes) else { return Err("the file is not UTF-8 text") };
    if text.ends_with('\n') {
        text.pop();
    }
    if text.ends_with('\r') {
        text.pop();
    }
    if text.is_empty() || text.contains(['\n', '\r', '\0']) {
        return Err("the file must hold the secret in a single line and nothing else");
    }
    Ok(text)
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    if MAX_SECRET_FILE < std::fs::metadata(path)?.len() {
        let message = format!("it is larger than {MAX_SECRET_FILE} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    read_regular(path)
}

/// Reads a file that the configuration names, or the configuration itself. A pipe or a device is refused: if nobody
/// writes to it, reading it would never end, and neither would a reload or the wait after SIGTERM.
pub(super) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_file() || metadata.is_dir() {
        return std::fs::read(path); // Of a folder this is the usual error.
    }
    Err(io::Error::other("it is not a regular file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("t0ken".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_and_dollars_kept() {
        for (text, expected) in [
            ("Bearer ${TOKEN}", "Bearer t0ken"),
            ("${TOKEN}${TOKEN}", "t0kent0ken"),
            ("a${EMPTY}b", "ab"),
            ("$$", "$"),
            ("$${TOKEN}", "${TOKEN}"),
            ("pa$word", "pa$word"),
            ("trailing$", "trailing$"),
            ("", ""),
        ] {
            assert_eq!(expand(text, &environment).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_missing_variable_is_named_and_nothing_else_is_repeated() {
        let troubles = expand("${ONE} ${TWO} ${half a secret", &environment).unwrap_err();
        let messages: Vec<&str> = troubles.iter().map(|trouble| trouble.message.as_str()).collect();
        assert_eq!(messages.len(), 3);
        assert!(messages[0].contains("ONE") && messages[1].contains("TWO"), "{messages:?}");
        assert!(!messages.concat().contains("half"), "{messages:?}");
        assert!(expand("${}", &environment).is_err());
        assert!(expand("${A B}", &environment).is_err());
    }
}
