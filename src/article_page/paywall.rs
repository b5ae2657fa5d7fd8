//! Whether a page shows only a part of its article to everybody. Paywalls are named, not worked around.
//!
//! A page says it itself (`isAccessibleForFree` of schema.org, for the article or for a part of it; `article:content_tier`),
//! or it shows a prompt to subscribe or to log in and its text breaks off there. A prompt alone says nothing: free articles
//! have one too. The prompts are no part of the article and are removed from the page.

use std::sync::LazyLock;

use dom_query::{Document, NodeRef};
use regex::Regex;
use serde_json::Value;

use crate::article_page::model::Finding;
use crate::article_page::prepare::take;
use crate::article_page::structured_data::{StructuredData, microdata};
use crate::article_page::tree::{all, below, has_word, is_leaf_block, line, named, names};

/// Whether the page states that the article, or a part of it, is not free.
pub(super) fn is_stated(page: &Document, data: &StructuredData) -> bool {
    let of_articles =
        data.articles().find_map(|article| is_free(article.get("isAccessibleForFree")?));
    let has_paid_part =
        data.articles().filter_map(|article| article.get("hasPart")).any(is_paid_part);
    let of_microdata = || {
        let values = microdata(page, "isAccessibleForFree");
        values.iter().find_map(|text| is_free(&Value::String(text.clone())))
    };
    let is_tier = || {
        data.meta(&["article:content_tier"])
            .is_some_and(|tier| matches!(tier, "locked" | "metered"))
    };
    has_paid_part
        || match of_articles.or_else(of_microdata) {
            Some(is_free) => !is_free,
            None => is_tier(),
        }
}

fn is_free(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(free) => Some(*free),
        Value::String(text) => Some(!["false", "no", "0"].contains(&&*text.trim().to_lowercase())),
        _ => None,
    }
}

fn is_paid_part(part: &Value) -> bool {
    match part {
        Value::Array(parts) => parts.iter().any(is_paid_part),
        Value::Object(part) => part.get("isAccessibleForFree").and_then(is_free) == Some(false),
        _ => false,
    }
}

/// Names of elements that ask for a subscription.
#[rustfmt::skip]
const NAMES: [&str; 30] = [
    "paywall", "paywalled", "regwall", "registrationwall", "subscriptionwall", "pay-wall", "reg-wall", "subscriber-only", "subscribers-only",
    "subscriber_only", "subscriberonly", "subscription-wall", "subscription-required", "premium-wall", "premium-only", "plus-wall", "loginwall",
    "login-wall", "piano", "tp-container", "tp-modal", "poool", "leaky_paywall", "steady_paywall", "steady-paywall", "content-gate", "article-gate",
    "locked-content", "metered-wall", "abo-wall",
];

