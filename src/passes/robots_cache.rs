//! What the `robots.txt` of each site of article pages says, in memory for a day.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Instant;

use tokio::sync::Mutex;
use url::Url;

use crate::article_page::robots::{RobotsReply, address};

/// The most sites in memory. Their files are requested again when there are more.
const MOST_SITES: usize = 4_000;

/// The answers of sites, by the addresses of their files.
#[derive(Default)]
pub(super) struct RobotsCache(StdMutex<HashMap<Url, Arc<Site>>>);

/// The answer of one site. The lock is held while its file is requested, so that it is requested once.
type Site = Mutex<Option<Known>>;

#[derive(Clone)]
struct Known {
    reply: RobotsReply,
    at: Instant,
}

/// Why a page may not be requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forbidden {
    /// A rule says so.
    ByRule(String),
    /// The site does not say what it allows, because its server fails.
    Unreachable,
}

impl RobotsCache {
    /// The answer of the site of a page. `request` is called when it is not known, or no longer valid. It also returns
    /// whether the answer is one of the site, and not of our own network.
    pub(super) async fn of_page<R: Future<Output = (RobotsReply, bool)>>(
        &self,
        page: &Url,
        request: impl FnOnce(Url) -> R,
    ) -> RobotsReply {
        let Some(file) = address(page) else { return RobotsReply::Unavailable };
        let site = self.site(&file);
        let mut known = site.lock().await;
        let valid = known.as_ref().filter(|known| known.at.elapsed() < known.reply.valid_for());
        if let Some(known) = valid {
            return known.reply.clone();
        }
        let (reply, is_of_site) = request(file).await;
        // RFC 9309, section 2.4: the file that was received before may be used while the server fails.
        let reply = match (reply, known.take()) {
            (RobotsReply::Unreachable, Some(Known { reply: RobotsReply::File(file), .. })) => {
                RobotsReply::File(file)
            }
            (reply, _) => reply,
        };
        if is_of_site {
            *known = Some(Known { reply: reply.clone(), at: Instant::now() });
        }
        reply
    }

    fn site(&self, file: &Url) -> Arc<Site> {
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if MOST_SITES <= sites.len() && !sites.contains_key(file) {
            sites.clear();
        }
        Arc::clone(sites.entry(file.clone()).or_default())
    }
}

/// Whether the answer of a site allows a page.
pub(super) fn allows(reply: &RobotsReply, page: &Url) -> Result<(), Forbidden> {
    match reply {
        RobotsReply::Unreachable => Err(Forbidden::Unreachable),
        RobotsReply::File(file) => match file.rule_against(page) {
            Some(rule) => Err(Forbidden::ByRule(rule.to_owned())),
            None if file.allows(page) => Ok(()),
            None => Err(Forbidden::ByRule(String::new())),
        },
        RobotsReply::Unavailable => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn the_file_of_a_site_is_requested_once() {
        let (sites, requests) = (RobotsCache::default(), Cell::new(0));
        let page = |path: &str| -> Url { format!("https://a.example{path}").parse().unwrap() };
        let ask = |page: Url| {
            let requests = &requests;
            let sites = &sites;
            async move {
                let reply = sites.of_page(&page, |file| async move {
                    requests.set(requests.get() + 1);
                    assert_eq!(file.path(), "/robots.txt");
                    let file = b"User-agent: *\nDisallow: /private";
                    (RobotsReply::read(Some(200), file, "gazetted"), true)
                });
                allows(&reply.await, &page)
            }
        };
        assert_eq!(ask(page("/1")).await, Ok(()));
        let forbidden = Err(Forbidden::ByRule("/private".to_owned()));
        assert_eq!(ask(page("/private/1")).await, forbidden);
        assert_eq!(requests.get(), 1);
        assert_eq!(ask("https://b.example/1".parse().unwrap()).await, Ok(()));
        assert_eq!(requests.get(), 2, "another site");
    }

    #[tokio::test]
    async fn a_site_whose_server_fails_allows_nothing() {
        let sites = RobotsCache::default();
        let page: Url = "https://a.example/1".parse().unwrap();
        let answer = |status: Option<u16>, is_of_site| {
            move |_| async move { (RobotsReply::read(status, b"", "gazetted"), is_of_site) }
        };
        let reply = sites.of_page(&page, answer(None, false)).await;
        assert_eq!(allows(&reply, &page), Err(Forbidden::Unreachable), "our own network");
        let reply = sites.of_page(&page, answer(Some(503), true)).await;
        assert_eq!(allows(&reply, &page), Err(Forbidden::Unreachable));
        let reply = sites.of_page(&page, answer(Some(404), true)).await;
        assert_eq!(allows(&reply, &page), Err(Forbidden::Unreachable), "known for an hour");
        let other: Url = "https://b.example/1".parse().unwrap();
        let reply = sites.of_page(&other, answer(Some(404), true)).await;
        assert_eq!(allows(&reply, &other), Ok(()));
    }
}
