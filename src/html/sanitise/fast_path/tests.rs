use std::borrow::Cow;
use std::fs;

use proptest::prelude::*;

use super::*;
use crate::html::sanitise::builder;
use crate::test_support::captured_feeds;

fn base() -> Url {
    Url::parse("https://example.org/blog/").unwrap()
}

#[test]
fn clean_html_takes_the_fast_path() {
    let builder = builder(&base());
    for html in [
        "",
        "plain text > 1 & 2, é\u{A0}x",
        "<p class=\"a\">one<br/>two <strong>three</strong></p>\n\n<p>four &amp; &#8217;five&nbsp;&hellip;</p>",
        "<ul>\n<li>a</li>\n<li>b<ol start='3'><li>c</li></ol></li></ul>",
        "<h2 id=\"x\">T</h2><p><a href=\"/x?a=1&b=2&amp;c=3\" target='_blank' rel=\"me\" title=\"'&quot;<>\">l</a></p>",
        "<figure class='f'><img src='i.png' srcset='i.png 1x, j.png 2x' alt='' loading='lazy' /><figcaption>c</figcaption></figure>",
        "<blockquote cite=\"https://example.org/\"><p>q</p></blockquote><hr /><pre><code>x\n</code></pre>",
        "<!-- wp:paragraph -->\n<div><em><div>block in inline</div></em></div><!-- x -->",
        "<a href=\"#f\"><div><p>x</p></div></a><dl><dt>t</dt><dd>d</dd></dl>",
        "<p title = 'a'>b</p><p a/b>c</p><p a=b>c</p><p title='a'lang='b'>c</p><p title=a'b=c\"d/e>f</p>",
        "<a href=\"mailto:a@b.example\">m</a> <a>none</a>",
        "<details open><summary>s</summary>t</details><img src='a' alt></img>",
        "a &bogus; b&amp c &#128; &#xFFFE; &notit; &pi;",
        "<p><iframe src='//www.youtube.com/embed/x' allowfullscreen frameborder=\"0\"></iframe></p>",
    ] {
        assert_eq!(sanitise(html, &base()), Some(builder.clean(html).to_string()), "{html}");
    }
}

#[test]
fn doubtful_html_takes_the_long_way() {
    for html in [
        "<p>a<p>b</p>",
        "<p>a",
        "</p>",
        "<p><div>a</div></p>",
        "<b><i>a</b></i>",
        "<a href='x'><a href='y'>z</a></a>",
        "<li>a</li>",
        "<ul><b><li>a</li></b></ul>",
        "<h1><h2>a</h2></h1>",
        "<table></table>",
        "<script>a</script>",
        "<P>a</P>",
        "<iframe src='https://www.youtube.com/'>a</iframe>",
        "<iframe src='https://other.example/'></iframe>",
        "<p title='a' title='b'>c</p>",
        "<p/>",
        "<br></br>",
        "<pre>\na</pre>",
        "<a href='javascript:x'>a</a>",
        "<img src='data:x'>",
        "a\rb",
        "1 < 2",
        "<!-- a -- b -->",
        "<!-->",
        "<!DOCTYPE html>",
    ] {
        assert_eq!(sanitise(html, &base()), None, "{html}");
    }
}

#[test]
fn captured_articles_are_rewritten_as_the_sanitiser_writes_them() {
    let Some(folder) = captured_feeds() else { return };
    let files = fs::read_dir(folder).unwrap();
    let builder = builder(&base());
    let (mut rewritten, mut all) = (0, 0);
    for file in files {
        let body = fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&body);
        // Not what a feed reader would find, but HTML as publishers write it.
        let sections = text.split("<![CDATA[").skip(1).filter_map(|rest| rest.split("]]>").next());
        let escaped = text.split("<description>").chain(text.split("type=\"html\">")).skip(1);
        let escaped = escaped.filter_map(|rest| rest.split("</").next());
        let escaped =
            escaped.filter(|html| html.contains("&lt;")).map(|html| decode(html, Context::Text));
        for html in sections.map(Cow::Borrowed).chain(escaped) {
            all += html.len();
            if let Some(short) = sanitise(&html, &base()) {
                rewritten += html.len();
                assert_eq!(short, builder.clean(&html).to_string());
            }
        }
    }
    println!("{rewritten} of {all} bytes of HTML take the fast path");
    assert!(all < rewritten * 4, "{rewritten} of {all}");
}

