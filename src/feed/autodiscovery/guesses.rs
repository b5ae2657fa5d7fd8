//! Discovery guesses: the addresses where the feed of a page may be, by a rule for its site, else by the
//! addresses that publishing systems commonly use.

use crate::html::web_address::is_web;
use url::{ParseError, Url};

/// A site, or a kind of site, where the address of a feed follows from that of the page.
struct Site {
    /// A host, or with a leading dot all hosts below a domain. Empty for any host.
    hosts: &'static [&'static str],
    /// The addresses, best first, as paths or absolute. None when the page has no feed of its own.
    feeds: fn(&Page<'_>) -> Vec<String>,
}

/// The parts of a page's address.
struct Page<'a> {
    url: &'a Url,
    host: &'a str,
    /// The segments of the path that are not empty.
    path: Vec<&'a str>,
}

impl Page<'_> {
    fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// The sites, each with the reason for its row. A site whose pages have feed links has a row only if
/// requesting the page fails or its links lead to the wrong feed.
const SITES: &[Site] = &[
    // The page is a megabyte of script behind a consent form; the feed is one request. A handle
    // (`/@name`, `/c/name`) does not tell the channel's id: there the page has to.
    Site { hosts: &["youtube.com", ".youtube.com"], feeds: youtube },
    // Every listing has a feed at its address and `.rss`; the page is refused to programs.
    Site { hosts: &["reddit.com", ".reddit.com"], feeds: reddit },
    // A repository's page has no feed links for visitors without account, though releases, tags and commits have feeds.
    Site { hosts: &["github.com"], feeds: github },
    // The page has feed links, but is behind a check for browsers.
    Site {
        hosts: &["gitlab.com"],
        feeds: |page| match page.path[..] {
            [owner, project] => vec![
                format!("/{owner}/{project}/-/tags?format=atom"),
                format!("/{owner}/{project}.atom"),
            ],
            _ if page.path.contains(&"-") => by_system(&page.path),
            _ => Vec::new(),
        },
    },
    // Forgejo has only a link in the footer.
    Site {
        hosts: &["codeberg.org"],
        feeds: |page| match page.path[..] {
            [owner, project, ..] => {
                vec![format!("/{owner}/{project}/releases.rss"), format!("/{owner}/{project}.rss")]
            }
            [owner] => vec![format!("/{owner}.rss")],
            [] => Vec::new(),
        },
    },
    // Pages are drawn by script and have no feed links.
    Site {
        hosts: &["medium.com"],
        feeds: |page| match page.path[..] {
            ["tag", tag, ..] => vec![format!("/feed/tag/{tag}")],
            ["feed", ..] | [] => Vec::new(),
            [who, ..] => vec![format!("/feed/{who}")],
        },
    },
    // Publications at a host of their own.
    Site { hosts: &[".medium.com"], feeds: |_| vec!["/feed".to_owned()] },
    // A profile is drawn by script; the publication's host has the feed.
    Site {
        hosts: &["substack.com"],
        feeds: |page| match page.path[..] {
            [who] => who
                .strip_prefix('@')
                .map(|who| format!("https://{who}.substack.com/feed"))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        },
    },
    // An article has no feed link, but its publication has a feed.
    Site { hosts: &[".substack.com"], feeds: |_| vec!["/feed".to_owned()] },
    // An article links to the feed of its comments. The blog's feed is at its root, a tag's below the tag.
    Site {
        hosts: &[".wordpress.com"],
        feeds: |page| match page.path[..] {
            [kind @ ("tag" | "category" | "author"), name, ..] => {
                vec![format!("/{kind}/{name}/feed/")]
            }
            _ => vec!["/feed/".to_owned()],
        },
    },
    // The addresses are those of WordPress. Every country has a domain of its own.
    Site {
        hosts: &[".blogspot.*"],
        feeds: |page| match page.path[..] {
            ["search", "label", label, ..] => vec![format!("/feeds/posts/default/-/{label}")],
            _ => vec!["/feeds/posts/default".to_owned()],
        },
    },
    // A blog inside of the application is drawn by script; it has a host of its own.
    Site {
        hosts: &["tumblr.com", "www.tumblr.com"],
        feeds: |page| match page.path[..] {
            [who, ..]
                if !matches!(who, "tagged" | "explore" | "search" | "login" | "dashboard") =>
            {
                vec![format!("https://{who}.tumblr.com/rss")]
            }
            _ => Vec::new(),
        },
    },
    // The page stands behind a consent form.
    Site { hosts: &[".tumblr.com"], feeds: |_| vec!["/rss".to_owned()] },
    // Drawn by script; the feed's address redirects to the account's id.
    Site {
        hosts: &["bsky.app"],
        feeds: |page| match page.path[..] {
            ["profile", who, ..] => vec![format!("/profile/{who}/rss")],
            _ => Vec::new(),
        },
    },
    // The page is refused to programs.
    Site {
        hosts: &[
            "stackoverflow.com",
            ".stackoverflow.com",
            ".stackexchange.com",
            "serverfault.com",
            "superuser.com",
            "askubuntu.com",
            "mathoverflow.net",
        ],
        feeds: |page| match page.path[..] {
            ["questions", "tagged", tag, ..] => vec![format!("/feeds/tag/{tag}")],
            ["questions", id, ..] if id.bytes().all(|b| b.is_ascii_digit()) => {
                vec![format!("/feeds/question/{id}")]
            }
            _ => vec!["/feeds".to_owned()],
        },
    },
    // A project's page links to the feed of all projects.
    Site {
        hosts: &["pypi.org"],
        feeds: |page| match page.path[..] {
            ["project", name, ..] => vec![format!("/rss/project/{name}/releases.xml")],
            _ => Vec::new(),
        },
    },
    // Drawn by script.
    Site {
        hosts: &["crates.io"],
        feeds: |page| match page.path[..] {
            ["crates", name, ..] => vec![format!("https://static.crates.io/rss/crates/{name}.xml")],
            _ => Vec::new(),
        },
    },
    // Listings have no feed links. The feeds have a host of their own.
    Site {
        hosts: &["arxiv.org", "www.arxiv.org"],
        feeds: |page| match page.path[..] {
            ["list", topic, ..] => vec![format!("https://rss.arxiv.org/rss/{topic}")],
            _ => Vec::new(),
        },
    },
    // A channel's page stands behind a check for browsers.
    Site {
        hosts: &["vimeo.com"],
        feeds: |page| match page.path[..] {
            [who] if !who.bytes().all(|b| b.is_ascii_digit()) => vec![format!("/{who}/videos/rss")],
            [kind @ ("channels" | "groups"), name] => vec![format!("/{kind}/{name}/videos/rss")],
            _ => Vec::new(),
        },
    },
    // An artist's page has no feed links.
    Site {
        hosts: &[".bandcamp.com"],
        feeds: |page| match page.path[..] {
            ["feed"] => Vec::new(),
            _ => vec!["/feed".to_owned()],
        },
    },
    // The page is drawn by script. A name in it does not tell the id: there the page has to.
    Site { hosts: &["flickr.com", "www.flickr.com"], feeds: flickr },
    // The feed has the name of the user; the page has no link to it.
    Site {
        hosts: &["letterboxd.com"],
        feeds: |page| match page.path[..] {
            [user, ..] if !matches!(user, "film" | "films" | "list" | "lists" | "search") => {
                vec![format!("/{user}/rss/")]
            }
            _ => Vec::new(),
        },
    },
    // A tag's page links to the feed of all stories.
    Site {
        hosts: &["lobste.rs"],
        feeds: |page| match page.path[..] {
            ["t", tag] => vec![format!("/t/{tag}.rss")],
            [] => vec!["/rss".to_owned()],
            _ => Vec::new(),
        },
    },
    // Projects have no feed links.
    Site {
        hosts: &["rubygems.org"],
        feeds: |page| match page.path[..] {
            ["gems", name, ..] => vec![format!("/gems/{name}/versions.atom")],
            _ => Vec::new(),
        },
    },
    // Drawn by script.
    Site {
        hosts: &["dev.to"],
        feeds: |page| match page.path[..] {
            ["t", tag, ..] => vec![format!("/feed/tag/{tag}")],
            [who, ..] if who != "feed" => vec![format!("/feed/{who}")],
            _ => Vec::new(),
        },
    },
    // Mastodon and similar servers, on any host: an account's page is drawn by script.
    Site { hosts: &[""], feeds: fediverse },
];

