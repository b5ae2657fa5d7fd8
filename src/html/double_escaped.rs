//! HTML that was escaped twice, so that a reader would see its tags.

use std::borrow::Cow;

use crate::html::entities::{Context, decode};
use crate::html::recognise::{balance, is_whole_html};

/// Removes the second escaping of a text of several lines.
///
/// A text that may be an article about HTML is returned unchanged. Only a text without a tag is unescaped, and only
/// if the result consists of complete elements from its first character to its last, or if all of its elements
/// are complete and a link, an image or a line break is one of them.
pub fn unescape(html: &str) -> Cow<'_, str> {
    unescape_if(html, |once| {
        let tags = balance(once);
        is_whole_html(once) || tags.has_address || tags.joins
    })
}

/// Removes the second escaping of a title, a tag or a name. An author who mentions an element names only its start
/// tag, so a pair of tags around words is markup.
pub fn unescape_line(text: &str) -> Cow<'_, str> {
    unescape_if(text, |once| {
        let tags = balance(once);
        tags.encloses || tags.has_address || tags.joins
    })
}

fn unescape_if(text: &str, is_html: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if text.contains('<') || !has_escaped_tag(text) {
        return Cow::Borrowed(text);
    }
    let once = decode(text.trim(), Context::Text);
    if is_html(&once) { Cow::Owned(once.into_owned()) } else { Cow::Borrowed(text) }
}

fn has_escaped_tag(text: &str) -> bool {
    ["&lt;", "&#60;", "&#060;", "&#x3c;", "&#x3C;", "&LT;"].iter().any(|less| text.contains(less))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_about_html_is_read_again() {
        for (html, expected) in [
            ("&lt;p&gt;a&lt;/p&gt;", Some("<p>a</p>")),
            (
                " &lt;p&gt;a &amp;amp; b&lt;/p&gt;\n&lt;p&gt;c&lt;/p&gt; ",
                Some("<p>a &amp; b</p>\n<p>c</p>"),
            ),
            ("&lt;p&gt;1 &amp;lt; 2&lt;/p&gt;", Some("<p>1 &lt; 2</p>")),
            (
                "&lt;div&gt;&lt;img src=&quot;/i&quot; /&gt;&lt;br&gt;a &lt;b&gt;b&lt;/b&gt;&lt;/div&gt;",
                Some("<div><img src=\"/i\" /><br>a <b>b</b></div>"),
            ),
            ("&lt;a href='/x'&gt;a&lt;/a&gt;", Some("<a href='/x'>a</a>")),
            ("See &#60;a href='/x'&#62;a&#60;/a&#62;.", Some("See <a href='/x'>a</a>.")),
            ("one&lt;br /&gt;two", Some("one<br />two")),
            ("&lt;ul&gt;&lt;li&gt;a&lt;li&gt;b&lt;/ul&gt;", None),
            ("Use &lt;b&gt; for bold", None),
            ("The &lt;br&gt; tag", None),
            ("&lt;a href='/x'&gt; begins a link", None),
            ("&lt;b&gt;", None),
            ("&lt;b&gt; and &lt;i&gt;", None),
            ("&lt;p&gt; begins a paragraph, it ends with &lt;/p&gt;", None),
            ("&lt;b&gt;bold&lt;/b&gt; and &lt;i&gt;slanted&lt;/i&gt;", None),
            ("&lt;p&gt;a&lt;/p&gt; is how", None),
            ("&lt;T&gt;a&lt;/T&gt;", None),
            ("<p>&lt;p&gt;a&lt;/p&gt;</p>", None),
            ("<code>&lt;p&gt;</code>", None),
            ("&lt;script&gt;a&lt;/script&gt;", None),
            ("a &lt; b &gt;", None),
            ("&lt;3 &gt;", None),
        ] {
            assert_eq!(unescape(html), expected.unwrap_or(html), "{html}");
        }
    }

    #[test]
    fn a_pair_of_tags_in_a_line_is_markup() {
        for (line, expected) in [
            ("&lt;i&gt;Dune&lt;/i&gt;, a review", Some("<i>Dune</i>, a review")),
            ("a &lt;em&gt;b c&lt;/em&gt;", Some("a <em>b c</em>")),
            ("one&lt;br/&gt;two", Some("one<br/>two")),
            ("The &lt;em&gt; element", None),
            ("&lt;b&gt; and &lt;/b&gt;", None),
            ("From &lt;b&gt; to &lt;strong&gt;", None),
            ("Vec&lt;T&gt;", None),
            ("a &lt; b", None),
            ("<i>a</i> &lt;b&gt;b&lt;/b&gt;", None),
        ] {
            assert_eq!(unescape_line(line), expected.unwrap_or(line), "{line}");
        }
    }
}
