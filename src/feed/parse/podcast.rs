//! The podcast namespace (podcastindex.org/namespace/1.0), and the episode elements of iTunes.

use std::borrow::Cow;

use crate::domain::article::{Podcast, PodcastFile, PodcastPerson};
use crate::feed::parse::tree::{Context, Element};
use crate::feed::parse::values::{address, not_blank, number};

/// The most transcripts and the most persons of one entry that are kept.
const MOST: usize = 100;

/// Reads an element of the podcast namespace.
pub(super) fn read(podcast: &mut Podcast, name: &str, element: &Element<'_>, context: Context<'_>) {
    let attribute =
        |name: &str| element.attributes.get(name, context.entities).map(Cow::into_owned);
    let text = || not_blank(element.text.clone()).map(|text| text.trim().to_owned());
    let file = || {
        Some(PodcastFile {
            url: address(&attribute("url")?, context.base)?,
            mime_type: attribute("type"),
            language: attribute("language"),
            rel: attribute("rel"),
        })
    };
    match name {
        "season" => {
            podcast.season = text().and_then(|text| number(&text)).or(podcast.season);
            podcast.season_name = attribute("name").or(podcast.season_name.take());
        }
        "episode" => podcast.episode = text().or(podcast.episode.take()),
        "transcript" if podcast.transcripts.len() < MOST => podcast.transcripts.extend(file()),
        "chapters" => podcast.chapters = podcast.chapters.take().or_else(file),
        "person" if podcast.persons.len() < MOST => {
            podcast.persons.extend(text().map(|name| PodcastPerson {
                name,
                role: attribute("role").map(|role| role.to_lowercase()),
                group: attribute("group").map(|group| group.to_lowercase()),
                image: attribute("img").and_then(|url| address(&url, context.base)),
                url: attribute("href").and_then(|url| address(&url, context.base)),
            }));
        }
        _ => {}
    }
}

/// Reads `itunes:season`, `itunes:episode` or `itunes:episodeType`. The podcast namespace says the same with more
/// precision, so it counts.
pub(super) fn read_itunes(podcast: &mut Podcast, name: &str, text: &str) {
    let text = text.trim();
    let text = (!text.is_empty()).then(|| text.to_owned());
    match name {
        "season" => podcast.season = podcast.season.or_else(|| number(text.as_deref()?)),
        "episode" => podcast.episode = podcast.episode.take().or(text),
        "episodetype" => podcast.episode_type = text.map(|kind| kind.to_lowercase()),
        _ => {}
    }
}
