//! The vocabulary that a prefix means: by the namespace it is bound to, else by common use.

use memchr::memmem;

use crate::html::tokenizer::Attributes;

/// A vocabulary. All versions of RSS and Atom are one, because their names do not clash and feeds mix them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ns {
    Core,
    Content,
    Dc,
    DcTerms,
    Media,
    Itunes,
    Rdf,
    Syndication,
    FeedBurner,
    Xhtml,
    News,
    Image,
    Podcast,
    Other,
}

/// Namespace names, lower-case, without scheme, `www.`, and `/` or `#` at the end. A name that ends in `*` is
/// a prefix, after which a version follows.
const BY_NAME: [(&str, Ns); 33] = [
    ("w3.org/2005/atom", Ns::Core),
    ("purl.org/atom*", Ns::Core), // Atom 0.3.
    ("purl.org/pie", Ns::Core),
    ("purl.org/echo", Ns::Core),
    ("example.com/newformat", Ns::Core),
    ("example.com/necho", Ns::Core),
    ("uri/of/echo/namespace", Ns::Core),
    ("purl.org/rss/1.0", Ns::Core),
    ("purl.org/net/rss1.1*", Ns::Core),
    ("my.netscape.com*", Ns::Core), // RSS 0.90 and 0.91.
    ("channel.netscape.com*", Ns::Core),
    ("backend.userland.com*", Ns::Core), // RSS 2.0 for a while.
    ("blogs.law.harvard.edu*", Ns::Core),
    ("cyber.law.harvard.edu*", Ns::Core),
    ("rssboard.org/rss-specification", Ns::Core),
    ("sitemaps.org/schemas/sitemap*", Ns::Core),
    ("google.com/schemas/sitemap/0*", Ns::Core),
    ("purl.org/rss/1.0/modules/content", Ns::Content),
    ("purl.org/dc/elements*", Ns::Dc),
    ("purl.org/dc/terms", Ns::DcTerms),
    ("search.yahoo.com/mrss*", Ns::Media),
    ("tools.search.yahoo.com/mrss*", Ns::Media),
    ("video.search.yahoo.com/mrss*", Ns::Media),
    ("rssboard.org/media-rss", Ns::Media),
    ("itunes.com/dtds*", Ns::Itunes),
    ("w3.org/1999/02/22-rdf-syntax-ns", Ns::Rdf),
    ("purl.org/rss/1.0/modules/syndication", Ns::Syndication),
    ("rssnamespace.org/feedburner*", Ns::FeedBurner),
    ("w3.org/1999/xhtml", Ns::Xhtml),
    ("google.com/schemas/sitemap-news*", Ns::News),
    ("google.com/schemas/sitemap-image*", Ns::Image),
    ("podcastindex.org/namespace*", Ns::Podcast),
    ("github.com/podcastindex-org/podcast-namespace*", Ns::Podcast),
];

/// The usual meaning of prefixes that are bound to an unknown namespace or to none.
const BY_CUSTOM: [(&str, Ns); 22] = [
    ("atom", Ns::Core),
    ("atom10", Ns::Core),
    ("atom03", Ns::Core),
    ("a10", Ns::Core),
    ("rss", Ns::Core),
    ("rss1", Ns::Core),
    ("content", Ns::Content),
    ("dc", Ns::Dc),
    ("dcterms", Ns::DcTerms),
    ("dct", Ns::DcTerms),
    ("media", Ns::Media),
    ("mrss", Ns::Media),
    ("itunes", Ns::Itunes),
    ("rdf", Ns::Rdf),
    ("sy", Ns::Syndication),
    ("feedburner", Ns::FeedBurner),
    ("xhtml", Ns::Xhtml),
    ("html", Ns::Xhtml),
    ("xh", Ns::Xhtml),
    ("news", Ns::News),
    ("image", Ns::Image),
    ("podcast", Ns::Podcast),
];

/// Prefixes of vocabularies that are known and not read.
const FOREIGN: [&str; 6] = [
    "w3.org/2000/svg",
    "w3.org/1998/math",
    "georss.org",
    "opengis.net",
    "w3.org/2003/01/geo",
    "wellformedweb.org",
];

fn by_name(uri: &str) -> Option<Ns> {
    let lower = uri.trim().to_ascii_lowercase();
    let name = lower.split_once("://").map_or(lower.as_str(), |(_, name)| name);
    let name = name.strip_prefix("www.").unwrap_or(name).trim_end_matches(['/', '#']);
    if FOREIGN.iter().any(|foreign| name.starts_with(foreign)) {
        return Some(Ns::Other);
    }
    let matches = |known: &str| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == known,
    };
    BY_NAME.iter().find(|(known, _)| matches(known)).map(|(_, ns)| *ns)
}

