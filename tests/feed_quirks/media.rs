//! Enclosures, other media files, and images.

use crate::{atom, check, json, rss};

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn files_are_read_from_all_namespaces() {
    check(&[
        (
            "enclosure",
            rss("<enclosure url=\"https://a.example/a.mp3\" type=\"audio/mpeg\" length=\"123\"/>"),
            "files=https://a.example/a.mp3 audio/mpeg 123",
        ),
        ("relative", rss("<enclosure url=\"/a.mp3\"/>"), "files=https://example.org/a.mp3"),
        (
            "a size in words",
            rss("<enclosure url=\"https://a.example/a.mp3\" length=\"5 MB\"/>"),
            "files=https://a.example/a.mp3",
        ),
        (
            "a size with commas",
            rss("<enclosure url=\"https://a.example/a.mp3\" length=\"1,234\"/>"),
            "files=https://a.example/a.mp3 1234",
        ),
        ("no address", rss("<enclosure type=\"audio/mpeg\"/>"), "files="),
        (
            "two",
            rss("<enclosure url=\"https://a.example/a\"/><enclosure url=\"https://a.example/b\"/>"),
            "files=https://a.example/a,https://a.example/b",
        ),
        (
            "the same twice",
            rss(
                "<enclosure url=\"https://a.example/a.mp3\"/><media:content url=\"https://a.example/a.mp3\"/>",
            ),
            "files=https://a.example/a.mp3",
        ),
        (
            "with a picture beside it",
            rss(
                "<enclosure url=\"https://a.example/a.mp3\" type=\"audio/mpeg\"/><media:content url=\"https://a.example/p.jpg\" medium=\"image\"/>",
            ),
            "image=https://a.example/p.jpg",
        ),
        (
            "media:content",
            rss(
                "<media:content url=\"https://a.example/v.mp4\" type=\"video/mp4\" fileSize=\"9\" duration=\"61\"/>",
            ),
            "files=https://a.example/v.mp4 video/mp4 9 61s",
        ),
        (
            "media:group",
            rss(
                "<media:group><media:content url=\"https://a.example/1.mp4\" type=\"video/mp4\"/><media:content url=\"https://a.example/2.mp4\" type=\"video/mp4\"/></media:group>",
            ),
            "files=https://a.example/1.mp4 video/mp4,https://a.example/2.mp4 video/mp4",
        ),
        (
            "itunes:duration",
            rss(
                "<enclosure url=\"https://a.example/a.mp3\"/><itunes:duration>1:02:03</itunes:duration>",
            ),
            "files=https://a.example/a.mp3 3723s",
        ),
        (
            "said in two places",
            rss(
                "<enclosure url=\"https://a.example/a.mp3\" length=\"0\"/><media:content url=\"https://a.example/a.mp3\" type=\"audio/mpeg\" fileSize=\"9\" duration=\"61\"/>",
            ),
            "files=https://a.example/a.mp3 audio/mpeg 9 61s",
        ),
        (
            "itunes:duration in words",
            rss(
                "<enclosure url=\"https://a.example/a.mp3\"/><itunes:duration>1h 2m</itunes:duration>",
            ),
            "files=https://a.example/a.mp3 3720s",
        ),
        (
            "atom",
            atom(
                "<link rel=\"enclosure\" href=\"https://a.example/a.mp3\" type=\"audio/mpeg\" length=\"5\"/>",
            ),
            "files=https://a.example/a.mp3 audio/mpeg 5",
        ),
        (
            "JSON",
            json(
                "{\"id\":\"1\",\"attachments\":[{\"url\":\"https://a.example/a.mp3\",\"mime_type\":\"audio/mpeg\",\"size_in_bytes\":5,\"duration_in_seconds\":61.5}]}",
            ),
            "files=https://a.example/a.mp3 audio/mpeg 5 61s",
        ),
        (
            "JSON, without a type",
            json("{\"id\":\"1\",\"attachments\":[{\"url\":\"https://a.example/a.mp3\"}]}"),
            "files=https://a.example/a.mp3",
        ),
    ]);
}

