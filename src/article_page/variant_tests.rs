//! One article in markups that `tests/pages` does not have: text between breaks, tables, elements that only the layout
//! separates, lines in many languages. Each is read as a page and as the text of an entry.

use dom_query::Document;

use crate::article_page::extract::{Received, extract};
use crate::article_page::model::{ArticlePage, Mode, NotExtracted, SiteRules};
use crate::article_page::reservation::{Headers, TOKEN};
use crate::feed::normalise::article_lines::{Known, clean};
use crate::html::sanitise::Sanitiser;
use crate::html::to_text::html_to_text;

fn extracted(html: &str) -> Result<ArticlePage, NotExtracted> {
    let address = "https://news.example.org/ferry".parse().unwrap();
    let received = Received {
        body: html.as_bytes(),
        content_type: Some("text/html; charset=utf-8"),
        address: &address,
        headers: Headers::default(),
        token: TOKEN,
        now: "2024-09-01T00:00:00Z".parse().unwrap(),
    };
    extract(&received, Mode::Best, &SiteRules::default())
}

struct Article {
    language: &'static str,
    title: &'static str,
    standfirst: &'static str,
    paragraphs: [&'static str; 4],
    quote: &'static str,
    speaker: &'static str,
}

const ENGLISH: Article = Article {
    language: "en",
    title: "The ferry returns to the island",
    standfirst: "The first crossing in nine years was full of people.",
    paragraphs: [
        "After nine years the ferry to the island sails again, every morning and every evening, and the harbour is full of people who came to see it.",
        "The company has bought two used ships from Norway and repaired them in the yard of the town, which had been closed for six years.",
        "The island has eighty inhabitants. Most of them had to fly to the mainland, which is expensive, or row across the strait in the summer.",
        "The fare is four crowns, and children travel for nothing. The mayor said that the ferry would be full in the first week of the season.",
    ],
    quote: "The ship is older than I am, but it floats.",
    speaker: "Ada Berg, harbour master",
};

const GERMAN: Article = Article {
    language: "de",
    title: "Die Fähre kehrt zur Insel zurück",
    standfirst: "Die erste Überfahrt seit neun Jahren war voller Menschen.",
    paragraphs: [
        "Nach neun Jahren fährt die Fähre zur Insel wieder, jeden Morgen und jeden Abend, und der Hafen ist voller Menschen, die das sehen wollen.",
        "Die Gesellschaft hat zwei gebrauchte Schiffe in Norwegen gekauft und in der Werft der Stadt repariert, die sechs Jahre lang geschlossen war.",
        "Die Insel hat achtzig Einwohner. Die meisten mussten zum Festland fliegen, was teuer ist, oder im Sommer über die Meerenge rudern.",
        "Die Fahrt kostet vier Kronen, und Kinder fahren umsonst. Die Bürgermeisterin rechnet damit, dass die Fähre in der ersten Woche voll ist.",
    ],
    quote: "Das Schiff ist älter als ich, aber es schwimmt.",
    speaker: "Ada Berg, Hafenmeisterin",
};

const RUSSIAN: Article = Article {
    language: "ru",
    title: "Паром возвращается на остров",
    standfirst: "Первый рейс за девять лет был полон людей.",
    paragraphs: [
        "Спустя девять лет паром на остров снова ходит каждое утро и каждый вечер, и в порту полно людей, которые пришли на это посмотреть.",
        "Компания купила в Норвегии два подержанных судна и отремонтировала их на городской верфи, которая была закрыта шесть лет.",
        "На острове восемьдесят жителей. Большинству из них приходилось летать на материк, что дорого, или летом переправляться на вёслах.",
        "Проезд стоит четыре кроны, а дети ездят бесплатно. Мэр сказала, что в первую неделю сезона паром будет полон.",
    ],
    quote: "Судно старше меня, но оно на плаву.",
    speaker: "Ада Берг, начальник порта",
};

const JAPANESE: Article = Article {
    language: "ja",
    title: "島へのフェリーが九年ぶりに戻る",
    standfirst: "九年ぶりの最初の便は満員だった。島の人々は喜んだ。",
    paragraphs: [
        "九年ぶりに島へのフェリーが毎朝毎晩運航を再開し、港は見物に来た人々でいっぱいになった。会社は新しい時刻表を発表した。",
        "会社はノルウェーから中古船を二隻購入し、六年間閉鎖されていた町の造船所で修理した。工事には八か月かかったという。",
        "島には八十人が住んでいる。多くの人は高い航空券を買って本土へ行くか、夏に海峡を漕いで渡るしかなかった。",
        "運賃は四クローネで、子どもは無料だ。町長は、季節の最初の週は満員になるだろうと述べた。",
    ],
    quote: "船は私より年上だが、ちゃんと浮いている。",
    speaker: "アダ・ベルグ港長",
};

/// Texts of the page that are no part of the article.
#[rustfmt::skip]
const FOREIGN: [&str; 25] = [
    "982", "1.2K", "1.234", "Read also", "Read more", "Lesen Sie auch", "Читайте также", "関連記事", "Share this", "Artikel teilen",
    "Поделиться", "シェア", "cookies", "Advertisement", "min read", "Lesezeit", "Facebook", "6:18", "閲覧", "Updated", "old mill",
    "alte Mühle", "мельница", "水車", "Stand:",
];

/// A body in which `{T}` is the title, `{S}` the standfirst, `{1}` to `{4}` the paragraphs, `{Q}` the quotation and `{A}`
/// its speaker.
fn filled(body: &str, article: &Article) -> String {
    let mut body = body.replace("{T}", article.title).replace("{S}", article.standfirst);
    for (number, paragraph) in article.paragraphs.iter().enumerate() {
        body = body.replace(&format!("{{{}}}", number + 1), paragraph);
    }
    body.replace("{Q}", article.quote).replace("{A}", article.speaker)
}

/// What is wrong in the cleaned text.
fn faults(html: &str, article: &Article, body: &str) -> Vec<String> {
    let text = html_to_text(html);
    let mut faults = Vec::new();
    let places = article.paragraphs.map(|paragraph| text.find(paragraph));
    if places.contains(&None) || !places.is_sorted() {
        faults.push(format!("paragraphs at {places:?}"));
    }
    let foreign = FOREIGN.iter().filter(|foreign| text.contains(*foreign));
    faults.extend(foreign.map(|foreign| format!("{foreign:?} is left")));
    let alone = ["Image", "Bild", "Фото", "画像", article.title];
    let lines = text.lines().filter(|line| alone.contains(&line.trim()));
    faults.extend(lines.map(|line| format!("the line {line:?} is left")));
    if body.contains("{Q}") {
        let tree = Document::from(html);
        let quotes = tree.select("blockquote").text().to_string();
        if !quotes.contains(article.quote) || !quotes.contains(article.speaker) {
            faults.push(format!("the quotation is {quotes:?}"));
        }
    }
    faults
}

/// Bodies of pages, with whether an entry of a feed with the same body is as clean.
const BODIES: [(&str, &Article, bool, &str); 11] = [
    (
        "divs, a counter in thousands, a quotation before its speaker",
        &ENGLISH,
        true,
        "<div class=c><h1>{T}</h1><div>{S}</div><div>Published: August 20, 2024 06:18 AM\u{a0}|\u{a0}1.2K views</div><div>{T}</div><div>{1}</div><div>{2}</div><div>Image</div><div>“{Q}”</div><div>{A}</div><div>{3}</div><div><a href='/x'>Read also: The old mill burns down</a></div><div>{4}</div></div>",
    ),
    (
        "text between breaks, a link that lost its address",
        &ENGLISH,
        true,
        "<div><h1>{T}</h1>August 20 2024 , 06:18 AM\u{a0} •\u{a0} 982 views<br><br>{T}<br><br>{1}<br><br>Image<br><br>{2}<br><br>{3}<br><br>Read more: The old mill<br><br>{4}<br><br></div>",
    ),
    (
        "a table for the layout",
        &ENGLISH,
        false,
        "<table width=800><tr><td><a href='/'>Home</a></td></tr><tr><td><h1>{T}</h1><span>Tuesday, 20 August 2024 06:18</span> <span>982 reads</span></td></tr><tr><td><p>{1}</p><p>{2}</p><p>{3}</p><p>{4}</p><p>Advertisement</p></td></tr></table>",
    ),
    (
        "parts that only the layout separates",
        &ENGLISH,
        false,
        "<main><h1>{T}</h1><p>{S}</p><div><span>Aug 20, 2024, 6:18 AM</span><span>Updated 3 hours ago</span><span>1.2K views</span></div><p>{1}</p><p>{2}</p><p>Image</p><p>{3}</p><p>{4}</p></main>",
    ),
    (
        "byline, date and reading time; a quotation with a dash after it; a lazy image",
        &ENGLISH,
        false,
        "<article><h1>{T}</h1><p class=meta>By Ada Lovelace | August 20, 2024 | 5 min read</p><figure><img src='/p.gif' data-src='/a.jpg'><figcaption>The ferry in the harbour</figcaption></figure><p>{1}</p><p>{2}</p><blockquote><p>{Q}</p></blockquote><p>— {A}</p><p>{3}</p><p>{4}</p><p>Share this article</p></article><div class=cookie-banner><p>We use cookies to make this site better for you.</p><button>Accept</button></div>",
    ),
    (
        "a speaker before the quotation",
        &ENGLISH,
        true,
        "<div><h1>{T}</h1><p>{S}</p><p>August 20 2024 , 06:18 AM\u{a0} •\u{a0} 982 views</p><p>{1}</p><p>{2}</p><p>{A}</p><p>“{Q}”</p><p>{3}</p><p>{4}</p></div>",
    ),
    (
        "headings of other articles, comments, a request to follow",
        &ENGLISH,
        false,
        "<section><h2>News</h2><h1>{T}</h1><time datetime='2024-08-20T06:18:00+02:00'>20 Aug 2024</time><p>{1}</p><p>{2}</p><p>{3}</p><p>{4}</p><h3>Read also</h3><ul><li><a href='/x'>The old mill</a></li><li><a href='/y'>The new bridge</a></li></ul><p>Follow us on Facebook</p></section>",
    ),
    (
        "German: views with a point",
        &GERMAN,
        true,
        "<div><h1>{T}</h1><p>{S}</p><p>20. August 2024, 6:18 Uhr\u{a0}•\u{a0}1.234 Aufrufe</p><p>{T}</p><p>{1}</p><p>{2}</p><p>Bild</p><p>„{Q}“</p><p>{A}</p><p>{3}</p><p><a href='/x'>Lesen Sie auch: Die alte Mühle brennt</a></p><p>{4}</p><p>Artikel teilen</p></div>",
    ),
    (
        "German: date with a label, reading time",
        &GERMAN,
        true,
        "<article><header><h1>{T}</h1><p>Stand: 20.08.2024 06:18 Uhr</p><p>Lesezeit: 3 Min.</p></header><p>{1}</p><p>{2}</p><p>{3}</p><p>{4}</p></article>",
    ),
    (
        "Russian: pull quote by name",
        &RUSSIAN,
        false,
        "<div class=news><h1>{T}</h1><div class=lead>{S}</div><div>20 августа 2024, 06:18 • 982 просмотров</div><div>{T}</div><p>{1}</p><p>{2}</p><p>Фото</p><div class=pullquote><p>{Q}</p><p class=author>{A}</p></div><p>{3}</p><p><b>Читайте также:</b> <a href='/x'>Старая мельница сгорела</a></p><p>{4}</p><p>Поделиться</p></div>",
    ),
    (
        "Japanese: date and counter with a wide space between",
        &JAPANESE,
        true,
        "<article><h1>{T}</h1><p>2024年8月20日 06:18\u{3000}閲覧数:982</p><p>{T}</p><p>{1}</p><p>{2}</p><p>画像</p><p>{3}</p><p>関連記事：<a href='/x'>古い水車</a></p><p>{4}</p><p>シェア</p></article>",
    ),
];

#[test]
fn each_markup_of_the_page_comes_out_clean() {
    for (name, article, _, body) in BODIES {
        let filled = filled(body, article);
        // The page states no language.
        let page = format!(
            "<!doctype html><html><head><title>{} | Gazette</title><meta property='og:site_name' content='Gazette'></head><body>{filled}</body></html>",
            article.title
        );
        let found = extracted(&page).unwrap();
        let mut faults = faults(found.html.as_deref().unwrap(), article, body);
        if found.title.as_deref() != Some(article.title) {
            faults.push(format!("title {:?}", found.title));
        }
        let standfirst = body.contains("{S}").then_some(article.standfirst);
        if found.standfirst.as_deref() != standfirst {
            faults.push(format!("standfirst {:?}", found.standfirst));
        }
        let local = found.published.map(|date| date.local.to_string()).unwrap_or_default();
        let expected =
            if body.contains("6:18") { "2024-08-20 06:18:00" } else { "2024-08-20 00:00:00" };
        if local != expected {
            faults.push(format!("date {local:?}"));
        }
        if found.language.as_deref() != Some(article.language) {
            faults.push(format!("language {:?}", found.language));
        }
        assert!(faults.is_empty(), "{name}: {faults:?}\n{}", found.html.unwrap().as_str());
    }
}

#[test]
fn an_entry_with_such_lines_comes_out_as_clean() {
    let base = "https://news.example.org/ferry".parse().unwrap();
    for (name, article, _, body) in BODIES.into_iter().filter(|(_, _, is_entry, _)| *is_entry) {
        let html = Sanitiser::new(&base).clean(&filled(body, article)).unwrap();
        let known = Known { title: Some(article.title), ..Known::default() };
        let cleaned = clean(&html, known).unwrap();
        let found = faults(&cleaned.html, article, body);
        assert!(found.is_empty(), "{name}: {found:?}\n{}", cleaned.html);
        let standfirst = body.contains("{S}").then_some(article.standfirst);
        assert_eq!(cleaned.standfirst.as_deref(), standfirst, "{name}");
        let local = cleaned.date.map(|date| date.local.to_string());
        assert_eq!(local.as_deref(), Some("2024-08-20 06:18:00"), "{name}");
    }
}

#[test]
fn the_heading_above_the_date_is_the_title_whatever_the_title_element_says() {
    let body = filled(
        "<h1>{T}</h1><p>{S}</p><p>August 20 2024 , 06:18 AM • 982 views</p><p>{1}</p><p>{2}</p><p>{3}</p><p>{4}</p>",
        &ENGLISH,
    );
    let page = format!(
        "<title>Boats sail again after a long time | Gazette</title><article>{body}</article>"
    );
    let found = extracted(&page).unwrap();
    assert_eq!(found.title.as_deref(), Some(ENGLISH.title));
    assert_eq!(found.standfirst.as_deref(), Some(ENGLISH.standfirst));
    assert_eq!(html_to_text(&found.html.unwrap()), ENGLISH.paragraphs.join("\n\n"));
}

#[test]
fn a_text_that_breaks_off_at_a_prompt_is_behind_a_paywall() {
    let whole = "<p>{1}</p><p>{2}</p><p>{3}</p><p>{4}</p>".repeat(3);
    for (name, body, is_paywalled) in [
        ("a prompt", "<p>{1}</p><p>{2}</p><p>The fare is …</p><p>Subscribe to continue reading</p>".to_owned(), true),
        ("a named element", "<p>{1}</p><p>{2}</p><div class=paywall><h3>Read on</h3><a href='/abo'>Offers</a></div>".to_owned(), true),
        ("a long text with a prompt", format!("{whole}<p>Subscribe to continue reading</p>"), false),
        ("a long text that is cut", format!("{whole}<p>The fare is …</p><p>Sign in to read the full story</p>"), true),
        ("a short text", "<p>{1}</p><p>{2}</p>".to_owned(), false),
        ("a bar of the site", "<nav><a href='/a'>Subscribe to read on paper</a></nav><p>{1}</p><p>{2}</p>".to_owned(), false),
    ] {
        let body = filled(&format!("<article><h1>{{T}}</h1>{body}</article>"), &ENGLISH);
        let found = extracted(&format!("<title>{}</title>{body}", ENGLISH.title)).unwrap();
        assert_eq!(found.is_paywalled, is_paywalled, "{name}");
        let text = html_to_text(&found.html.unwrap());
        for prompt in ["Subscribe", "Sign in", "Offers", "Read on"] {
            assert!(!text.contains(prompt), "{name}: {text}");
        }
    }
}

#[test]
fn what_a_paywall_hides_is_not_taken_from_the_scripts_of_the_page() {
    let hidden = ENGLISH.paragraphs.join(" ").repeat(4);
    let page = |stated: &str| {
        format!(
            "<title>{title}</title><script type='application/ld+json'>{{\"@type\":\"NewsArticle\",{stated}\"articleBody\":\"{hidden}\"}}</script><article><h1>{title}</h1><p>{first}</p><p>{second}</p></article>",
            title = ENGLISH.title,
            first = ENGLISH.paragraphs[0],
            second = ENGLISH.paragraphs[1],
        )
    };
    let free = extracted(&page("")).unwrap();
    assert!(html_to_text(&free.html.unwrap()).contains(ENGLISH.paragraphs[3]));
    let paid = extracted(&page("\"isAccessibleForFree\":false,")).unwrap();
    assert!(paid.is_paywalled);
    assert!(!html_to_text(&paid.html.unwrap()).contains(ENGLISH.paragraphs[3]));
}

#[test]
fn a_reservation_is_named_and_the_text_is_extracted_nevertheless() {
    let body = filled("<article><h1>{T}</h1><p>{1}</p><p>{2}</p><p>{3}</p></article>", &ENGLISH);
    let found = extracted(&format!("<meta name=robots content='noarchive'>{body}")).unwrap();
    assert_eq!(found.reservation.unwrap().to_string(), "noarchive in a meta element");
    assert!(found.found.iter().any(|found| found.what == "reserved"));
    assert!(found.html.is_some());
    assert_eq!(extracted(&body).unwrap().reservation, None);
}