fn by_custom(prefix: &str) -> Ns {
    let known = BY_CUSTOM.iter().find(|(known, _)| prefix.eq_ignore_ascii_case(known));
    known.map_or(Ns::Other, |(_, ns)| *ns)
}

/// The bindings in force, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    bindings: Vec<(&'a str, Ns)>,
    /// The number of bindings to unknown namespaces and of prefixes without binding.
    pub(super) repaired: u32,
}

/// The most bindings in force at once. Further ones are ignored.
const MOST_BINDINGS: usize = 256;

impl<'a> Scope<'a> {
    pub(super) fn mark(&self) -> usize {
        self.bindings.len()
    }

    pub(super) fn leave(&mut self, mark: usize) {
        self.bindings.truncate(mark);
    }

    /// Adds the bindings of a tag. The default namespace of the root is always that of the feed.
    pub(super) fn enter(&mut self, attributes: Attributes<'a>, is_root: bool) {
        if memmem::find(attributes.0.as_bytes(), b"xmlns").is_none() {
            return;
        }
        for (name, value) in attributes.iter() {
            let Some(rest) = name.strip_prefix("xmlns") else { continue };
            if MOST_BINDINGS <= self.bindings.len() {
                return;
            }
            let ns = match rest.strip_prefix(':') {
                None if rest.is_empty() => {
                    if is_root {
                        Ns::Core
                    } else {
                        by_name(value).unwrap_or(Ns::Core)
                    }
                }
                None => continue,
                Some(prefix) => by_name(value).unwrap_or_else(|| by_custom(prefix)),
            };
            self.bindings.push((rest.strip_prefix(':').unwrap_or_default(), ns));
        }
    }

    /// Resolves the name of a tag to its vocabulary and local name.
    pub(super) fn resolve<'n>(&mut self, name: &'n str) -> (Ns, &'n str) {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let bound = self.bindings.iter().rev().find(|(known, _)| *known == prefix);
        let ns = match bound {
            Some((_, ns)) => *ns,
            None if prefix.is_empty() => Ns::Core,
            None => {
                self.repaired += 1;
                by_custom(prefix)
            }
        };
        (ns, local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_means_what_it_is_bound_to_else_what_is_usual() {
        for (root, name, expected) in [
            ("", "title", (Ns::Core, "title")),
            (" xmlns='http://www.w3.org/2005/Atom'", "title", (Ns::Core, "title")),
            (" xmlns='https://www.w3.org/2005/atom/'", "title", (Ns::Core, "title")),
            (" xmlns='http://backend.userland.com/rss2'", "item", (Ns::Core, "item")),
            (" xmlns='http://nobody.example/'", "item", (Ns::Core, "item")),
            (" xmlns:x='http://search.yahoo.com/mrss'", "x:content", (Ns::Media, "content")),
            (" xmlns:m='HTTP://SEARCH.YAHOO.COM/MRSS/'", "m:group", (Ns::Media, "group")),
            ("", "media:title", (Ns::Media, "title")),
            ("", "foo:title", (Ns::Other, "title")),
            (" xmlns:dc='urn:odd'", "dc:creator", (Ns::Dc, "creator")),
            (
                " xmlns:itunes='http://www.itunes.com/DTDs/Podcast-1.0.dtd'",
                "itunes:author",
                (Ns::Itunes, "author"),
            ),
            (
                " xmlns:media='https://podcastindex.org/namespace/1.0'",
                "media:x",
                (Ns::Podcast, "x"),
            ),
        ] {
            let mut scope = Scope::default();
            scope.enter(Attributes(root), true);
            assert_eq!(scope.resolve(name), expected, "{root} {name}");
        }
    }

    #[test]
    fn a_binding_ends_with_its_element() {
        let mut scope = Scope::default();
        scope.enter(Attributes(" xmlns:a='http://purl.org/dc/terms/'"), true);
        let mark = scope.mark();
        scope.enter(Attributes(" xmlns='http://www.w3.org/1999/xhtml' xmlns:a='urn:x'"), false);
        assert_eq!(scope.resolve("p").0, Ns::Xhtml);
        assert_eq!(scope.resolve("a:p").0, Ns::Other);
        scope.leave(mark);
        assert_eq!(scope.resolve("p").0, Ns::Core);
        assert_eq!(scope.resolve("a:p").0, Ns::DcTerms);
    }
}
