//! Episode, transcripts, chapters and persons of a podcast.

use url::Url;

use crate::domain::article::{
    Podcast, PodcastEnclosure, PodcastFile, PodcastLocation, PodcastPerson, PodcastSocial,
    PodcastSoundbite,
};
use crate::html::to_text::{Markup, plain};
use crate::html::web_address::web;

/// The values of an entry with plain texts and absolute addresses. `None` when there are none.
pub fn podcast(found: &Podcast, base: &Url) -> Option<Podcast> {
    let address = |url: &Option<String>| url.as_deref().and_then(|url| web(url, base));
    let file = |file: &PodcastFile| {
        Some(PodcastFile {
            url: web(&file.url, base)?,
            mime_type: line(file.mime_type.as_deref()),
            language: line(file.language.as_deref()),
            rel: line(file.rel.as_deref()),
        })
    };
    let person = |person: &PodcastPerson| {
        Some(PodcastPerson {
            name: plain(&person.name, Markup::Doubtful)?,
            role: line(person.role.as_deref()),
            group: line(person.group.as_deref()),
            image: address(&person.image),
            url: address(&person.url),
        })
    };
    let podcast = Podcast {
        season: found.season,
        season_name: line(found.season_name.as_deref()),
        episode: line(found.episode.as_deref()).filter(|text| is_number(text)),
        episode_display: line(found.episode_display.as_deref()),
        explicit: found.explicit,
        episode_type: line(found.episode_type.as_deref()),
        transcripts: found.transcripts.iter().filter_map(file).collect(),
        chapters: found.chapters.as_ref().and_then(file),
        persons: found.persons.iter().filter_map(person).collect(),
        ..references(found, base)
    };
    (podcast != Podcast::default()).then_some(podcast)
}

fn line(text: Option<&str>) -> Option<String> {
    plain(text?, Markup::Doubtful)
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(|number| 0.0 <= number)
}

/// What an episode refers to: parts of it, a place, other formats, and posts.
fn references(found: &Podcast, base: &Url) -> Podcast {
    let soundbite = |part: &PodcastSoundbite| {
        let number = |text: &str| plain(text, Markup::Doubtful);
        let (start_time, duration) = (number(&part.start_time)?, number(&part.duration)?);
        let are_numbers = is_number(&start_time) && is_number(&duration);
        are_numbers.then(|| PodcastSoundbite {
            start_time,
            duration,
            title: line(part.title.as_deref()),
        })
    };
    let location = |place: &PodcastLocation| {
        Some(PodcastLocation {
            name: plain(&place.name, Markup::Doubtful)?,
            geo: line(place.geo.as_deref()).filter(|geo| geo.starts_with("geo:")),
            osm: line(place.osm.as_deref()),
        })
    };
    let enclosure = |other: &PodcastEnclosure| {
        Some(PodcastEnclosure {
            url: web(&other.url, base)?,
            mime_type: line(other.mime_type.as_deref()),
            size_in_bytes: other.size_in_bytes.filter(|size| 0 < *size),
            title: line(other.title.as_deref()),
            language: line(other.language.as_deref()),
            height: other.height,
            bitrate: other.bitrate,
        })
    };
    let social = |post: &PodcastSocial| {
        Some(PodcastSocial {
            url: web(&post.url, base)?,
            protocol: line(post.protocol.as_deref()),
            account: line(post.account.as_deref()),
        })
    };
    Podcast {
        soundbites: found.soundbites.iter().filter_map(soundbite).collect(),
        location: found.location.as_ref().and_then(location),
        alternate_enclosures: found.alternate_enclosures.iter().filter_map(enclosure).collect(),
        social_interact: found.social_interact.iter().filter_map(social).collect(),
        ..Podcast::default()
    }
}
