//! Removes the address of a private feed from its own document. Publishers repeat it as a link to subscribe, and some as
//! the address of an entry.

use url::Url;

use crate::domain::article::{ArticleDraft, Podcast};
use crate::domain::poll::Document;
use crate::domain::scrub::OwnAddress;
use crate::html::sanitise::Sanitiser;

/// Replaces the address in texts, and leaves out the links and the files that it is the address of. Keys and hashes
/// stay, so that the entries are the same articles as before the feed was private.
pub(super) fn remove(own: &OwnAddress, document: &mut Document) {
    let meta = &mut document.meta;
    replace(own, &mut meta.title);
    replace(own, &mut meta.description);
    leave_out(own, &mut meta.home_page_url);
    // All addresses in the HTML are absolute by now, so that the base makes no difference.
    let sanitiser = Url::parse("about:blank").map(|base| Sanitiser::new(&base));
    for draft in &mut document.drafts {
        if let Some(html) = draft.content_html.as_deref().and_then(|html| own.replaced_in(html)) {
            draft.content_html = sanitiser.as_ref().ok().and_then(|it| it.clean(&html));
        }
        remove_from_entry(own, draft);
    }
}

fn remove_from_entry(own: &OwnAddress, draft: &mut ArticleDraft) {
    for text in [&mut draft.guid, &mut draft.title, &mut draft.summary] {
        replace(own, text);
    }
    for url in [&mut draft.url, &mut draft.external_url, &mut draft.image] {
        leave_out(own, url);
    }
    for author in &mut draft.authors {
        replace(own, &mut author.name);
        replace(own, &mut author.url);
    }
    for tag in &mut draft.tags {
        *tag = own.replaced_in(tag).unwrap_or_else(|| std::mem::take(tag));
    }
    draft.attachments.retain(|file| own.replaced_in(&file.url).is_none());
    draft.attachments.iter_mut().for_each(|file| replace(own, &mut file.title));
    if let Some(podcast) = &mut draft.podcast {
        remove_from_podcast(own, podcast);
    }
}

fn remove_from_podcast(own: &OwnAddress, podcast: &mut Podcast) {
    podcast.transcripts.retain(|file| own.replaced_in(&file.url).is_none());
    podcast.chapters.take_if(|file| own.replaced_in(&file.url).is_some());
    for text in [&mut podcast.season_name, &mut podcast.episode] {
        replace(own, text);
    }
    for person in &mut podcast.persons {
        person.name =
            own.replaced_in(&person.name).unwrap_or_else(|| std::mem::take(&mut person.name));
        for url in [&mut person.url, &mut person.image] {
            leave_out(own, url);
        }
    }
}

fn replace(own: &OwnAddress, text: &mut Option<String>) {
    if let Some(replaced) = text.as_deref().and_then(|text| own.replaced_in(text)) {
        *text = Some(replaced);
    }
}

fn leave_out(own: &OwnAddress, url: &mut Option<String>) {
    url.take_if(|url| own.replaced_in(url).is_some());
}
