//! HTML and the markup it shares with XML: reading it, making it safe, and turning it into text and Markdown.
//!
//! Nothing here knows what a feed is. Nothing here performs I/O, and nothing here fails: malformed markup is
//! read as a browser would read it.

mod address_repair;
mod blocks;
pub mod chars;
pub mod double_escaped;
pub mod entities;
pub mod escape;
pub mod recognise;
pub mod sanitise;
pub mod to_markdown;
pub mod to_text;
pub mod tokenizer;
pub mod web_address;
