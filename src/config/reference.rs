//! The example configuration as data, for the manual page of the configuration. The tests of this module's folder make sure
//! that the example has every key with its default.

/// The configuration with every key.
const EXAMPLE: &str = include_str!("../../config/gazetted.example.toml");

/// A part of the example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Text that belongs to no key.
    Text(String),
    /// A table such as `[store]` or `[[feeds]]`, and the text above it.
    Table { name: String, text: String },
    /// Keys of the table before them, as they are written in the example, and the text above them. A key without a
    /// default has an example in place of a value.
    Keys { lines: Vec<String>, text: String },
}

/// The blocks of the example in their order.
pub fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut text: Vec<&str> = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            text.push(comment);
            continue;
        }
        let line = line.strip_prefix('#').unwrap_or(line).trim();
        if line.is_empty() {
            if !text.is_empty() {
                blocks.push(Block::Text(text.join(" ")));
            }
            text.clear();
        } else if line.starts_with('[') {
            blocks.push(Block::Table { name: line.to_owned(), text: text.join(" ") });
            text.clear();
        } else {
            match blocks.last_mut() {
                Some(Block::Keys { lines, .. }) if text.is_empty() => lines.push(line.to_owned()),
                _ => {
                    let lines = vec![line.to_owned()];
                    blocks.push(Block::Keys { lines, text: text.join(" ") });
                }
            }
            text.clear();
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_has_text_tables_and_keys_and_nothing_of_it_is_lost() {
        let blocks = blocks();
        assert!(
            matches!(blocks.first(), Some(Block::Text(text)) if text.contains("at its default"))
        );
        let store = Block::Keys {
            lines: vec!["path = \"gazetted.db\"".to_owned()],
            text: "The database, a SQLite file; everything that was ever collected is in it."
                .to_owned(),
        };
        assert!(blocks.contains(&store), "{blocks:#?}");
        let words = |text: &str| text.split([' ', '\n']).filter(|word| !word.is_empty()).count();
        let of_block = |block: &Block| match block {
            Block::Text(text) => words(text),
            Block::Table { name, text } => words(name) + words(text),
            Block::Keys { lines, text } => words(&lines.join(" ")) + words(text),
        };
        let signs = EXAMPLE.lines().filter(|line| line.starts_with("# ") || *line == "#").count();
        assert_eq!(blocks.iter().map(of_block).sum::<usize>(), words(EXAMPLE) - signs);
    }
}
