//! The article in a web page: its title, standfirst, authors, dates, language, main image, address and text.
//!
//! [`extract`] calls the other files. `tree` bounds and parses the page, and `structured_data` reads what the page
//! states for programs (JSON-LD, meta elements). `title`, `standfirst`, `byline`, `date`, `image` and
//! `head` each find one thing. `engines` finds the text: `dom_smoothie` first, and trafilatura as a second opinion
//! (docs/decisions/0029). `prepare` changes the page before the engines read it, `clean` removes what does not
//! belong to the article from what they found. Where a script of the page would show the text, `client_state` reads
//! it from the state in the page. The lines of a page that no article has, such as dates and counters, are recognised
//! by `feed/normalise/furniture`, which cleans entries of feeds as well.
//!
//! Pure functions: nothing here performs I/O. The engines cannot be interrupted, so a caller runs [`extract`] on a
//! thread of its own and waits only so long.

mod access;
mod byline;
mod clean;
mod client_state;
mod date;
mod engines;
pub mod extract;
mod head;
mod image;
pub mod merge;
pub mod model;
mod paywall;
mod prepare;
pub mod reservation;
pub mod robots;
mod standfirst;
mod structured_data;
mod title;
mod tree;

#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod variant_tests;
