use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::*;
use crate::html::sanitise::Sanitiser;

#[test]
fn markdown_keeps_the_structure_of_html() {
    for (html, markdown) in [
        ("", ""),
        ("<p> </p>", ""),
        (
            "<p>One.</p>\n<p>Two <b>bold</b> and <i> slanted </i>.</p>",
            "One.\n\nTwo **bold** and *slanted* .",
        ),
        ("a<br>b<br><br>c", "a\\\nb\n\nc"),
        ("<h1>Title # x</h1>text", "#### Title \\# x\n\ntext"),
        ("<ul><li>a</li><li><p>b</p><p>c</p></li></ul>end", "- a\n- b\n\n  c\n\nend"),
        ("<ol><li>a<ul><li>x</li></ul></li><li>b</li></ol>", "1. a\n   - x\n2. b"),
        ("<blockquote><p>q</p><p>r</p></blockquote><p>s</p>", "> q\n>\n> r\n\ns"),
        ("<pre><code>let a = `b`;\n  c</code></pre>", "```\nlet a = `b`;\n  c\n```"),
        ("use <code>a`b</code>", "use ``a`b``"),
        ("<code>a`</code><code>b</code>", "`` a` `` `b`"),
        (
            "<a href=\"https://e.example/?a=1&amp;b=(2)\">x</a>",
            "[x](https://e.example/?a=1\\&b=\\(2\\))",
        ),
        ("<a href=\"javascript:x\">x</a>", "x"),
        (
            "<a href=\"https://e.example/\"><p>a</p><p>b</p></a>",
            "[a](https://e.example/)\n\n[b](https://e.example/)",
        ),
        (
            "<img src=\"https://e.example/i.png\" alt=\"a ] b\">",
            "![a \\] b](https://e.example/i.png)",
        ),
        (
            "<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>",
            "a b\\\nc",
        ),
        ("<p>a</p><hr><p>b</p>", "a\n\n* * *\n\nb"),
        ("1. no list, 2 &lt; 3 &amp;amp; <b></b>*x*", "1\\. no list, 2 \\< 3 \\&amp; \\*x\\*"),
    ] {
        assert_eq!(html_to_markdown(html), markdown, "{html}");
    }
}

#[test]
fn escaped_text_holds_no_markup() {
    for (text, line) in [
        ("plain", "plain"),
        (" a\n\nb ", "a b"),
        ("# x", "\\# x"),
        ("C# #", "C\\# \\#"),
        ("- x", "\\- x"),
        ("12) x", "12\\) x"),
        ("<script>", "\\<script\\>"),
        ("[a](http://x)", "\\[a\\](http\\://x)"),
        ("![a](b)", "\\!\\[a\\](b)"),
        ("www.example.org", "www\\.example.org"),
        ("R&D &copy; &#60;", "R&D \\&copy; \\&\\#60;"),
        ("a\u{202e}b\u{1b}[2J", "ab\\[2J"),
    ] {
        assert_eq!(escape(text), line, "{text}");
    }
}

/// The visible text of the Markdown, and all its markup.
fn read(markdown: &str) -> (String, Vec<String>) {
    let (mut text, mut markup) = (String::new(), Vec::new());
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Text(part) => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            Event::Start(Tag::Paragraph) | Event::End(_) => {}
            other => markup.push(format!("{other:?}")),
        }
    }
    (text, markup)
}

#[test]
fn repeated_beginnings_of_markup_take_linear_time() {
    for beginning in [
        "<a =",
        "<a ",
        "<a href='",
        "<img src=x ",
        "<img data-src='",
        "<a b=\"c\" b=\"c\" ",
        "<ul>",
        "<li>",
        "<ul></blockquote>",
        "<b>",
        "&",
        "&#",
    ] {
        let html = beginning.repeat(20_000);
        assert!(html_to_markdown(&html).len() <= 2 * html.len(), "{beginning}");
    }
}

proptest! {
    #[test]
    fn an_escaped_text_is_read_as_that_text_and_nothing_else(
        text in "([-+*_#=<>&;:!\\[\\]()`~|\\\\.\"'0-9 \n\t]|[a-z]|https?://|www\\.|&amp;|\\PC){0,30}"
    ) {
        let (read, markup) = read(&escape(&text));
        let shown = text.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(markup, Vec::<String>::new(), "{}", escape(&text));
        prop_assert_eq!(read, shown.chars().filter(|c| !is_control(*c)).collect::<String>());
    }

    #[test]
    fn markdown_of_a_body_holds_no_html_and_keeps_link_targets(
        html in "(<(/?)(p|b|i|a|ul|ol|li|pre|code|blockquote|h2|br|div|td|tr|table)>|<a href=\"https://e\\.example/[a-z&()_*]{0,3}\">|[-*_#<>&;:!\\[\\]()`~|\\\\.0-9 \n]|[a-z]{1,3}|javascript:|&lt;script&gt;){0,25}"
    ) {
        let base = url::Url::parse("https://e.example/").unwrap();
        let html = Sanitiser::new(&base).clean(&html).unwrap_or_default();
        let markdown = html_to_markdown(&html);
        for event in Parser::new(&markdown) {
            match event {
                Event::Html(_) | Event::InlineHtml(_) => prop_assert!(false, "{html:?}\n{markdown}"),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    prop_assert!(dest_url.starts_with("https://e.example/"), "{html:?}\n{markdown}");
                }
                _ => {}
            }
        }
    }
}
