//! Finds the configuration file.

use std::fmt;
use std::path::{Path, PathBuf};

const FILE: &str = "gazetted.toml";

/// The error when there is no configuration in any of the usual places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// The places that were tried, in that order.
    pub looked: Vec<PathBuf>,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no configuration found; looked for")?;
        for path in &self.looked {
            write!(f, "\n  {}", path.display())?;
        }
        f.write_str("\n`gazetted init` writes one to start with; `--config FILE` names another")
    }
}

impl std::error::Error for NotFound {}

/// Returns `--config`, else `$GAZETTED_CONFIG`, else the first that exists of `gazetted.toml` in `cwd`,
/// `$XDG_CONFIG_HOME/gazetted/gazetted.toml` (by default under `~/.config`) and
/// `/etc/gazetted/gazetted.toml`.
///
/// A file that was named is not checked here: [`load`](super::load) reports its faults.
///
/// # Errors
/// When no file was named and none exists.
pub fn find(
    explicit: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<String>,
    cwd: &Path,
) -> Result<PathBuf, NotFound> {
    if let Some(path) = explicit {
        return Ok(path.to_owned());
    }
    let variable = |name: &str| environment(name).filter(|text| !text.is_empty());
    if let Some(path) = variable("GAZETTED_CONFIG") {
        return Ok(PathBuf::from(path));
    }
    // A relative XDG_CONFIG_HOME is ignored (XDG Base Directory Specification 0.8).
    let home = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")));
    let looked: Vec<PathBuf> = [Some(cwd.to_owned()), home.map(|home| home.join("gazetted"))]
        .into_iter()
        .flatten()
        .chain([PathBuf::from("/etc/gazetted")])
        .map(|folder| folder.join(FILE))
        .collect();
    let found = looked.iter().find(|path| path.exists()).cloned();
    found.ok_or(NotFound { looked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_that_holds_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let (cwd, home) = (folder.path().join("cwd"), folder.path().join("home"));
        let xdg = folder.path().join("xdg");
        let here = cwd.join(FILE);
        let in_home = home.join(".config/gazetted").join(FILE);
        let in_xdg = xdg.join("gazetted").join(FILE);
        let touch = |path: &Path| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let plain = |name: &str| (name == "HOME").then(|| text(&home));
        let with_xdg = |name: &str| match name {
            "XDG_CONFIG_HOME" => Some(text(&xdg)),
            "GAZETTED_CONFIG" => Some(String::new()), // Empty counts as unset.
            other => plain(other),
        };
        let named = |name: &str| (name == "GAZETTED_CONFIG").then(|| "named.toml".to_owned());

        touch(&in_home);
        assert_eq!(find(None, &plain, &cwd), Ok(in_home.clone()));
        touch(&in_xdg);
        assert_eq!(find(None, &with_xdg, &cwd), Ok(in_xdg));
        assert_eq!(find(None, &plain, &cwd), Ok(in_home));
        touch(&here);
        assert_eq!(find(None, &with_xdg, &cwd), Ok(here));
        assert_eq!(find(None, &named, &cwd), Ok(PathBuf::from("named.toml")));
        let explicit = Path::new("explicit.toml");
        assert_eq!(find(Some(explicit), &named, &cwd), Ok(explicit.to_owned()));
    }

    #[test]
    fn a_search_in_vain_lists_every_place_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let environment = |name: &str| match name {
            "XDG_CONFIG_HOME" => Some("relative".to_owned()),
            "HOME" => Some("/nowhere".to_owned()),
            _ => None,
        };
        let error = find(None, &environment, folder.path()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
        assert!(text.contains("/nowhere/.config/gazetted/gazetted.toml"), "{text}");
        assert!(text.contains("/etc/gazetted/gazetted.toml"), "{text}");
        assert!(text.contains("gazetted init"), "{text}");
    }
}
