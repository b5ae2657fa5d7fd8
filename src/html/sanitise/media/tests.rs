use url::Url;

use crate::html::sanitise::Sanitiser;

fn check(cases: &[(&str, &str)]) {
    let sanitiser = Sanitiser::new(&Url::parse("https://example.org/blog/").unwrap());
    for (html, expected) in cases {
        let found = sanitiser.clean(html).unwrap_or_default();
        let shown = found
            .replace(" rel=\"noopener noreferrer\"", "")
            .replace("https://example.org/", "~/")
            .replace('"', "'");
        assert_eq!(shown, *expected, "{html}");
        assert_eq!(sanitiser.clean(&found).unwrap_or_default(), found, "sanitised twice: {html}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn an_image_for_browsers_without_scripts_replaces_its_placeholder() {
    check(&[
        ("<p>a</p><noscript><img src='/r.jpg'></noscript>", "<p>a</p><img src='~/r.jpg'>"),
        (
            "<noscript><iframe src='https://player.example/1'></iframe></noscript>a",
            "<p><a href='https://player.example/1'>player.example</a></p>a",
        ),
        (
            "<iframe data-src='https://player.example/1'></iframe><noscript><iframe src='https://player.example/1'></iframe></noscript>",
            "<p><a href='https://player.example/1'>player.example</a></p>",
        ),
        (
            "<noscript><iframe src='https://www.googletagmanager.com/ns.html'></iframe></noscript>a",
            "a",
        ),
        ("<noscript>Turn on scripts. <a href='/x'>Help</a></noscript>a", "a"),
        ("<img src='/blank.gif'><noscript><img src='/r.jpg'></noscript>", "<img src='~/r.jpg'>"),
        ("<img src='data:x'> <noscript><img src='/r.jpg'></noscript>", "<img src='~/r.jpg'>"),
        (
            "<div><img src='/ph/placeholder-1.png'></div><noscript><img src='/r.jpg'></noscript>",
            "<div></div><img src='~/r.jpg'>",
        ),
        // A small copy of the image, blurred.
        ("<img src='/tiny.jpg'><noscript><img src='/r.jpg'></noscript>", "<img src='~/r.jpg'>"),
        ("<img data-src='/r.jpg'><noscript><img src='/r.jpg'></noscript>", "<img src='~/r.jpg'>"),
        (
            "<img data-src='/r-300x200.jpg'>\n<noscript><img src='/r.jpg?x=1'></noscript>",
            "<img src='~/r-300x200.jpg'>",
        ),
        ("<noscript><img src='/r.jpg'></noscript><img data-src='/r.jpg'>", "<img src='~/r.jpg'>"),
        ("<noscript><img src='/r.jpg'></noscript><img src='/1x1.gif'>", "<img src='~/r.jpg'>"),
        (
            "<noscript><img src='/r.jpg'></noscript><img src='/lazy-load.svg'>",
            "<img src='~/r.jpg'>",
        ),
        (
            "<img src='/a.jpg'> text <noscript><img src='/b.jpg'></noscript>",
            "<img src='~/a.jpg'> text <img src='~/b.jpg'>",
        ),
        (
            "<noscript><img src='/a.jpg'><img src='/b.jpg'></noscript>",
            "<img src='~/a.jpg'><img src='~/b.jpg'>",
        ),
        ("<noscript>&lt;img src='/r.jpg'&gt;</noscript>", "<img src='~/r.jpg'>"),
        (
            "<amp-img src='/r.jpg'><noscript><img src='/r.jpg'></noscript></amp-img>",
            "<img src='~/r.jpg'>",
        ),
        (
            "<amp-img src='/r.webp'><amp-img fallback src='/r.jpg'></amp-img></amp-img>",
            "<img src='~/r.webp'>",
        ),
        (
            "<amp-img src='/r.jpg'></amp-img><noscript><img src='/r-300x200.jpg'></noscript>",
            "<img src='~/r.jpg'>",
        ),
        ("a<img src='/r.jpg' style='Display: none !important'>", "a"),
        ("<img data-src='/r.jpg' style='display:none'>", "<img src='~/r.jpg'>"),
        ("a<noscript><img src='https://www.facebook.com/tr?id=1'></noscript>", "a"),
        ("a<noscript><img height=1 width=1 src='/count'></noscript>", "a"),
        (
            "<iframe data-src='//youtube.com/embed/x'></iframe><noscript><iframe src='//youtube.com/embed/x'></iframe></noscript>",
            "<iframe src='https://youtube.com/embed/x'></iframe>",
        ),
        (
            "a<noscript><iframe src='//www.googletagmanager.com/ns.html?id=1'></iframe></noscript>",
            "a",
        ),
    ]);
}

#[test]
fn an_image_is_shown_wherever_its_address_is() {
    check(&[
        (
            "<img srcset='/r.jpg 1x, /r2.jpg 2x' alt='a'>",
            "<img src='~/r2.jpg' srcset='~/r.jpg 1x, ~/r2.jpg 2x' alt='a'>",
        ),
        ("<img src='data:x' data-lazy='/r.jpg'>", "<img src='~/r.jpg'>"),
        ("<img src='' srcset='data:x 1x'>", ""),
        (
            "<picture><source srcset='/r.jpg'></picture>",
            "<picture><source srcset='~/r.jpg'><img src='~/r.jpg'></picture>",
        ),
        (
            "<picture><source media='(max-width: 9em)' srcset='/s.jpg'><source srcset='/r.jpg'><img alt='b'></picture>",
            "<picture><source media='(max-width: 9em)' srcset='~/s.jpg'><source srcset='~/r.jpg'><img alt='b' src='~/r.jpg'></picture>",
        ),
        (
            "<picture><source srcset='/a 1x, // 2x'><img src='data:x' data-src='/i.png' width=1></picture>",
            "<picture><source srcset='~/a 1x'><img src='~/a'></picture>",
        ),
        (
            // The image is a dot until a script shows the source. In the first of two images, it is shown once.
            "<picture><source srcset='/a 1x, /b 2x'><img src='data:x' width=1></picture>",
            "<picture><source srcset='~/a 1x, ~/b 2x'><img src='~/b'></picture>",
        ),
        (
            "<picture><source srcset='/a'><img alt='b'><img alt='c'></picture>",
            "<picture><source srcset='~/a'><img alt='b' src='~/a'></picture>",
        ),
        (
            "<picture><source data-srcset='/r.webp'><img src='data:x' data-src='/r.jpg'></picture>",
            "<picture><source srcset='~/r.webp'><img src='~/r.jpg'></picture>",
        ),
        ("<amp-img src='/r.jpg' width=5 layout=fill></amp-img>", "<img src='~/r.jpg' width='5'>"),
        ("<lazy-img src='/r.jpg'></lazy-img>a", "<img src='~/r.jpg'>a"),
        ("<image src='/r.jpg'>", "<img src='~/r.jpg'>"),
        (
            "<img src='/r.jpg' srcset='data:x 1x, /a b.jpg 2x'>",
            "<img src='~/r.jpg' srcset='~/a%20b.jpg 2x'>",
        ),
        ("<video data-src='/v.mp4'></video>", "<video src='~/v.mp4'></video>"),
        (
            "<amp-video src='/v.mp4' controls></amp-video>a",
            "<video src='~/v.mp4' controls=''></video>a",
        ),
    ]);
}

#[test]
fn dots_are_no_images() {
    check(&[
        ("a<img src='/r.jpg' width='100%' height='1'>", "a<img src='~/r.jpg' width='100%'>"),
        ("a<img src='/r.jpg' width='640' height='1'>", "a<img src='~/r.jpg' width='640'>"),
        ("a<img src='/r.jpg' width='1' height='480px'>", "a<img src='~/r.jpg' height='480px'>"),
        ("a<img src='/r.jpg' style='width: 100%; height: 1px'>", "a<img src='~/r.jpg'>"),
        (
            "a<img src='/r.jpg' width='1.5em' height='2'>",
            "a<img src='~/r.jpg' width='1.5em' height='2'>",
        ),
        ("a<img src='/p' width=1 height=1>", "a"),
        ("a<img src='/p' height=0>", "a"),
        ("a<img src='/p' width=1px height=10>", "a"),
        ("a<img src='/p' style='height:1px;width:1px'>", "a"),
        ("a<img src='/p' style='WIDTH : 1px !important'>", "a"),
        ("a<img src='/spacer.gif' width=10 height=500>", "a"),
        ("a<img src='/transparent_pixel.png'>", "a"),
        ("a<img src='/blank-slate.jpg'>", "a<img src='~/blank-slate.jpg'>"),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_is_embedded_and_not_shown_leaves_a_link() {
    let link = |address: &str, text: &str| format!("<p>a</p><p><a href='{address}'>{text}</a></p>");
    let (c, d) =
        (link("https://c.example/1", "c.example"), link("https://c.example/1", "Rain by month"));
    check(&[
        ("<p>a</p><iframe src='https://c.example/1'></iframe>", &c),
        ("<p>a</p><iframe src='https://c.example/1' title=' Rain\nby month'></iframe>", &d),
        ("<p>a</p><iframe data-src='https://c.example/1' src='about:blank'></iframe>", &c),
        ("<p>a</p><iframe src='https://c.example/1'/>", &c),
        ("<p>a</p><object data='https://c.example/1' type='application/pdf'></object>", &c),
        ("<p>a</p><object><param name=movie value='https://c.example/1'></object>", &c),
        (
            "<p>a</p><object><param name='Movie' value='https://c.example/1'><embed src='https://c.example/1'></object>",
            &c,
        ),
        ("<p>a</p><object data='https://c.example/1'>", &c),
        ("<p>a</p><embed src='https://c.example/1'>", &c),
        ("<p>a</p><amp-iframe src='https://c.example/1'></amp-iframe>", &c),
        (
            "<p>a</p><div class='fb-post' data-href='https://c.example/1'></div>",
            "<p>a</p><div><p><a href='https://c.example/1'>c.example</a></p></div>",
        ),
        (
            "<p>a</p><script src='https://gist.github.com/a/1.js'></script>",
            &link("https://gist.github.com/a/1", "gist.github.com"),
        ),
        (
            "<p>a <iframe src='//www.c.example/1'></iframe>b</p>",
            "<p>a <a href='https://www.c.example/1'>c.example</a> b</p>",
        ),
        // Its content holds a link already.
        (
            "<object data='/o.pdf'><p><a href='/o.pdf'>b</a></p></object>",
            "<p><a href='~/o.pdf'>b</a></p>",
        ),
        (
            "<div class='fb-post' data-href='https://c.example/1'><a href='https://c.example/1'>b</a></div>",
            "<div><a href='https://c.example/1'>b</a></div>",
        ),
        (
            "<blockquote class='twitter-tweet'><p>a</p>B <a href='https://t.example/1'>c</a></blockquote>",
            "<blockquote><p>a</p>B <a href='https://t.example/1'>c</a></blockquote>",
        ),
        ("<a href='/x'><iframe src='https://c.example/1'></iframe>b</a>", "<a href='~/x'>b</a>"),
        // Shown as what it is.
        (
            "<amp-youtube data-videoid='x'></amp-youtube>",
            "<iframe src='https://www.youtube.com/embed/x'></iframe>",
        ),
        (
            "<lite-youtube videoid='x'></lite-youtube>",
            "<iframe src='https://www.youtube.com/embed/x'></iframe>",
        ),
        (
            "<iframe src='https://www.youtube.com/embed/x'></iframe>",
            "<iframe src='https://www.youtube.com/embed/x'></iframe>",
        ),
        (
            "<embed src='https://youtube.com/v/x'>",
            "<p><a href='https://youtube.com/v/x'>youtube.com</a></p>",
        ),
        (
            "<div class='embed' data-url='https://c.example/1'><iframe src='https://youtube.com/embed/x'></iframe></div>",
            "<div><iframe src='https://youtube.com/embed/x'></iframe></div>",
        ),
        (
            "<script src='https://gist.github.com/a/1.js?file=b'></script><script src='https://gist.github.com/a/1.js?file=c'></script>",
            "<p><a href='https://gist.github.com/a/1'>gist.github.com</a></p>",
        ),
        ("<object data='/r.svg' type='image/svg+xml'></object>", "<img src='~/r.svg'>"),
        (
            "<object data='/r.svg' type='image/svg+xml'><img src='/r.png'></object>",
            "<img src='~/r.png'>",
        ),
        ("<embed src='/r.png'>", "<img src='~/r.png'>"),
        // No part of the article.
        ("a<iframe src='https://x.example/' width=0 height=0></iframe>", "a"),
        (
            "a<iframe src='javascript:x'></iframe><embed src='data:x'><object data='#'></object>",
            "a",
        ),
        ("a<iframe src='https://www.facebook.com/plugins/like.php?x'></iframe>", "a"),
        (
            "a<amp-ad src='https://x.example/'></amp-ad><amp-social-share data-url='https://x.example/'></amp-social-share>",
            "a",
        ),
        ("a<script src='https://x.example/x.js'></script>", "a"),
    ]);
}

#[test]
fn each_link_for_an_embed_is_counted() {
    let sanitiser = Sanitiser::new(&Url::parse("https://example.org/").unwrap());
    for (html, expected) in [
        ("<iframe src='https://c.example/'></iframe><embed src='/x'>", 2),
        ("<table><iframe src='https://c.example/'></iframe></table>", 1),
        ("<iframe src='https://youtube.com/'></iframe><a href='/x'>a</a>", 0),
    ] {
        sanitiser.clean(html);
        assert_eq!(sanitiser.take_embeds(), expected, "{html}");
    }
}

#[test]
fn damaged_addresses_are_repaired() {
    check(&[
        ("<a href='https://http://a.example/x'>a</a>", "<a href='http://a.example/x'>a</a>"),
        ("<a href=' https://a.example/b c '>a</a>", "<a href='https://a.example/b%20c'>a</a>"),
        ("<a href='https://a.example/b\n  c'>a</a>", "<a href='https://a.example/bc'>a</a>"),
        ("<a href='https:///a.example/b'>a</a>", "<a href='https://a.example/b'>a</a>"),
        ("<a href='http:\\\\a.example\\b'>a</a>", "<a href='http://a.example/b'>a</a>"),
        ("<a href='www.a.example/b'>a</a>", "<a href='https://www.a.example/b'>a</a>"),
        (
            "<a href='#fn1'>a</a><a href='?q'>b</a>",
            "<a href='~/blog/#fn1'>a</a><a href='~/blog/?q'>b</a>",
        ),
        ("<img src='/a b.jpg'>", "<img src='~/a%20b.jpg'>"),
        (
            "<img src='/a' srcset='http://http://a.example/b 2x'>",
            "<img src='~/a' srcset='http://a.example/b 2x'>",
        ),
        ("<a href='mailto:a@a.example'>a</a>", "<a href='mailto:a@a.example'>a</a>"),
        (
            "<a href='https://w.example/2020/http://a.example/'>a</a>",
            "<a href='https://w.example/2020/http://a.example/'>a</a>",
        ),
    ]);
}

#[test]
fn damaged_tags_hide_and_leak_nothing() {
    check(&[
        ("<a title='Home > Tides' href='/t'>a</a>", "<a title='Home &gt; Tides' href='~/t'>a</a>"),
        ("<img alt=\"a > b\" src=\"/i\">c", "<img alt='a &gt; b' src='~/i'>c"),
        ("<img alt='<b>' src='/i'>c", "<img alt='&lt;b&gt;' src='~/i'>c"),
        ("<a href=\"/x\"<b>a</b></a>", "<a href='~/x'><b>a</b></a>"),
        ("<p class='x' <b>a</b></p>", "<p><b>a</b></p>"),
        ("<a href=\"/x>a</a> b <a href=\"/y\">c</a>", "<a href='~/x'>a</a> b <a href='~/y'>c</a>"),
        ("<a href=/x title='b>a</a> c", "<a href='~/x' title='b'>a</a> c"),
        ("<p>a</p><!-- note <p>b</p>", "<p>a</p>b<p></p>"),
        ("<p>a<!- note ->b</p>", "<p>ab</p>"),
        ("<p>a<![if !x]>b<![endif]></p>", "<p>ab</p>"),
        ("a <b and c", "a &lt;b and c"),
        ("if a <b then", "if a &lt;b then"),
    ]);
}

#[test]
fn repeated_media_take_linear_time() {
    let sanitiser = Sanitiser::new(&Url::parse("https://example.org/").unwrap());
    for beginning in [
        "<noscript><img src=/x>",
        "<noscript>",
        "<img src='/blank.gif'><noscript><img src='/r.jpg'></noscript>",
        "<object data=/x>",
        "<object data=/x></object>",
        "<div class=embed data-href=//x>",
        "<picture><source srcset=/x>",
        "<amp-iframe src=//x>",
        "<script src=//gist.github.com/x.js></script>",
        "List<Boat>",
        "<iframe src=//youtube.com/x>",
        "<video>",
    ] {
        for end in ["", "</object>", "</noscript>", "</div>"] {
            let cleaned = sanitiser.clean(&(beginning.repeat(1_000) + end));
            assert!(cleaned.is_none_or(|html| html.len() < 500_000), "{beginning} {end}");
        }
    }
}
