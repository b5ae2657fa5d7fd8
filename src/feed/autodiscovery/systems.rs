//! The system that made a web page, and the usual places of its feeds.

use memchr::memmem;

use crate::html::entities::{Context, decode};
use crate::html::tokenizer::{Token, Tokens, lower};

/// The beginning of a page in which its generator is looked for, in bytes.
const HEAD: usize = 64 * 1024;

/// A publishing system.
struct System {
    /// How the value of `<meta name="generator">` begins, lower-case.
    generator: &'static str,
    /// A text that only pages of this system contain; empty for none.
    sign: &'static str,
    /// The usual paths of its feeds below the site, the most usual first.
    places: &'static [&'static str],
}

const fn system(
    generator: &'static str,
    sign: &'static str,
    places: &'static [&'static str],
) -> System {
    System { generator, sign, places }
}

const SYSTEMS: &[System] = &[
    system("wordpress", "/wp-content/", &["/feed/", "/?feed=rss2"]),
    system("ghost", "/ghost/", &["/rss/"]),
    system("hugo", "", &["/index.xml", "/posts/index.xml", "/blog/index.xml"]),
    system("jekyll", "", &["/feed.xml", "/atom.xml"]),
    system("hexo", "", &["/atom.xml", "/rss2.xml"]),
    system("eleventy", "", &["/feed.xml", "/feed/feed.xml", "/feed/"]),
    system("astro", "/_astro/", &["/rss.xml", "/feed.xml"]),
    system("gatsby", "id=\"___gatsby\"", &["/rss.xml"]),
    system("zola", "", &["/atom.xml", "/rss.xml"]),
    system("pelican", "", &["/feeds/all.atom.xml", "/feeds/all.rss.xml"]),
    system("nikola", "", &["/rss.xml", "/index.atom"]),
    system("docusaurus", "id=\"__docusaurus", &["/blog/rss.xml", "/blog/atom.xml"]),
    system("vitepress", "", &["/feed.rss", "/feed.xml"]),
    system("next", "/_next/static/", &["/rss.xml", "/feed.xml", "/feed"]),
    system(
        "joomla",
        "/media/system/js/",
        &["/?format=feed&type=rss", "/index.php?format=feed&type=rss"],
    ),
    system("drupal", "/sites/default/files/", &["/rss.xml", "/blog/feed"]),
    system("typo3", "", &["/rss.xml", "/feed.xml", "/?type=9818", "/?type=100"]),
    system("discourse", "data-discourse-setup", &["/latest.rss", "/posts.rss"]),
    system("xenforo", "data-app=\"public\"", &["/forums/-/index.rss"]),
    system("vbulletin", "", &["/external.php?type=RSS2"]),
    system("phpbb", "id=\"phpbb\"", &["/app.php/feed", "/feed.php"]),
    system("mybb", "", &["/syndication.php"]),
    system("flarum", "", &["/atom", "/rss"]),
    system(
        "mediawiki",
        "",
        &[
            "/index.php?title=Special:RecentChanges&feed=atom",
            "/w/index.php?title=Special:RecentChanges&feed=atom",
        ],
    ),
    system("dokuwiki", "", &["/feed.php"]),
    system("squarespace", "static1.squarespace.com", &["/?format=rss", "/blog?format=rss"]),
    system("wix", "static.parastorage.com", &["/blog-feed.xml", "/feed.xml"]),
    system("weebly", "editmysite.com", &["/1/feed", "/blog/feed"]),
    system("webflow", "", &["/blog/rss.xml", "/rss.xml"]),
    system("shopify", "cdn.shopify.com", &["/blogs/news.atom"]),
    system("blogger", "", &["/feeds/posts/default"]),
    system("tumblr", "assets.tumblr.com", &["/rss"]),
    system("typepad", "", &["/atom.xml", "/rss.xml"]),
    system("movable type", "", &["/atom.xml", "/index.xml"]),
    system("substack", "substackcdn.com", &["/feed"]),
    system("bandcamp", "bcbits.com", &["/feed"]),
    system("peertube", "", &["/feeds/videos.xml?sort=-publishedAt"]),
    system("writefreely", "", &["/feed/"]),
    system("kirby", "", &["/feed", "/blog/feed"]),
    system("grav", "", &["/blog.rss", "/blog.atom"]),
    system("craft", "", &["/feed.rss", "/rss"]),
    system("textpattern", "", &["/rss/", "/atom/"]),
    system("serendipity", "", &["/feeds/index.rss2", "/index.php?/feeds/index.rss2"]),
    system("dotclear", "", &["/feed/atom", "/index.php?feed/atom"]),
    system("spip", "", &["/spip.php?page=backend"]),
    system("plone", "", &["/RSS", "/news/RSS"]),
    system("concrete", "", &["/rss/blog"]),
    system("contao", "", &["/share/news.xml"]),
    system("gitea", "", &["/explore/repos.rss"]),
    system("redmine", "", &["/news.atom", "/activity.atom"]),
    system("trac", "", &["/timeline?format=rss"]),
];

/// The usual places of feeds in the system that made this page: by its `<meta name="generator">`, else by what only
/// pages of one system contain. Empty when that is unknown.
pub fn places(page: &str) -> &'static [&'static str] {
    let generator = generator(page);
    let named = generator.as_deref().and_then(|generator| {
        SYSTEMS.iter().find(|system| generator.starts_with(system.generator))
    });
    let seen = || {
        let mut signed = SYSTEMS.iter().filter(|system| !system.sign.is_empty());
        signed.find(|system| memmem::find(page.as_bytes(), system.sign.as_bytes()).is_some())
    };
    named.or_else(seen).map(|system| system.places).unwrap_or_default()
}

fn generator(page: &str) -> Option<String> {
    let head = page.get(..page.floor_char_boundary(HEAD)).unwrap_or_default();
    Tokens::html(head).find_map(|token| {
        let Token::Start { name, attributes, .. } = token else { return None };
        let is_generator = || {
            attributes.raw("name").is_some_and(|name| name.trim().eq_ignore_ascii_case("generator"))
        };
        if &*lower(name) != "meta" || !is_generator() {
            return None;
        }
        let value = decode(attributes.raw("content")?, Context::Attribute);
        Some(value.trim().to_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_named_or_shown_by_a_page() {
        for (name, page, expected) in [
            ("Hugo", "<!doctype html><META content='Hugo 0.140' name=Generator>", "/index.xml"),
            (
                "Joomla",
                "<meta name=\"generator\" content=\"Joomla! - Open Source\">",
                "/?format=feed&type=rss",
            ),
            (
                "Discourse",
                "<meta name=\"generator\" content=\"Discourse 3.2 - https://github.com/\">",
                "/latest.rss",
            ),
            (
                "Drupal",
                "<meta name='Generator' content='Drupal 10 (https://www.drupal.org)'>",
                "/rss.xml",
            ),
            ("Ghost", "<meta name='generator' content='Ghost 5.8'>", "/rss/"),
            ("a sign", "<link rel=stylesheet href='https://x.example/wp-content/a.css'>", "/feed/"),
            (
                "a name before a sign",
                "<meta name=generator content=Hexo><img src='/wp-content/a.png'>",
                "/atom.xml",
            ),
            ("an unknown name", "<meta name=generator content='Own work'>", ""),
            ("no name", "<p>Hugo</p>", ""),
        ] {
            assert_eq!(places(page).first().copied().unwrap_or_default(), expected, "{name}");
        }
    }
}
