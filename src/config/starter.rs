//! The configurations that `gazetted init` writes, alone or with packs of feeds.

/// A commented configuration with two feeds.
pub const STARTER: &str = include_str!("../../config/starter.toml");

/// Public feeds about one subject, by the name of the pack.
pub const PACKS: [(&str, &str); 6] = [
    ("world", include_str!("../../config/packs/world.toml")),
    ("tech", include_str!("../../config/packs/tech.toml")),
    ("science", include_str!("../../config/packs/science.toml")),
    ("security", include_str!("../../config/packs/security.toml")),
    ("programming", include_str!("../../config/packs/programming.toml")),
    ("deutsch", include_str!("../../config/packs/deutsch.toml")),
];

/// The starter with the feeds of these packs in place of its own; the starter itself if `names` is empty or has no pack.
pub fn with_packs<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut chosen: Vec<&str> = Vec::new();
    for name in names {
        for (_, text) in PACKS.iter().filter(|(pack, _)| *pack == name) {
            if !chosen.contains(text) {
                chosen.push(*text);
            }
        }
    }
    let feeds = STARTER.split_once("[[feeds]]");
    let exports = STARTER.split_once("# Files that `gazetted run`");
    match (feeds, exports) {
        (Some((above, _)), Some((_, below))) if !chosen.is_empty() => {
            format!("{above}{}\n# Files that `gazetted run`{below}", chosen.join("\n"))
        }
        _ => STARTER.to_owned(),
    }
}
