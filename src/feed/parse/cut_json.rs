//! Completes a JSON document that breaks off.

/// The part of a JSON text up to the last complete element that lies at `depth` below the document, with the
/// brackets that close it. `None` if the text breaks off before the list or object of these elements.
pub(in crate::feed) fn complete_elements(text: &str, depth: usize) -> Option<String> {
    let mut open: Vec<u8> = Vec::new();
    let (mut in_text, mut escaped) = (false, false);
    let mut last: Option<(usize, Vec<u8>)> = None;
    for (at, byte) in text.bytes().enumerate() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                open.pop();
            }
            _ => continue,
        }
        // The beginning of the list counts as well: it may have no complete element.
        if open.len() == depth && matches!(byte, b'{' | b'[' | b'}' | b']') {
            last = Some((at + 1, open.clone()));
        }
    }
    let (end, mut open) = last?;
    open.reverse();
    let closing = String::from_utf8(open).ok()?;
    Some(format!("{}{closing}", text.get(..end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_document_keeps_its_complete_elements() {
        for (text, expected) in [
            (
                r#"{"v":1,"items":[{"id":"1"},{"id":"2","authors":[{}],"t"#,
                Some(r#"{"v":1,"items":[{"id":"1"}]}"#),
            ),
            (r#"{"items":[{"id":"}]\\\"{"},"#, Some(r#"{"items":[{"id":"}]\\\"{"}]}"#)),
            (r#"{"items":[{"id""#, Some(r#"{"items":[]}"#)),
            (r#"{"items":[{}],"title":"x"#, Some(r#"{"items":[{}]}"#)),
            (r#"{"title":"x"#, None),
        ] {
            assert_eq!(complete_elements(text, 2).as_deref(), expected, "{text}");
        }
    }
}
