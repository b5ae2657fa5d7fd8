//! HTML becomes plain text, Markdown and the tokens of the search index. It need not be sanitised: whatever it is, nothing
//! panics, the text has no control characters, and no token of the index is empty.
#![no_main]

use gazetted::html::double_escaped::{unescape, unescape_line};
use gazetted::html::recognise::{
    begins_with_html, escape_false_tags, has_markup, is_whole_html, looks_like_html,
};
use gazetted::html::to_markdown::html_to_markdown;
use gazetted::html::to_text::{has_same_text, html_to_text};
use gazetted::search::words::indexable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|html: &str| {
    let text = html_to_text(html);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    let tokens = indexable(&text);
    assert!(tokens.is_empty() || tokens.split(' ').all(|token| !token.is_empty()), "{tokens:?}");
    let _markdown = html_to_markdown(html);
    let _texts = (unescape(html), unescape_line(html), escape_false_tags(html));
    let _answers = [
        has_same_text(html, &text),
        has_markup(html),
        looks_like_html(html),
        is_whole_html(html),
        begins_with_html(html),
    ];
});
