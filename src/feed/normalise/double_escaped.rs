//! HTML that was escaped twice, so that a reader would see its tags.

use std::borrow::Cow;

use crate::html::entities::{Context, decode};
use crate::html::to_text::is_whole_html;

/// Removes the second escaping.
///
/// A text that may be an article about HTML is returned unchanged. Only a text without a tag is unescaped,
/// and only if the result consists of complete elements from its first character to its last.
pub fn unescape(html: &str) -> Cow<'_, str> {
    let text = html.trim();
    if !text.starts_with("&lt;") || !text.ends_with("&gt;") || text.contains('<') {
        return Cow::Borrowed(html);
    }
    let once = decode(text, Context::Text);
    if is_whole_html(&once) { Cow::Owned(once.into_owned()) } else { Cow::Borrowed(html) }
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
            ("&lt;ul&gt;&lt;li&gt;a&lt;li&gt;b&lt;/ul&gt;", None),
            ("Use &lt;b&gt; for bold", None),
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
}