/// What prompts say. Each text is about an article that goes on, or about who may read it.
#[rustfmt::skip]
const PROMPTS: [&str; 17] = [
    // English
    r"^\W*(?:please )?(?:subscribe|sign (?:up|in)|log ?in|register|become a (?:member|subscriber)|create (?:an|a free) account|start (?:your|a) (?:free )?trial|upgrade)\b.{0,60}\b(?:to|and) (?:continue|keep|read|finish|unlock)\b",
    r"to (?:continue|keep) reading|continue reading (?:with|by|for)|(?:rest|remainder) of (?:this|the) (?:article|story)|already (?:a|have a) (?:subscriber|subscription|member)|(?:this|the) (?:article|story|content|post|page)\b.{0,40}\b(?:only|exclusive(?:ly)?|reserved)\b.{0,20}\b(?:subscribers|members)|(?:for|to) (?:paid |paying )?(?:subscribers|members) only|(?:exclusive(?:ly)?|reserved|available (?:only )?)\s?(?:for|to) (?:our )?(?:paid |paying )?(?:subscribers|members)|subscriber[- ]only|this is (?:a )?(?:premium|subscriber)\b.{0,30}(?:article|content|story)|(?:reached|used) your (?:limit|monthly limit|free)|you have \w+ free articles? (?:left|remaining)",
    // German
    r"(?:weiter ?lesen|weiterlesen|alle artikel lesen|vollen zugriff|ganzen artikel)\b.{0,40}\b(?:mit|abonn|abo\b|anmelden|registrier|plus|testen)|(?:jetzt|hier|bitte) (?:abonnieren|anmelden|registrieren|einloggen)|(?:nur|exklusiv) für (?:abonnent|mitglieder|registrierte|leser mit|plus)|(?:bereits|schon) (?:abonnent|registriert|digitalabonnent|ein abo|mitglied)|abonnieren sie.{0,40}(?:weiter|lesen)|(?:artikel|inhalt|beitrag) (?:ist|sind) (?:kostenpflichtig|nur)|mit (?:einem )?(?:digital-?)?abo\b.{0,20}(?:weiter|lesen)",
    // French
    r"(?:article|contenu|suite)\b.{0,30}\b(?:réservée?s?|exclusi\w+)\b.{0,10}\b(?:aux?|à nos) (?:abonnée?s|membres)|il vous reste\b.{0,30}\bà lire|(?:déjà|êtes-vous) abonnée?|abonnez-vous\b.{0,40}(?:lire|suite|continuer|accéder)|pour (?:lire la suite|continuer (?:la|votre) lecture)|connectez-vous\b.{0,40}(?:lire|suite|continuer)",
    // Spanish
    r"suscríb(?:ete|ase)\b.{0,40}(?:leer|leyendo|acceder|continuar)|(?:contenido|artículo|noticia)\b.{0,20}\b(?:exclusiv[oa]|sol[oa]|reservad[oa])\b.{0,15}\b(?:suscriptor|socio|abonado)|ya (?:eres|soy|es) suscriptor|para (?:seguir|continuar) leyendo|inicia(?:r)? sesión\b.{0,30}(?:leer|leyendo|continuar)",
    // Italian
    r"(?:articolo|contenuto)\b.{0,20}\b(?:riservat|esclusiv)\w+\b.{0,15}\babbonati|abbonati\b.{0,30}(?:continuare|leggere|accedere)|per (?:continuare a leggere|leggere (?:tutto )?l.articolo)|sei già abbonato|accedi\b.{0,30}(?:continuare|leggere)",
    // Portuguese
    r"(?:assine|cadastre-se|faça login|entre)\b.{0,30}(?:continuar|ler|lendo|acessar)|(?:conteúdo|matéria|artigo|reportagem)\b.{0,20}\b(?:exclusiv\w+|restrit\w+|reservad\w+)\b.{0,15}\bassinantes|já é assinante|para (?:continuar|seguir) (?:lendo|a ler|a leitura)",
    // Dutch
    r"(?:artikel|verhaal)\b.{0,20}\b(?:alleen|exclusief|enkel)\b.{0,15}\b(?:abonnees|leden)|(?:word|al) abonnee|(?:om )?verder te lezen|lees verder met|log in om\b.{0,30}lezen",
    // Polish
    r"(?:artykuł|treść|dostęp)\b.{0,30}\b(?:tylko|wyłącznie)\b.{0,15}\b(?:prenumerator|subskrybent|abonent)\w*|(?:wykup|kup) (?:dostęp|prenumeratę|subskrypcję)|(?:masz już|jesteś już)\b.{0,20}(?:prenumerat|subskryp|konto)\w*|aby (?:czytać dalej|przeczytać (?:cały|resztę))|zaloguj się\b.{0,30}(?:czytać|czytaj)",
    // Russian and Ukrainian
    r"(?:оформите|купите|оформіть) (?:подписку|підписку)|(?:подпишитесь|зарегистрируйтесь|войдите|увійдіть|передплатіть)\b.{0,30}(?:чтобы|щоб|для)|(?:материал|статья|матеріал|стаття|текст)\b.{0,25}\b(?:только|лише|тільки|доступн\w+)\b.{0,25}(?:подписчик|передплатник|підписник)\w*|уже (?:подписаны|есть подписка)|чтобы (?:читать дальше|продолжить чтение|прочитать)",
    // Swedish, Danish, Norwegian
    r"(?:artikel|artikeln|artiklen|artikkelen|saken)\b.{0,25}\b(?:bara|endast|kun|för|for|till?)\b.{0,15}\b(?:prenumeranter|abonnenter|abonnerende|medlemmar|medlemmer)|(?:bli|köp|køb|kjøp|tegn) (?:prenumerant|abonnent|prenumeration|abonnement)|(?:redan|allerede) (?:prenumerant|abonnent)|logga? (?:in|ind|inn) för att läsa|log(?:g)? (?:ind|inn) for at? (?:læse|lese)|for å lese (?:videre|resten|hele)|för att (?:läsa vidare|fortsätta läsa)",
    // Turkish
    r"devamını okumak için|(?:sadece|yalnızca) aboneler|abone ol(?:un|arak)?\b.{0,30}(?:oku|devam)|zaten abone",
    // Czech and Slovak
    r"(?:článek|článok|obsah|text)\b.{0,25}\b(?:pouze|jen|len|iba)\b.{0,15}\b(?:předplatitel|predplatiteľ)\w*|(?:předplaťte|predplaťte) si|pro pokračování ve čtení|už (?:mám|máte) předplatné",
    // Japanese
    r"(?:会員|有料|購読者|ログイン)(?:限定|会員限定|会員|すると|して).{0,20}(?:記事|続き|全文|読)|続きを読むには|(?:この)?記事は(?:有料|会員)|残り\s?[0-9０-９,]+\s?文字",
    // Chinese
    r"(?:订阅|訂閱|登录|登入|登錄|注册|註冊|开通会员|成为会员).{0,12}(?:阅读|閱讀|查看|解锁|全文|更多)|(?:本文|本篇|文章|内容|內容).{0,8}(?:仅限|僅限|仅供|僅供|专享|專享).{0,8}(?:会员|會員|订阅|訂閱|用户|用戶)|(?:会员|會員|订户|訂戶)(?:专享|專享|独享|專屬|专属)",
    // Korean
    r"(?:구독|로그인|회원가입|유료).{0,15}(?:계속|전문|전체|기사).{0,10}(?:읽|보실|볼)|(?:구독자|회원|유료\s?회원)\s?(?:전용|만)",
    // Arabic, Persian, Hindi
    r"(?:للمشتركين|للأعضاء)\s?فقط|(?:اشترك|سجل الدخول).{0,20}(?:القراءة|لمتابعة|المقال)|(?:برای ادامه|مشترک شوید)|(?:पूरा|आगे)\s.{0,15}(?:पढ़ने|पढ़ें).{0,20}(?:सब्सक्राइब|लॉगिन|लॉग इन)",
];

