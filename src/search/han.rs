//! Variants of Han characters: traditional and simplified characters, the forms of Hong Kong and Taiwan, and the new
//! forms of Japan.
//!
//! `han_variants.txt` was made of the dictionaries of `OpenCC` by `make_han_variants.py`; its first line names the version and
//! the licence. Unicode's own data (`kSimplifiedVariant` and `kTraditionalVariant` of Unihan) was tried first. It lacks
//! pairs that are common in newspapers, such as 裏 and 里, 說 and 説, 為 and 爲.

use std::sync::LazyLock;

/// Pairs of a character and the first of its class, ordered by the character.
static VARIANTS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let lines = include_str!("han_variants.txt").lines().filter(|line| !line.starts_with('#'));
    let classes = lines.flat_map(str::split_whitespace);
    let mut pairs: Vec<_> = classes
        .flat_map(|class| {
            let mut members = class.chars();
            members
                .next()
                .into_iter()
                .flat_map(move |first| members.clone().map(move |c| (c, first)))
        })
        .collect();
    pairs.sort_unstable();
    pairs
});

/// The character that represents all variants of a Han character in the index.
pub(super) fn representative(c: char) -> char {
    if c < '\u{3400}' {
        return c;
    }
    let found = VARIANTS.binary_search_by_key(&c, |(variant, _)| *variant).ok();
    found.and_then(|at| VARIANTS.get(at)).map_or(c, |(_, first)| *first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_class_for_each_character() {
        let table = include_str!("han_variants.txt");
        assert!(table.starts_with("# ") && table.contains("Apache-2.0"));
        assert!(VARIANTS.is_sorted_by(|(a, _), (b, _)| a < b), "no character is in two classes");
        assert!(4_000 < VARIANTS.len(), "{}", VARIANTS.len());
        for (c, first) in VARIANTS.iter() {
            assert_eq!(representative(*first), *first, "{c}");
        }
    }

    #[test]
    fn variants_have_one_representative() {
        for class in [
            "万萬",
            "国國",
            "学學",
            "后後",
            "里裏裡",
            "台臺颱檯",
            "发發髮発髪",
            "干乾幹",
            "说說説",
            "为為爲",
        ] {
            let found: Vec<char> = class.chars().map(representative).collect();
            assert!(found.iter().all(|c| Some(c) == found.first()), "{class}: {found:?}");
        }
        for (a, b) in [('日', '曰'), ('未', '末'), ('土', '士'), ('大', '太'), ('己', '已')]
        {
            assert_ne!(representative(a), representative(b), "{a} {b}");
        }
    }
}