/// HTML that mostly nests well, with a fault here and there.
#[expect(clippy::too_many_lines, reason = "a table of fragments")]
fn html() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec![
        "a",
        " b ",
        "\n",
        "&amp;",
        "&nbsp;",
        "&#8217;",
        "> ",
        "é\u{A0}",
        "& ",
        "&#38;",
        "<br>",
        "<br />",
        "<img src='i.png' width=\"5\">",
        "<!-- c -->",
        "<hr>",
        "&eacute;",
        "<wbr>",
        "&copy",
        "&notit;",
        "&pi;",
        "&NotEqualTilde;",
        "&#128;",
        "&#0;",
        "&#xD800;",
        "&#x110000;",
        "&#10;",
        "&lt",
        "&bogus;",
        "a&amp",
        "&",
        "&#",
        "&#x",
        ";",
        "=",
        "<p>",
        "</b>",
        "1 <2",
        "<source srcset='a 1x'>",
        "</img>",
        "</hr>",
        "<iframe src='//youtube.com/' width=\"1\" allowfullscreen></iframe>",
        "<img alt src='x' hidden/>",
        "<img src='https://[' alt='x'>",
        "\t",
        "</p>",
        "<!-->",
        "&#x1F600;",
    ]);
    let element = prop::sample::select(vec![
        "p",
        "div",
        "b",
        "i",
        "em",
        "a href='x'",
        "a href=\"https://e.example/?a=1&b=2\" rel='x'",
        "span style='y'",
        "ul",
        "li",
        "ol start=\"2\"",
        "h2",
        "h3",
        "blockquote",
        "code",
        "pre",
        "figure",
        "section",
        "details",
        "dl",
        "dt",
        "dd",
        "q cite='z'",
        "a href='tel:1'",
        "p title=\"&lt;&quot;'\"",
        "summary",
        "sub",
        "picture",
        "time datetime='x'",
        "strike",
        "tt",
        "a",
        "p title = a lang=\"b\"dir='c'",
        "p title=a'b/ lang/dir",
        "a href='?a=1&copy=2&pi;&reg' title='&lt&notit;&#146;&amp'",
        "center",
    ]);
    text.prop_map(ToOwned::to_owned).prop_recursive(6, 40, 5, move |inner| {
        (element.clone(), prop::collection::vec(inner, 0..5)).prop_map(|(tag, inner)| {
            let name = tag.split(' ').next().unwrap_or(tag).to_owned();
            format!("<{tag}>{}</{name}>", inner.concat())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_rewritten_is_what_the_sanitiser_writes(html in html()) {
        if let Some(short) = sanitise(&html, &base()) {
            prop_assert_eq!(short, builder(&base()).clean(&html).to_string(), "{}", html);
        }
    }

    #[test]
    fn so_it_is_for_a_soup_of_tags(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<p>", "</p>", "<b>", "</b>", "<a href='x'>", "</a>", "<ul>", "</ul>", "<li>", "</li>", "<div>",
                "</div>", "<h1>", "</h1>", "<pre>", "</pre>", "<br>", "x", " ", "\n", "<i>", "</i>", "<span>", "</span>",
                "<code>", "</code>", "<dl>", "</dl>", "<dd>", "</dd>",
            ]),
            0..12,
        ),
    ) {
        let html = parts.concat();
        if let Some(short) = sanitise(&html, &base()) {
            prop_assert_eq!(short, builder(&base()).clean(&html).to_string(), "{}", html);
        }
    }
}