static PROMPT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!("(?i)(?:{})", PROMPTS.join("|"))).ok());

/// Whether a line asks the reader to subscribe, to register or to log in for the rest of the article.
fn is_prompt(line: &str) -> bool {
    /// In bytes. A longer line is a paragraph.
    const LONGEST: usize = 250;
    /// What else readers log in for, in lower case.
    const OTHERS: [&str; 5] = ["comment", "kommentar", "coment", "newsletter", "коммент"];
    if LONGEST < line.len() || !PROMPT.as_ref().is_some_and(|prompt| prompt.is_match(line)) {
        return false;
    }
    let line = line.to_lowercase();
    !OTHERS.iter().any(|other| line.contains(other))
}

/// Removes the prompts from a page. Returns whether a reader sees one of them.
pub(super) fn take_prompts(page: &Document, removed: &mut Vec<Finding>) -> bool {
    const WHAT: &str = "prompt of a paywall";
    /// In characters. An element with more text may be the article itself: publishers name the paid part so.
    const LONGEST: usize = 900;
    let mut is_shown = false;
    for node in all(page, "[class], [id]") {
        let names = names(&node);
        if !NAMES.iter().any(|name| names.contains(name)) || !has_prompt_names(&names) {
            continue;
        }
        let text = line(&node);
        let length = text.chars().count();
        let asks = is_asking(&node, &text);
        if length == 0 || LONGEST < length || !asks || !below(&node, "h1, article, main").is_empty()
        {
            continue;
        }
        is_shown |= !is_hidden(&node);
        if node.parent().is_some() {
            take(&node, WHAT, removed);
        }
    }
    for node in all(page, "p, div, span, section, aside, h2, h3, h4, h5, strong, a, button, li") {
        if node.parent().is_none() || !is_leaf_block(&node) || !is_prompt(&line(&node)) {
            continue;
        }
        // The bar of the site has such a link on each page.
        let is_of_site = |above: &NodeRef<'_>| named(above, &["header", "nav", "footer"]);
        if !node.ancestors_it(None).any(|above| is_of_site(&above)) {
            is_shown |= !is_hidden(&node);
            take(&node, WHAT, removed);
        }
    }
    is_shown
}

