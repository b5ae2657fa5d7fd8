//! Whether a short page is another one than the article: a site answers with status 200 that the article is gone, or asks
//! for consent or a password first.

use crate::article_page::model::{ArticlePage, Engine};
use crate::html::to_text::html_to_text;
use crate::matching::words::words;

/// A page with as many characters is an article. Notices are shorter.
const LONG: usize = 1_000;

/// Words with fewer characters occur in every text.
const SHORTEST_WORD: usize = 4;

/// Whether a page is short and has no word of the title of the article. A page whose text the user has selected is always
/// the right one.
pub(super) fn is_other_page(title: &str, page: &ArticlePage) -> bool {
    let text = page.html.as_deref().map(html_to_text).unwrap_or_default();
    if page.engine == Some(Engine::Selector) || LONG <= text.chars().count() {
        return false;
    }
    let is_telling = |word: &String| !word.is_ascii() || SHORTEST_WORD <= word.len();
    let telling: Vec<String> = words(title).into_iter().filter(is_telling).collect();
    let of_page = [page.title.as_deref(), page.standfirst.as_deref(), Some(&text)];
    let of_page: Vec<String> = of_page.into_iter().flatten().flat_map(words).collect();
    !telling.is_empty() && !telling.iter().any(|word| of_page.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::sanitise::SanitisedHtml;

    fn page(title: &str, text: &str) -> ArticlePage {
        ArticlePage {
            title: Some(title.to_owned()),
            html: Some(SanitisedHtml::from_store(format!("<p>{text}</p>"))),
            ..ArticlePage::default()
        }
    }

    #[test]
    fn a_notice_is_no_article() {
        let gone = page("Page not found", "The page does not exist or has been moved.");
        for (title, page, expected) in [
            ("Ferry returns to the island", gone.clone(), true),
            ("港にフェリーが戻る", gone.clone(), true),
            ("Паром вернулся на остров", page("Вход", "Введите пароль, чтобы продолжить."), true),
            ("Паром вернулся на остров", page("Новости", "На остров снова ходит паром."), false),
            ("Ferry returns to the island", page("Traffic", "The FERRY sails again."), false),
            ("Ferry returns to the island", page("Ferry is back", "It sails again."), false),
            ("港にフェリーが戻る", page("交通", "フェリーが港に戻った。"), false),
            ("A to Z", gone.clone(), false),
            ("", gone.clone(), false),
            ("Ferry returns", page("Traffic", &"It sails again. ".repeat(80)), false),
            ("Ferry returns", ArticlePage { engine: Some(Engine::Selector), ..gone }, false),
        ] {
            assert_eq!(is_other_page(title, &page), expected, "{title} / {:?}", page.title);
        }
    }
}