#[test]
fn the_image_of_an_entry_is_found() {
    check(&[
        ("media:thumbnail", rss("<media:thumbnail url=\"https://a.example/t.jpg\"/>"), "image=https://a.example/t.jpg"),
        ("of a media:content", rss("<media:content url=\"https://a.example/v.mp4\"><media:thumbnail url=\"https://a.example/t.jpg\"/></media:content>"), "image=https://a.example/t.jpg"),
        ("itunes:image", rss("<itunes:image href=\"https://a.example/i.jpg\"/>"), "image=https://a.example/i.jpg"),
        ("itunes:link", rss("<itunes:link rel=\"image\" href=\"https://a.example/i.jpg\"/>"), "image=https://a.example/i.jpg"),
        ("image with url", rss("<image><url>https://a.example/i.jpg</url></image>"), "image=https://a.example/i.jpg"),
        ("image as text", rss("<image>https://a.example/i.jpg</image>"), "image=https://a.example/i.jpg"),
        ("an enclosure", rss("<enclosure url=\"https://a.example/i.jpg\" type=\"image/jpeg\"/>"), "image=https://a.example/i.jpg"),
        ("the text's first", rss("<description>&lt;img src=\"/i.jpg\"&gt;</description>"), "image=https://example.org/i.jpg"),
        ("not a tracking pixel", rss("<description>&lt;img src=\"/p.gif\" width=\"1\" height=\"1\"&gt;&lt;img src=\"/i.jpg\"&gt;</description>"), "image=https://example.org/i.jpg"),
        ("relative thumbnail", rss("<media:thumbnail url=\"t.jpg\"/>"), "image=https://example.org/dir/t.jpg"),
        ("undeclared media", "<rss><channel><item><media:thumbnail url='https://a.example/t.jpg'/></item></channel></rss>".into(), "image=https://a.example/t.jpg"),
        ("JSON, image", json("{\"id\":\"1\",\"image\":\"https://a.example/i.jpg\"}"), "image=https://a.example/i.jpg"),
        ("JSON, banner", json("{\"id\":\"1\",\"banner_image\":\"https://a.example/b.jpg\"}"), "image=https://a.example/b.jpg"),
        ("the largest rendition", rss("<media:content url=\"https://a.example/140.jpg\" medium=\"image\" width=\"140\"/><media:content url=\"https://a.example/700.jpg\" medium=\"image\" width=\"700\"/><media:content url=\"https://a.example/460.jpg\" medium=\"image\" width=\"460\"/>"), "image=https://a.example/700.jpg"),
        ("no rendition for printing", rss("<media:content url=\"https://a.example/700.jpg\" medium=\"image\" width=\"700\"/><media:content url=\"https://a.example/9000.jpg\" medium=\"image\" width=\"9000\"/>"), "image=https://a.example/700.jpg"),
        ("the largest thumbnail", rss("<media:thumbnail url=\"https://a.example/1.jpg\" width=\"66\" height=\"49\"/><media:thumbnail url=\"https://a.example/2.jpg\" width=\"466px\" height=\"259px\"/>"), "image=https://a.example/2.jpg"),
        ("the first of equals", rss("<media:content url=\"https://a.example/1.jpg\" medium=\"image\"/><media:content url=\"https://a.example/2.jpg\" medium=\"image\"/>"), "image=https://a.example/1.jpg"),
        ("a picture before its thumbnail", rss("<media:thumbnail url=\"https://a.example/t.jpg\"/><media:content url=\"https://a.example/i.jpg\" medium=\"image\"/>"), "image=https://a.example/i.jpg"),
        ("a tiny thumbnail and a picture in the text", rss("<media:thumbnail url=\"https://a.example/s72-c/i.jpg\" width=\"72\" height=\"72\"/><description>&lt;img src=\"https://a.example/s640/i.jpg\"&gt;</description>"), "image=https://a.example/s640/i.jpg"),
        ("a tiny thumbnail alone", rss("<media:thumbnail url=\"https://a.example/s72-c/i.jpg\" width=\"72\" height=\"72\"/>"), "image=https://a.example/s72-c/i.jpg"),
        ("a portrait of the author", rss("<media:content url=\"https://1.gravatar.com/avatar/0?s=96&amp;d=identicon\" medium=\"image\"/><media:content url=\"https://a.example/i.jpg\" medium=\"image\"/>"), "image=https://a.example/i.jpg"),
        ("only a portrait", rss("<media:thumbnail url=\"https://secure.gravatar.com/avatar/0\"/>"), "image="),
        ("only a counter", rss("<media:content url=\"https://a.example/p.gif\" medium=\"image\" width=\"1\" height=\"1\"/>"), "image="),
        ("an emoji before the picture", rss("<description>&lt;img src=\"https://s.w.org/images/core/emoji/15/72x72/1f642.png\" alt=\"x\"&gt;&lt;img src=\"https://a.example/i.jpg\"&gt;</description>"), "image=https://a.example/i.jpg"),
        ("a cover with a logo", rss("<itunes:image href=\"https://a.example/logo.png\"/>"), "image=https://a.example/logo.png"),
        ("two enclosures", rss("<enclosure url=\"https://a.example/a.mp3\" type=\"audio/mpeg\"/><enclosure url=\"https://a.example/i.jpg\" type=\"image/jpeg\"/>"), "image=https://a.example/i.jpg"),
        ("atom, an enclosure", atom("<link rel=\"enclosure\" href=\"https://a.example/i.jpg\" type=\"image/jpeg\"/>"), "image=https://a.example/i.jpg"),
        ("JSON, image before banner", json("{\"id\":\"1\",\"banner_image\":\"https://a.example/b.jpg\",\"image\":\"https://a.example/i.jpg\"}"), "image=https://a.example/i.jpg"),
    ]);
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
#[test]
fn what_programs_for_podcasts_ask_for_is_read() {
    let podcast = |item: &str| {
        rss(item).replace("<rss ", "<rss xmlns:podcast=\"https://podcastindex.org/namespace/1.0\" ")
    };
    check(&[
        (
            "transcripts",
            podcast(
                "<podcast:transcript url=\"/t.vtt\" type=\"text/vtt\" language=\"de\" rel=\"captions\"/><podcast:transcript url=\"https://a.example/t.html\" type=\"text/html\"/>",
            ),
            "podcast={\"transcripts\":[{\"url\":\"https://example.org/t.vtt\",\"mime_type\":\"text/vtt\",\"language\":\"de\",\"rel\":\"captions\"},{\"url\":\"https://a.example/t.html\",\"mime_type\":\"text/html\"}]}",
        ),
        (
            "chapters",
            podcast(
                "<podcast:chapters url=\"https://a.example/c.json\" type=\"application/json+chapters\"/>",
            ),
            "podcast={\"chapters\":{\"url\":\"https://a.example/c.json\",\"mime_type\":\"application/json+chapters\"}}",
        ),
        (
            "season and episode",
            podcast(
                "<podcast:season name=\"Ebb\">3</podcast:season><podcast:episode>4.5</podcast:episode>",
            ),
            "podcast={\"season\":3,\"season_name\":\"Ebb\",\"episode\":\"4.5\"}",
        ),
        (
            "of iTunes",
            rss(
                "<itunes:season>3</itunes:season><itunes:episode>4</itunes:episode><itunes:episodeType>Bonus</itunes:episodeType>",
            ),
            "podcast={\"season\":3,\"episode\":\"4\",\"episode_type\":\"bonus\"}",
        ),
        (
            "iTunes does not override",
            podcast("<podcast:episode>4.5</podcast:episode><itunes:episode>4</itunes:episode>"),
            "podcast={\"episode\":\"4.5\"}",
        ),
        (
            "persons",
            podcast(
                "<podcast:person role=\"Guest\" img=\"/a.jpg\" href=\"https://a.example/ada\">Ada &amp;amp; co</podcast:person>",
            ),
            "podcast={\"persons\":[{\"name\":\"Ada & co\",\"role\":\"guest\",\"image\":\"https://example.org/a.jpg\",\"url\":\"https://a.example/ada\"}]}",
        ),
        (
            "what is shown in place of a number",
            podcast("<podcast:episode display=\"Ch.4 &amp;amp; more\">4</podcast:episode>"),
            "podcast={\"episode\":\"4\",\"episode_display\":\"Ch.4 & more\"}",
        ),
        ("explicit", rss("<itunes:explicit>Yes</itunes:explicit>"), "podcast={\"explicit\":true}"),
        ("clean", rss("<itunes:explicit>clean</itunes:explicit>"), "podcast={\"explicit\":false}"),
        ("neither", rss("<itunes:explicit></itunes:explicit>"), "podcast="),
        (
            "parts",
            podcast(
                "<podcast:soundbite startTime=\"73.0\" duration=\"60\">Ebb</podcast:soundbite><podcast:soundbite startTime=\"soon\" duration=\"60\"/>",
            ),
            "podcast={\"soundbites\":[{\"start_time\":\"73.0\",\"duration\":\"60\",\"title\":\"Ebb\"}]}",
        ),
        (
            "a place",
            podcast(
                "<podcast:location geo=\"geo:30.2,-97.7\" osm=\"R113314\">Austin, TX</podcast:location>",
            ),
            "podcast={\"location\":{\"name\":\"Austin, TX\",\"geo\":\"geo:30.2,-97.7\",\"osm\":\"R113314\"}}",
        ),
        (
            "another format",
            podcast(
                "<podcast:alternateEnclosure type=\"audio/opus\" length=\"9\" bitrate=\"64000.5\" title=\"Small\"><podcast:source uri=\"ipfs://x\"/><podcast:source uri=\"https://a.example/a.opus\"/></podcast:alternateEnclosure>",
            ),
            "podcast={\"alternate_enclosures\":[{\"url\":\"https://a.example/a.opus\",\"mime_type\":\"audio/opus\",\"size_in_bytes\":9,\"title\":\"Small\",\"bitrate\":64000}]}",
        ),
        (
            "a post",
            podcast(
                "<podcast:socialInteract protocol=\"ActivityPub\" uri=\"https://a.example/1\" accountId=\"@ada\"/>",
            ),
            "podcast={\"social_interact\":[{\"url\":\"https://a.example/1\",\"protocol\":\"activitypub\",\"account\":\"@ada\"}]}",
        ),
        ("undeclared", rss("<podcast:season>3</podcast:season>"), "podcast={\"season\":3}"),
        (
            "the older address of the namespace",
            rss(
                "<p:season xmlns:p=\"https://github.com/Podcastindex-org/podcast-namespace/blob/main/docs/1.0.md\">3</p:season>",
            ),
            "podcast={\"season\":3}",
        ),
        ("an unsafe address", podcast("<podcast:chapters url=\"javascript:x\"/>"), "podcast="),
        ("no number", podcast("<podcast:episode>pilot</podcast:episode>"), "podcast="),
        ("none", rss("<title>a</title>"), "podcast="),
    ]);
}
