//! The podcast namespace (podcastindex.org/namespace/1.0), and the episode elements of iTunes.

use std::borrow::Cow;

use crate::domain::article::{
    Podcast, PodcastEnclosure, PodcastFile, PodcastLocation, PodcastPerson, PodcastSocial,
    PodcastSoundbite,
};
use crate::feed::parse::namespaces::Ns;
use crate::feed::parse::tree::{Context, Element};
use crate::feed::parse::values::{address, not_blank, number};
use crate::html::web_address::has_web_scheme;

/// The most transcripts, persons and others of one kind that are kept of one entry.
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
        "episode" => {
            podcast.episode = text().or(podcast.episode.take());
            podcast.episode_display = attribute("display").or(podcast.episode_display.take());
        }
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
        "soundbite" if podcast.soundbites.len() < MOST => {
            let times = attribute("starttime").zip(attribute("duration"));
            podcast.soundbites.extend(times.map(|(start_time, duration)| PodcastSoundbite {
                start_time,
                duration,
                title: text(),
            }));
        }
        "location" => {
            let (geo, osm) = (attribute("geo"), attribute("osm"));
            let found = text().map(|name| PodcastLocation { name, geo, osm });
            podcast.location = podcast.location.take().or(found);
        }
        "alternateenclosure" if podcast.alternate_enclosures.len() < MOST => {
            podcast.alternate_enclosures.extend(alternate_enclosure(element, context));
        }
        "socialinteract" if podcast.social_interact.len() < MOST => {
            let url = attribute("uri").or_else(text).and_then(|url| address(&url, context.base));
            podcast.social_interact.extend(url.map(|url| PodcastSocial {
                url,
                protocol: attribute("protocol").map(|name| name.to_lowercase()),
                account: attribute("accountid"),
            }));
        }
        _ => {}
    }
}

/// Reads `podcast:alternateEnclosure`. Of its sources the first of the web counts.
fn alternate_enclosure(element: &Element<'_>, context: Context<'_>) -> Option<PodcastEnclosure> {
    let attribute =
        |name: &str| element.attributes.get(name, context.entities).map(Cow::into_owned);
    let is_source = |child: &&Element<'_>| child.ns == Ns::Podcast && child.name == "source";
    let mut sources = element.children.iter().filter(is_source).filter_map(|source| {
        let url = source.attributes.get("uri", context.entities)?;
        has_web_scheme(&url).then(|| url.into_owned())
    });
    let amount = |name: &str| number(attribute(name)?.split('.').next()?);
    Some(PodcastEnclosure {
        url: sources.next().or_else(|| attribute("url"))?,
        mime_type: attribute("type"),
        size_in_bytes: amount("length"),
        title: attribute("title"),
        language: attribute("lang"),
        height: amount("height"),
        bitrate: amount("bitrate"),
    })
}

/// Reads `itunes:season`, `itunes:episode`, `itunes:episodeType` or `itunes:explicit`. The podcast namespace says the same with more
/// precision, so it counts.
pub(super) fn read_itunes(podcast: &mut Podcast, name: &str, text: &str) {
    let text = text.trim();
    let text = (!text.is_empty()).then(|| text.to_owned());
    match name {
        "season" => podcast.season = podcast.season.or_else(|| number(text.as_deref()?)),
        "episode" => podcast.episode = podcast.episode.take().or(text),
        "explicit" => {
            podcast.explicit = match text.map(|text| text.to_lowercase()).as_deref() {
                Some("true" | "yes" | "explicit" | "1") => Some(true),
                Some("false" | "no" | "clean" | "0") => Some(false),
                _ => podcast.explicit,
            }
        }
        "episodetype" => podcast.episode_type = text.map(|kind| kind.to_lowercase()),
        _ => {}
    }
}