/// Whether the names are meant as words: `piano` is an instrument in `grand-piano-lessons`.
fn has_prompt_names(names: &str) -> bool {
    !has_word(names, &["lesson", "lessons", "music", "tag", "category"])
}

/// Whether an element has a prompt, or a button or link and little else.
fn is_asking(node: &NodeRef<'_>, text: &str) -> bool {
    let prompt = PROMPT.as_ref().is_some_and(|prompt| prompt.is_match(text));
    prompt || !below(node, "a, button, form, input").is_empty() && text.chars().count() < 400
}

fn is_hidden(node: &NodeRef<'_>) -> bool {
    let is = |node: &NodeRef<'_>| {
        let style = node.attr("style").unwrap_or_default().to_lowercase().replace(' ', "");
        node.has_attr("hidden")
            || style.contains("display:none")
            || style.contains("visibility:hidden")
    };
    is(node) || node.ancestors_it(None).any(|above| is(&above))
}

/// Whether a text is so short, or ends in such a way, that it is likely to go on behind a prompt.
pub(super) fn breaks_off(text: &str) -> bool {
    /// Words of a text that is no whole article. Scripts without spaces have two characters in a word or so.
    const SHORT: usize = 220;
    let wide =
        text.chars().filter(|c| ('\u{e00}'..='\u{e7f}').contains(c) || '\u{3040}' <= *c).count();
    let words = text.split_whitespace().count() + wide / 2;
    let end = text.trim_end().trim_end_matches(['"', '”', '’', '»', ')', ']', '“', '*']);
    let is_cut = end.ends_with('…') || end.ends_with("...") || end.ends_with("[&hellip;");
    words < SHORT || is_cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_states_that_its_article_is_not_free() {
        let json = |text: &str| {
            format!(
                "<script type='application/ld+json'>{{\"@type\":\"NewsArticle\",{text}}}</script>"
            )
        };
        for (page, expected) in [
            (json(r#""isAccessibleForFree":false"#), true),
            (json(r#""isAccessibleForFree":"False""#), true),
            (json(r#""isAccessibleForFree":true"#), false),
            (json(r#""headline":"a""#), false),
            (
                json(
                    r#""hasPart":{"@type":"WebPageElement","isAccessibleForFree":false,"cssSelector":".paywall"}"#,
                ),
                true,
            ),
            (
                json(
                    r#""isAccessibleForFree":true,"hasPart":[{"isAccessibleForFree":true},{"isAccessibleForFree":"False","cssSelector":".a"}]"#,
                ),
                true,
            ),
            (json(r#""hasPart":{"@type":"WebPageElement","isAccessibleForFree":"True"}"#), false),
            ("<meta property='article:content_tier' content=locked>".to_owned(), true),
            ("<meta property='article:content_tier' content=metered>".to_owned(), true),
            ("<meta property='article:content_tier' content=free>".to_owned(), false),
            (
                "<article itemscope><meta itemprop=isAccessibleForFree content=false></article>"
                    .to_owned(),
                true,
            ),
        ] {
            let page = Document::from(page);
            assert_eq!(is_stated(&page, &StructuredData::of(&page)), expected, "{}", page.html());
        }
    }

    #[test]
    fn prompts_are_recognised_in_many_languages() {
        for line in [
            "Subscribe to continue reading",
            "Sign in to read the full story",
            "This article is for subscribers only.",
            "Already a subscriber? Log in",
            "To continue reading, create a free account.",
            "You have reached your limit of free articles",
            "Jetzt abonnieren und weiterlesen",
            "Dieser Artikel ist nur für Abonnenten.",
            "Weiterlesen mit dem Digital-Abo",
            "Sie sind bereits Abonnent? Hier anmelden",
            "Cet article est réservé aux abonnés.",
            "Il vous reste 75% de cet article à lire.",
            "Pour lire la suite, abonnez-vous",
            "Suscríbete para seguir leyendo",
            "Contenido exclusivo para suscriptores",
            "Questo articolo è riservato agli abbonati",
            "Abbonati per continuare a leggere",
            "Assine para continuar lendo",
            "Conteúdo exclusivo para assinantes",
            "Dit artikel is exclusief voor abonnees",
            "Word abonnee en lees verder",
            "Artykuł dostępny tylko dla prenumeratorów",
            "Оформите подписку, чтобы читать дальше",
            "Материал доступен только подписчикам",
            "Den här artikeln är bara för prenumeranter",
            "Denne artikkelen er kun for abonnenter",
            "Devamını okumak için abone olun",
            "この記事は会員限定です。続きを読むには会員登録が必要です",
            "订阅后可阅读全文",
            "登入後繼續閱讀",
            "구독자 전용 기사입니다",
            "هذا المقال للمشتركين فقط",
        ] {
            assert!(is_prompt(line), "{line}");
        }
        for line in [
            "The paper has 40,000 subscribers.",
            "Subscribe to our newsletter",
            "He continued reading until midnight.",
            "Die Zeitung hat 40.000 Abonnenten.",
            "The members voted for the plan.",
            "Les abonnés ont reçu leur journal.",
            "Log in",
            "Log in to read the comments",
            "If you are not as savvy, sign in to the site and read the guide, which has all of the steps.",
            "The rest of the day was quiet.",
            "会员大会在周二举行。",
        ] {
            assert!(!is_prompt(line), "{line}");
        }
    }

    #[test]
    fn prompts_are_removed_and_hidden_ones_do_not_count() {
        let text = "<article><p>The ferry returns to the harbour after nine years.</p>";
        for (html, is_shown, is_left) in [
            (
                "<div class=paywall><h3>Read on</h3><p>From 1 euro a week.</p><a href=/abo>Offers</a></div>",
                true,
                false,
            ),
            ("<div id=piano-inline><button>Subscribe</button></div>", true, false),
            ("<div><p>Subscribe to continue reading</p></div>", true, false),
            ("<div style='display: none' class=regwall><a href=/a>Log in</a></div>", false, false),
            ("<div hidden><p>Subscribe to continue reading</p></div>", false, false),
            ("<div class=paywall></div>", false, true),
            ("<div class=grand-piano-lessons><a href=/a>Music</a></div>", false, true),
            ("<p>Subscribe to our newsletter</p>", false, true),
            ("<nav><a href=/a>Log in to read the full archive</a></nav>", false, true),
        ] {
            let page = Document::from(format!("{text}{html}</article>"));
            let before = line(&page.root());
            assert_eq!(take_prompts(&page, &mut Vec::new()), is_shown, "{html}");
            assert_eq!(line(&page.root()) == before, is_left, "{html}");
        }
        // Publishers name the paid part so. It is text.
        let paid = format!(
            "{text}<div class=paywall>{}</div>",
            "<p>The ferry sails every morning.</p>".repeat(40)
        );
        let page = Document::from(paid);
        assert!(!take_prompts(&page, &mut Vec::new()));
        assert!(line(&page.root()).contains("every morning"));
    }

    #[test]
    fn a_text_breaks_off_when_it_is_short_or_ends_with_an_ellipsis() {
        let long = "The ferry sails every morning and every evening. ".repeat(40);
        assert!(!breaks_off(&long));
        assert!(breaks_off(&format!("{long} After nine years the …")));
        assert!(breaks_off(&format!("{long} After nine years the...”")));
        assert!(breaks_off("The ferry returns."));
        assert!(!breaks_off(&"渡船每天早上和晚上开航。".repeat(60)));
    }
}
