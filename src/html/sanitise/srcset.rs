//! The image candidates of a `srcset` (HTML, 4.8.4.2.1).

use std::borrow::Cow;

/// The widest image that is worth loading, in pixels.
const WIDEST: f64 = 2000.0;

/// An address and its descriptor, such as `640w` or `2x`.
pub(super) type Candidate<'a> = (Cow<'a, str>, &'a str);

/// The candidates of a `srcset`, in order. The white space in an address that should have been encoded belongs to it.
pub(super) fn candidates(value: &str) -> Vec<Candidate<'_>> {
    let mut found = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            return found;
        }
        let (url, after) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
        let address = url.trim_end_matches(',');
        let (mut descriptor, after) = if address.len() < url.len() {
            ("", after)
        } else {
            after.split_once(',').unwrap_or((after, ""))
        };
        descriptor = descriptor.trim();
        let mut address = Cow::Borrowed(address);
        if !descriptor.split_ascii_whitespace().all(|word| number(word).is_some()) {
            let (more, last) = match descriptor.rsplit_once(|c: char| c.is_ascii_whitespace()) {
                Some((more, last)) if number(last).is_some() => (more, last),
                _ => (descriptor, ""),
            };
            address = Cow::Owned(format!("{address} {}", more.trim()));
            descriptor = last;
        }
        found.push((address, descriptor));
        rest = after;
    }
}

/// The address of the largest candidate that is no larger than an article needs.
pub(super) fn best(value: &str) -> Option<Cow<'_, str>> {
    let size = |(_, descriptor): &Candidate<'_>| match number(
        descriptor.split(' ').next().unwrap_or_default(),
    ) {
        Some((number, 'x')) => number * WIDEST / 2.0,
        Some((number, _)) => number,
        None => WIDEST / 2.0,
    };
    let candidates = candidates(value).into_iter().filter(|(address, _)| !address.is_empty());
    let by_size = |a: &Candidate<'_>, b: &Candidate<'_>| {
        let (a, b) = (size(a), size(b));
        let too_large = (WIDEST < a).cmp(&(WIDEST < b));
        too_large.then_with(|| if WIDEST < a { a.total_cmp(&b) } else { b.total_cmp(&a) })
    };
    candidates.min_by(by_size).map(|(address, _)| address)
}

/// The number and the unit of a descriptor.
fn number(word: &str) -> Option<(f64, char)> {
    let unit = word.chars().next_back().filter(|c| matches!(c, 'w' | 'x' | 'h'))?;
    let number: f64 = word.strip_suffix(unit)?.parse().ok()?;
    number.is_finite().then_some((number, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_sensible_candidate_is_the_best() {
        for (value, best_one, all) in [
            ("/a 1x, /b 2x", "/b", 2),
            ("/a 2x,/b 1x", "/a", 2),
            ("/a, /b 1.5x", "/b", 2),
            ("/a 320w, /b 1600w, /c 5000w", "/b", 3),
            ("/a 4000w, /b 3000w", "/b", 2),
            ("/a 100w 50h, /b 200w 100h", "/b", 2),
            ("/w_1,h_2/a.jpg 100w, /w_3,h_4/b.jpg 200w", "/w_3,h_4/b.jpg", 2),
            ("/my boat.jpg 1x, /my other boat.jpg 2x", "/my other boat.jpg", 2),
            ("\n  /a 1x,\n  /b 2x\n", "/b", 2),
            ("/a", "/a", 1),
        ] {
            assert_eq!(best(value).as_deref(), Some(best_one), "{value}");
            assert_eq!(candidates(value).len(), all, "{value}");
        }
        assert_eq!(best(" , "), None);
    }
}
