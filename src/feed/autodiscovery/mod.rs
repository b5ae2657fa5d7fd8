//! Finding the feed of a web page: the links that the page declares, and the addresses that publishing systems
//! commonly use.

pub mod guesses;
pub mod html_links;
pub mod icon_link;
pub mod link_header;
pub mod systems;
