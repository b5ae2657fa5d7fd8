//! Base64 (RFC 4648), as Atom 0.3 allows it for texts.

/// The text, if it is one: white space is skipped, padding is not needed.
pub(super) fn text(coded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(coded.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in coded.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => continue,
            byte if byte.is_ascii_whitespace() => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if 8 <= count {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).ok()?);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn base64_is_decoded_when_it_is_text() {
        for (coded, expected) in [
            ("PHA+aGVsbG88L3A+", Some("<p>hello</p>")),
            (" PHA+\naGVsbG8= ", Some("<p>hello")),
            ("PHA-aGVsbG8", Some("<p>hello")),
            ("/////w==", None),
            ("no base64!", None),
            ("", None),
        ] {
            assert_eq!(text(coded).as_deref(), expected, "{coded}");
        }
    }
}
