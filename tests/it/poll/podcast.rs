//! Podcasts: what a feed says is what the RSS export says.

use serde_json::Value;

use crate::support::program::Home;
use crate::support::server::{Page, Server};

const ITEM: &str = r#"<item><title>Ebb</title><guid isPermaLink="false">1</guid>
<enclosure url="https://a.example/a.mp3" length="1000" type="audio/mpeg"/>
<itunes:duration>1:02</itunes:duration><itunes:explicit>no</itunes:explicit>
<itunes:episodeType>full</itunes:episodeType>
<media:content url="https://a.example/b.pdf" type="application/pdf" fileSize="7"><media:title>Notes</media:title></media:content>
<podcast:season name="Tides &amp; more">3</podcast:season>
<podcast:episode display="Part &quot;4&quot;">4.5</podcast:episode>
<podcast:transcript url="https://a.example/t.vtt" type="text/vtt" language="de" rel="captions"/>
<podcast:chapters url="https://a.example/c.json" type="application/json+chapters"/>
<podcast:person role="guest" group="cast" img="https://a.example/ada.jpg" href="https://a.example/ada">Ada</podcast:person>
<podcast:soundbite startTime="73.5" duration="60">The best part</podcast:soundbite>
<podcast:location geo="geo:30.2,-97.7" osm="R113314">Austin, TX</podcast:location>
<podcast:alternateEnclosure type="audio/opus" length="9" bitrate="64000" height="720" lang="en" title="Small"><podcast:source uri="https://a.example/a.opus"/></podcast:alternateEnclosure>
<podcast:socialInteract protocol="activitypub" uri="https://a.example/post" accountId="@ada"/>
</item>"#;

#[test]
fn the_rss_export_of_a_podcast_is_read_as_the_feed_itself() {
    let server = Server::start();
    let feed = format!(
        "<rss version='2.0' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' \
         xmlns:podcast='https://podcastindex.org/namespace/1.0' \
         xmlns:media='http://search.yahoo.com/mrss/'><channel><title>Show</title>{ITEM}</channel></rss>"
    );
    server.put("/feed", Page::ok(feed));
    let home = Home::with_feeds(&[server.url("/feed")]);
    home.poll();
    server.put("/export", Page::ok(home.ok(&["export", "--format", "rss"])));
    let own = home.articles().remove(0);
    let again = home.json(&["inspect", &server.url("/export"), "--json"])["articles"][0].clone();
    assert_eq!(own["podcast"]["episode_display"], "Part \"4\"");
    for key in ["podcast", "attachments", "title"] {
        assert_eq!(own[key], again[key], "{key}");
        assert_ne!(own[key], Value::Null, "{key}");
    }
    assert_eq!(own["attachments"].as_array().map(Vec::len), Some(2));
}
