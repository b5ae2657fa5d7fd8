//! Addresses of files on the command line: paths, and `file:` URLs that start at the current folder.

use std::path::Path;

use anyhow::{Context as _, Result};
use url::Url;

use crate::config::Config;
use crate::search::filter::without_user_info;

/// The URL of the file that `text` names; `None` if `text` is neither the path of an existing file nor a relative `file:`
/// URL. A path after `file:` is percent-encoded and starts at the current folder, because RFC 8089 has only absolute paths.
///
/// # Errors
/// When the current folder or the file cannot be found.
pub(super) fn file_url(text: &str) -> Result<Option<Url>> {
    let path = Path::new(text);
    // A pipe, such as bash makes for `<(…)`, is read as a file.
    if path.exists() && !path.is_dir() {
        let path = path.canonicalize().with_context(|| format!("could not find {text}"))?;
        return Ok(Some(Url::from_file_path(&path).ok().context("the path is not absolute")?));
    }
    let Some(name) = relative_file(text) else { return Ok(None) };
    let folder = std::env::current_dir().context("could not find the current folder")?;
    Ok(Some(in_folder(&folder, name)?))
}

/// A feed's name, URL or id as the user gave it, without user name and password. A relative `file:` URL becomes an absolute
/// one: that of a configured feed if it is one from the configuration's folder, as in the configuration itself, else the
/// one from the current folder.
///
/// # Errors
/// When the current folder cannot be found.
pub(super) fn feed_text(text: &str, config: &Config) -> Result<String> {
    let Some(name) = relative_file(text) else { return Ok(without_user_info(text).into_owned()) };
    let folder = config.path.canonicalize().context("could not find the configuration")?;
    let configured = in_folder(folder.parent().unwrap_or(Path::new("/")), name)?;
    if config.feeds.iter().any(|feed| *feed.spec.url.as_url() == configured) {
        return Ok(configured.into());
    }
    Ok(file_url(text)?.map_or_else(|| text.to_owned(), String::from))
}

/// What follows `file:`, if it is no absolute path.
fn relative_file(text: &str) -> Option<&str> {
    let scheme = text.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:"));
    let name = scheme.and_then(|_| text.get(5..))?;
    (!name.is_empty() && !name.starts_with('/')).then_some(name)
}

fn in_folder(folder: &Path, name: &str) -> Result<Url> {
    let base = Url::from_directory_path(folder).ok().context("the path is not absolute")?;
    // The prefix `./` prevents that a part of the name is read as a scheme.
    base.join(&format!("./{name}")).with_context(|| format!("file:{name} is no URL"))
}
