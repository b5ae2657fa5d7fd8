//! Escaping of text for HTML, as the serialisation algorithm of HTML (13.3) has it.

use memchr::memchr3;

/// Appends text with `&`, `<`, `>` and the no-break space escaped.
pub(crate) fn push_text(out: &mut String, text: &str) {
    push(out, text, false);
}

/// Appends an attribute value, which additionally has its double quotes escaped.
pub(crate) fn push_attribute(out: &mut String, value: &str) {
    push(out, value, true);
}

fn push(out: &mut String, text: &str, quotes: bool) {
    let mut rest = text;
    // In text `<` and `"` are rare: they are searched for once, all others are looked for together.
    let rare = rest.contains('<') || quotes && rest.contains('"');
    while let Some(at) = next_special(rest, rare) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        match chars.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') if quotes => out.push_str("&quot;"),
            Some('\u{A0}') => out.push_str("&nbsp;"),
            other => out.extend(other),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

/// Where the next character is that may need an escape. 0xC2 is the first byte of a no-break space.
fn next_special(text: &str, rare: bool) -> Option<usize> {
    if rare {
        text.bytes().position(|b| matches!(b, b'&' | b'<' | b'>' | b'"' | 0xC2))
    } else {
        memchr3(b'&', b'>', 0xC2, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_values_are_escaped_as_html_serialises_them() {
        for (text, in_text, in_value) in [
            ("a & b", "a &amp; b", "a &amp; b"),
            (
                "<b>\"\u{A0}é©\"</b>",
                "&lt;b&gt;\"&nbsp;é©\"&lt;/b&gt;",
                "&lt;b&gt;&quot;&nbsp;é©&quot;&lt;/b&gt;",
            ),
            ("\"'>", "\"'&gt;", "&quot;'&gt;"),
            ("plain", "plain", "plain"),
        ] {
            let (mut first, mut second) = (String::new(), String::new());
            push_text(&mut first, text);
            push_attribute(&mut second, text);
            assert_eq!((&*first, &*second), (in_text, in_value), "{text}");
        }
    }
}