fn youtube(page: &Page<'_>) -> Vec<String> {
    let feed = |by: &str, what: &str| {
        vec![format!("https://www.youtube.com/feeds/videos.xml?{by}={what}")]
    };
    match (&page.path[..], page.query("list")) {
        (["channel", id, ..], _) => feed("channel_id", id),
        (["user", name, ..], _) => feed("user", name),
        // Mixes and a visitor's own lists (RD…, WL, LL) have no feed.
        (["playlist" | "watch"], Some(list)) if list.starts_with(['P', 'U', 'O', 'F']) => {
            feed("playlist_id", &list)
        }
        _ => Vec::new(),
    }
}

/// Whether the last part of a path is already the name of a feed.
fn is_feed(last: &str) -> bool {
    let ending = last.rsplit('.').next().unwrap_or_default();
    ["rss", "atom"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

fn flickr(page: &Page<'_>) -> Vec<String> {
    let feed = |name: &str, by: &str, what: &str| {
        vec![format!("https://www.flickr.com/services/feeds/{name}.gne?{by}={what}&format=rss_200")]
    };
    // An id of Flickr, as `12345678@N01`.
    let is_id =
        |text: &str| text.split_once("@N").is_some_and(|(number, _)| number.parse::<u64>().is_ok());
    match page.path[..] {
        ["photos", "tags", tag, ..] => feed("photos_public", "tags", tag),
        ["photos" | "people", who, ..] if is_id(who) => feed("photos_public", "id", who),
        ["groups", group, ..] if is_id(group) => feed("groups_pool", "id", group),
        _ => Vec::new(),
    }
}

fn reddit(page: &Page<'_>) -> Vec<String> {
    match page.path[..] {
        [.., last] if is_feed(last) => Vec::new(),
        [] => vec!["/.rss".to_owned()],
        ["r", name] | ["r", name, "hot"] => vec![format!("/r/{name}/.rss")],
        ["r", name, order @ ("new" | "top" | "rising")] => vec![format!("/r/{name}/{order}/.rss")],
        ["r", name, "comments", id, ..] => vec![format!("/r/{name}/comments/{id}/.rss")],
        ["user" | "u", name, ..] => vec![format!("/user/{name}/.rss")],
        _ => Vec::new(),
    }
}

fn github(page: &Page<'_>) -> Vec<String> {
    match page.path[..] {
        [.., last] if is_feed(last) => Vec::new(),
        [owner, project, "tags"] => vec![format!("/{owner}/{project}/tags.atom")],
        [owner, project, "commits"] => vec![format!("/{owner}/{project}/commits.atom")],
        [owner, project, "commits" | "tree", ref branch @ ..] => {
            vec![format!("/{owner}/{project}/commits/{}.atom", branch.join("/"))]
        }
        // Many projects tag and never release, many do neither.
        [owner, project] | [owner, project, "releases", ..] => ["releases", "tags", "commits"]
            .map(|kind| format!("/{owner}/{project}/{kind}.atom"))
            .into(),
        [owner] => vec![format!("/{owner}.atom")],
        _ => Vec::new(),
    }
}

fn fediverse(page: &Page<'_>) -> Vec<String> {
    let [account] = page.path[..] else { return Vec::new() };
    match account.strip_prefix('@').map(|account| account.split_once('@')) {
        // The account is on another server, and so is its feed.
        Some(Some((name, home))) => vec![format!("https://{home}/@{name}.rss")],
        Some(None) if !account.contains('.') => vec![format!("/{account}.rss")],
        Some(None) | None => Vec::new(),
    }
}

/// Whether a row applies to a host. `.a.example` means all hosts below it, `.a.*` those in any country.
fn is_at(host: &str, pattern: &str) -> bool {
    match (pattern.strip_suffix(".*"), pattern.starts_with('.')) {
        (Some(domain), _) => host.contains(&format!("{domain}.")),
        (None, true) => host.ends_with(pattern),
        (None, false) => pattern.is_empty() || host == pattern,
    }
}

/// The addresses of a page's feeds, best first, by the rule for its site. Empty when there is no rule.
pub fn by_site(page: &Url) -> Vec<Url> {
    let Some(host) = page.host_str().filter(|_| is_web(page)) else {
        return Vec::new();
    };
    let path = page.path_segments().map(|path| path.filter(|part| !part.is_empty()).collect());
    let parts = Page { url: page, host, path: path.unwrap_or_default() };
    let site = SITES.iter().find(|site| site.hosts.iter().any(|host| is_at(parts.host, host)));
    let feeds = site.map(|site| (site.feeds)(&parts)).unwrap_or_default();
    feeds.iter().filter_map(|feed| page.join(feed).ok()).filter(|feed| feed != page).collect()
}

/// The common addresses of feeds, the most common first: blog engines, static site generators, Discourse, Joomla,
/// Blogger, Squarespace.
const PATHS: [&str; 11] = [
    "/feed",
    "/rss",
    "/feed.xml",
    "/rss.xml",
    "/atom.xml",
    "/index.xml",
    "/latest.rss",
    "/?format=feed&type=rss",
    "/feed.json",
    "/feeds/posts/default",
    "/?format=rss",
];

/// The most guesses for a page, because each costs a request.
const MOST_GUESSES: usize = PATHS.len();

/// The addresses that systems on any host give to the feed of a page, by the form of the page's path.
fn by_system(path: &[&str]) -> Vec<String> {
    match *path {
        // GitLab.
        [ref project @ .., "-", "commits", branch] if !project.is_empty() => {
            vec![format!("/{}/-/commits/{branch}?format=atom", project.join("/"))]
        }
        [ref project @ .., "-"] | [ref project @ .., "-", _] | [ref project @ .., "-", _, _]
            if !project.is_empty() =>
        {
            let project = project.join("/");
            vec![format!("/{project}/-/tags?format=atom"), format!("/{project}.atom")]
        }
        // Discourse, Lemmy, PeerTube.
        ["c", category, id] if id.bytes().all(|b| b.is_ascii_digit()) => {
            vec![format!("/c/{category}/{id}.rss")]
        }
        ["t", topic, id, ..] => vec![format!("/t/{topic}/{id}.rss")],
        ["tag", tag] => vec![format!("/tag/{tag}.rss"), format!("/tag/{tag}/feed")],
        ["c" | "video-channels", name, ..] => vec![
            format!("/feeds/c/{name}.xml?sort=New"),
            format!("/feeds/videos.xml?videoChannelName={name}"),
        ],
        ["a" | "accounts", name, ..] => vec![format!("/feeds/videos.xml?accountName={name}")],
        ["u", name] => vec![format!("/feeds/u/{name}.xml?sort=New")],
        ["videos", ..] | ["w", _] => vec!["/feeds/videos.xml?sort=-publishedAt".to_owned()],
        // Shopify.
        ["blogs", blog, ..] => vec![format!("/blogs/{blog}.atom")],
        // MediaWiki.
        ["wiki", ..] => vec![
            "/w/index.php?title=Special:RecentChanges&feed=atom".to_owned(),
            "/index.php?title=Special:RecentChanges&feed=atom".to_owned(),
        ],
        // phpBB.
        [ref folder @ .., "viewforum.php" | "viewtopic.php" | "index.php"] => {
            let folder: String = folder.iter().flat_map(|part| ["/", part]).collect();
            vec![format!("{folder}/app.php/feed")]
        }
        // Gitea and Forgejo, GitLab.
        [owner, project] if !project.contains('.') => vec![
            format!("/{owner}/{project}/feed"),
            format!("/{owner}/{project}/releases.rss"),
            format!("/{owner}/{project}.rss"),
            format!("/{owner}/{project}.atom"),
        ],
        // Wix.
        ["blog"] => vec!["/blog/feed".to_owned(), "/blog-feed.xml".to_owned()],
        _ => Vec::new(),
    }
}

/// The addresses to try when a page has no feed links. They are few, because each costs a request. `places` are those of
/// the system that made the page.
pub fn guesses(page: &Url, places: &[&str]) -> Vec<Url> {
    let path: Vec<&str> =
        page.path_segments().into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let mut own = by_system(&path);
    own.extend(places.iter().copied().map(str::to_owned));
    if let Some(last) = path.last() {
        let at = page.path().trim_end_matches('/');
        if !last.contains('.') {
            own.push(format!("{at}/feed"));
            own.push(format!("{at}/index.xml")); // A section of Hugo.
            own.push(format!("{}?format=rss", page.path())); // Squarespace.
        }
        own.push(format!("{}?format=feed&type=rss", page.path())); // Joomla.
    }
    let mut found: Vec<Url> = Vec::new();
    for address in own.iter().map(String::as_str).chain(PATHS) {
        if let Ok(url) = page.join(address)
            && url != *page
            && !found.contains(&url)
        {
            found.push(url);
        }
    }
    found.truncate(MOST_GUESSES);
    found
}

/// Reads the address of a page or feed as a person types it: `example.org`, `feed:https://…`, `@name@host`.
///
/// The flag is true when no scheme was given, so that `http` may be meant as well.
///
/// # Errors
/// When it is not an address.
pub fn address(text: &str) -> Result<(Url, bool), ParseError> {
    let text = text.trim();
    if let Some((name, home)) = text.strip_prefix('@').and_then(|rest| rest.split_once('@')) {
        return Ok((Url::parse(&format!("https://{home}/@{name}"))?, false));
    }
    let text = match text.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("feed:") => {
            text.get(5..).unwrap_or_default().trim_start_matches('/')
        }
        _ => text,
    };
    let has_scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
        let is_port = rest.starts_with(|c: char| c.is_ascii_digit());
        !is_port && !scheme.contains(['.', '/']) && !scheme.is_empty()
    });
    if has_scheme {
        Ok((Url::parse(text)?, false))
    } else {
        Ok((Url::parse(&format!("https://{text}"))?, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    #[test]
    fn pages_of_known_sites_lead_to_their_feeds() {
        for (page, expected) in [
            (
                "https://www.youtube.com/channel/UCabc/videos",
                "https://www.youtube.com/feeds/videos.xml?channel_id=UCabc",
            ),
            (
                "https://m.youtube.com/user/name",
                "https://www.youtube.com/feeds/videos.xml?user=name",
            ),
            (
                "https://youtube.com/playlist?list=PLx",
                "https://www.youtube.com/feeds/videos.xml?playlist_id=PLx",
            ),
            (
                "https://www.youtube.com/watch?v=1&list=PLx",
                "https://www.youtube.com/feeds/videos.xml?playlist_id=PLx",
            ),
            ("https://www.youtube.com/watch?v=1&list=RDx", ""),
            ("https://www.youtube.com/@handle", ""),
            ("https://www.youtube.com/feeds/videos.xml?channel_id=UCabc", ""),
            ("https://www.reddit.com/r/rust/", "https://www.reddit.com/r/rust/.rss"),
            ("https://old.reddit.com/r/rust/new", "https://old.reddit.com/r/rust/new/.rss"),
            ("https://www.reddit.com/u/name", "https://www.reddit.com/user/name/.rss"),
            ("https://www.reddit.com/r/rust/.rss", ""),
            (
                "https://github.com/a/b",
                "https://github.com/a/b/releases.atom https://github.com/a/b/tags.atom https://github.com/a/b/commits.atom",
            ),
            (
                "https://github.com/a/b/tree/main/src",
                "https://github.com/a/b/commits/main/src.atom",
            ),
            ("https://github.com/a/b/commits/main", "https://github.com/a/b/commits/main.atom"),
            ("https://github.com/a", "https://github.com/a.atom"),
            ("https://github.com/a/b/releases.atom", ""),
            (
                "https://gitlab.com/a/b",
                "https://gitlab.com/a/b/-/tags?format=atom https://gitlab.com/a/b.atom",
            ),
            (
                "https://codeberg.org/a/b",
                "https://codeberg.org/a/b/releases.rss https://codeberg.org/a/b.rss",
            ),
            ("https://medium.com/@name", "https://medium.com/feed/@name"),
            ("https://band.bandcamp.com/album/x", "https://band.bandcamp.com/feed"),
            ("https://band.bandcamp.com/feed", ""),
            (
                "https://www.flickr.com/photos/12345678@N01/",
                "https://www.flickr.com/services/feeds/photos_public.gne?id=12345678@N01&format=rss_200",
            ),
            (
                "https://flickr.com/photos/tags/fog",
                "https://www.flickr.com/services/feeds/photos_public.gne?tags=fog&format=rss_200",
            ),
            (
                "https://www.flickr.com/groups/1234@N21/pool",
                "https://www.flickr.com/services/feeds/groups_pool.gne?id=1234@N21&format=rss_200",
            ),
            ("https://www.flickr.com/photos/name/", ""),
            ("https://letterboxd.com/name/", "https://letterboxd.com/name/rss/"),
            ("https://lobste.rs/t/rust", "https://lobste.rs/t/rust.rss"),
            ("https://medium.com/tag/rust", "https://medium.com/feed/tag/rust"),
            ("https://pub.medium.com/x-1", "https://pub.medium.com/feed"),
            ("https://substack.com/@name", "https://name.substack.com/feed"),
            ("https://name.substack.com/p/post", "https://name.substack.com/feed"),
            ("https://name.wordpress.com/2021/01/post/", "https://name.wordpress.com/feed/"),
            ("https://name.wordpress.com/tag/x", "https://name.wordpress.com/tag/x/feed/"),
            (
                "https://name.blogspot.com/2021/01/x.html",
                "https://name.blogspot.com/feeds/posts/default",
            ),
            (
                "https://name.blogspot.co.uk/search/label/x",
                "https://name.blogspot.co.uk/feeds/posts/default/-/x",
            ),
            ("https://name.tumblr.com/post/1", "https://name.tumblr.com/rss"),
            ("https://bsky.app/profile/name.example", "https://bsky.app/profile/name.example/rss"),
            (
                "https://stackoverflow.com/questions/tagged/rust",
                "https://stackoverflow.com/feeds/tag/rust",
            ),
            ("https://pypi.org/project/x/", "https://pypi.org/rss/project/x/releases.xml"),
            ("https://crates.io/crates/x", "https://static.crates.io/rss/crates/x.xml"),
            ("https://arxiv.org/list/cs.CL/recent", "https://rss.arxiv.org/rss/cs.CL"),
            ("https://social.example/@name", "https://social.example/@name.rss"),
            ("https://social.example/@name@other.example", "https://other.example/@name.rss"),
            ("https://social.example/@name.rss", ""),
            ("https://social.example/@name/123", ""),
            ("https://example.org/", ""),
            ("https://notreddit.com/r/rust", ""),
            ("file:///tmp/@x", ""),
        ] {
            let feeds = by_site(&Url::parse(page).unwrap());
            let feeds: Vec<String> = feeds.into_iter().map(Into::into).collect();
            assert_eq!(feeds.join(" "), expected, "{page}");
        }
    }

    #[test]
    fn guesses_begin_at_the_page_and_are_few() {
        let guesses = |page: &str| guesses(&Url::parse(page).unwrap(), &[]);
        assert_eq!(guesses("https://a.example/?x#y")[0].as_str(), "https://a.example/feed");
        assert_eq!(guesses("https://a.example/blog/")[0].as_str(), "https://a.example/blog/feed");
        assert_eq!(guesses("https://a.example/x.html")[0].path(), "/x.html");
        assert!(
            !guesses("https://a.example/feed")
                .iter()
                .any(|url| url.as_str().ends_with("/feed") && url.path() == "/feed")
        );
        for page in ["", "blog", "a/b", "a/b/-/issues", "c/x", "x.html"] {
            let page = format!("https://a.example/{page}");
            assert!(guesses(&page).len() <= MOST_GUESSES, "{page}");
        }
    }

    #[test]
    fn the_usual_places_of_systems_are_among_the_guesses() {
        for (page, expected) in [
            ("/", "/latest.rss"),
            ("/", "/?format=feed&type=rss"),
            ("/", "/rss.xml"),
            ("/", "/index.xml"),
            ("/", "/?format=rss"),
            ("/index.php/news", "/index.php/news?format=feed&type=rss"),
            ("/posts/", "/posts/index.xml"),
            ("/journal", "/journal?format=rss"),
            ("/blog", "/blog-feed.xml"),
            ("/blogs/news", "/blogs/news.atom"),
            ("/blogs/news/an-article", "/blogs/news.atom"),
            ("/c/support/7", "/c/support/7.rss"),
            ("/t/a-topic/123", "/t/a-topic/123.rss"),
            ("/t/a-topic/123/4", "/t/a-topic/123.rss"),
            ("/c/rust", "/feeds/c/rust.xml?sort=New"),
            ("/u/me", "/feeds/u/me.xml?sort=New"),
            ("/c/channel/videos", "/feeds/videos.xml?videoChannelName=channel"),
            ("/a/someone/video-channels", "/feeds/videos.xml?accountName=someone"),
            ("/videos/recently-added", "/feeds/videos.xml?sort=-publishedAt"),
            ("/group/sub/project/-/issues", "/group/sub/project.atom"),
            ("/a/b/-/commits/main", "/a/b/-/commits/main?format=atom"),
            ("/owner/project", "/owner/project.rss"),
            ("/owner/project", "/owner/project/releases.rss"),
            ("/wiki/Main_Page", "/w/index.php?title=Special:RecentChanges&feed=atom"),
            ("/forum/viewforum.php?f=2", "/forum/app.php/feed"),
        ] {
            let page = Url::parse("https://a.example").unwrap().join(page).unwrap();
            let found = guesses(&page, &[]);
            let expected = format!("https://a.example{expected}");
            assert!(
                found.iter().any(|url| url.as_str() == expected),
                "{page} {expected}: {found:?}"
            );
        }
    }

    #[test]
    fn an_address_is_read_as_people_type_it() {
        for (text, expected) in [
            ("example.org", Some(("https://example.org/", true))),
            ("example.org:8080/x", Some(("https://example.org:8080/x", true))),
            ("localhost:8080/x", Some(("https://localhost:8080/x", true))),
            (" http://example.org/f ", Some(("http://example.org/f", false))),
            ("feed:https://example.org/f", Some(("https://example.org/f", false))),
            ("feed://example.org/f", Some(("https://example.org/f", true))),
            ("@name@social.example", Some(("https://social.example/@name", false))),
            ("file:///tmp/x.xml", Some(("file:///tmp/x.xml", false))),
            ("a b", None),
            ("", None),
        ] {
            let found = address(text).ok().map(|(url, guessed)| (url.to_string(), guessed));
            assert_eq!(found, expected.map(|(url, guessed)| (url.to_owned(), guessed)), "{text}");
        }
    }
}
