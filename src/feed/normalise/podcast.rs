//! Episode, transcripts, chapters and persons of a podcast.

use url::Url;

use crate::domain::article::{Podcast, PodcastFile, PodcastPerson};
use crate::html::to_text::{Markup, plain};
use crate::html::web_address::web;

/// The values of an entry with plain texts and absolute addresses. `None` when there are none.
pub fn podcast(found: &Podcast, base: &Url) -> Option<Podcast> {
    let line =
        |text: &Option<String>| text.as_deref().and_then(|text| plain(text, Markup::Doubtful));
    let address = |url: &Option<String>| url.as_deref().and_then(|url| web(url, base));
    let file = |file: &PodcastFile| {
        Some(PodcastFile {
            url: web(&file.url, base)?,
            mime_type: line(&file.mime_type),
            language: line(&file.language),
            rel: line(&file.rel),
        })
    };
    let person = |person: &PodcastPerson| {
        Some(PodcastPerson {
            name: plain(&person.name, Markup::Doubtful)?,
            role: line(&person.role),
            group: line(&person.group),
            image: address(&person.image),
            url: address(&person.url),
        })
    };
    let is_number = |text: &String| text.parse::<f64>().is_ok_and(|number| 0.0 <= number);
    let podcast = Podcast {
        season: found.season,
        season_name: line(&found.season_name),
        episode: line(&found.episode).filter(is_number),
        episode_type: line(&found.episode_type),
        transcripts: found.transcripts.iter().filter_map(file).collect(),
        chapters: found.chapters.as_ref().and_then(file),
        persons: found.persons.iter().filter_map(person).collect(),
    };
    (podcast != Podcast::default()).then_some(podcast)
}
