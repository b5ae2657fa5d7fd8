//! Page furniture: lines that belong to a web page and not to the text of its article, such as dates, counters,
//! placeholders of images, buttons for sharing and links to other articles. Feeds whose entries were made from pages
//! have such lines too.

use std::sync::LazyLock;

use foldhash::HashSet;
use regex::Regex;

use crate::feed::dates::parse::{WrittenDate, date, written_date};
use crate::html::chars::{collapse, is_alphanumeric, is_numeric};
use crate::html::to_text::html_to_text;

/// Removes date lines and counters from the beginning of `line`, which is the text of `html` in one line.
pub fn without_furniture<'a>(line: &'a str, html: &str) -> &'a str {
    /// Lines that are examined.
    const LINES: usize = 3;
    /// Bytes that these lines need at most, including markup and an image before them.
    const ENOUGH: usize = 8 * 1024;
    // Each date, time and count has a digit, and few articles begin with one.
    if !line.chars().take(LONGEST_FURNITURE).any(is_numeric) {
        return line;
    }
    let end = html.floor_char_boundary(ENOUGH);
    let page = html_to_text(html.get(..end).unwrap_or_default());
    let mut rest = line;
    for line in page.lines().map(collapse).filter(|line| !line.is_empty()).take(LINES) {
        match rest.strip_prefix(&*line) {
            Some(after) if is_furniture(&line) => rest = after.trim_start(),
            Some(_) | None => break,
        }
    }
    rest
}

/// In characters. A longer line is a sentence.
const LONGEST_FURNITURE: usize = 100;

/// Whether each part of a line, between bullets and bars, is a date, a time, a count or a byline, and not all
/// are bylines: a name alone may be the subject of the article.
pub fn is_furniture(line: &str) -> bool {
    let parts = line.split(['•', '|', '·', '–', '—']).map(str::trim).filter(|p| !p.is_empty());
    is_short(line)
        // Each date, time and count has a digit, apart from `an hour ago`.
        && (has_digit(line) || is_time_ago(line))
        && parts.clone().any(is_counted_or_dated)
        && parts.clone().all(|part| is_counted_or_dated(part) || is_byline(part))
}

/// Whether a line may be furniture by its length. A character has at most four bytes, so that most paragraphs need not be
/// counted.
fn is_short(line: &str) -> bool {
    line.len() < 4 * LONGEST_FURNITURE && line.chars().count() < LONGEST_FURNITURE
}

/// Whether a text has a digit of any script.
fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) || !text.is_ascii() && text.contains(is_numeric)
}

/// Whether a part is a date, a count, or several of them with commas between: `20 August 2024, 1,234 views`.
fn is_counted_or_dated(part: &str) -> bool {
    is_count(part)
        || is_date(part)
        || is_time_ago(part)
        || is_date_with_count(part)
        || part
            .rsplit_once(", ")
            .is_some_and(|(rest, last)| is_count(last.trim()) && is_counted_or_dated(rest.trim()))
        || part
            .split_once(", ")
            .is_some_and(|(first, rest)| is_count(first.trim()) && is_counted_or_dated(rest.trim()))
}

/// Whether a part is a date with a count beside it and nothing between: `2024年8月20日 06:18 閲覧数:982`.
fn is_date_with_count(part: &str) -> bool {
    /// Digits of a day and a count.
    const DIGITS: usize = 6;
    if part.chars().filter(|c| c.is_numeric()).take(DIGITS).count() < DIGITS {
        return false;
    }
    let Some(found) = DATE.as_ref().and_then(|date| date.find(part)) else { return false };
    let (before, rest) = part.split_at_checked(found.start()).unwrap_or((part, ""));
    let after = rest.strip_prefix(found.as_str()).unwrap_or_default().trim();
    let is_filled =
        || before.split_whitespace().all(|word| is_filler(word.trim_end_matches([':', '.'])));
    if after.is_empty() { is_count(before) } else { is_count(after) && is_filled() }
}

/// Whether a part says how long ago something was: `3 hours ago`, `Updated: vor 5 Minuten`.
fn is_time_ago(part: &str) -> bool {
    /// In bytes.
    const LONGEST: usize = 80;
    static AGO: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let before = r"(?:(?:last\s+)?(?:updated|published|posted|edited|modified)|aktualisiert|veröffentlicht|mis à jour|publié|actualizado|publicado|aggiornato|pubblicato|atualizado|обновлено|опубликовано)";
        let ago = [
            r"(?:\d{1,3}|an?|one)\s*(?:seconds?|secs?|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w|months?|years?)\s+ago",
            r"vor\s+(?:\d+|einer|einem)\s+(?:sekunden?|minuten?|stunden?|tag(?:en)?|wochen?|monat(?:en)?|jahr(?:en)?)",
            r"il\s+y\s+a\s+(?:\d+|une?)\s+(?:secondes?|minutes?|min|heures?|h|jours?|semaines?|mois|ans?)",
            r"(?:hace|há)\s+(?:\d+|uma?|una?)\s+(?:segundos?|minutos?|min|horas?|h|d[ií]as?|semanas?|meses|mes|mês|años?|anos?)",
            r"(?:\d+|un|una)\s+(?:minut[oi]|or[ae]|giorn[oi]|settiman[ae]|mes[ei]|ann[oi])\s+fa",
            r"\d+\s+(?:секунд\w*|минут\w*|час\w*|дн\w+|день|недел\w+|месяц\w*|лет|год\w*)\s+назад",
            r"\d+\s+(?:minuten|minuut|uur|uren|dag|dagen|week|weken|maand|maanden|jaar)\s+geleden",
            r"(?:för|for)\s+\d+\s+(?:minut\w*|timm?[ae]r|dagar|dager?|veckor|uker|uger)\s+(?:sedan|siden)",
            r"\d+\s+(?:minut\w*|godzin\w*|dni|tygodni\w*)\s+temu",
            r"\d+\s+(?:dakika|saat|gün|hafta|ay|yıl)\s+önce",
            r"\d+\s*(?:秒|分|分钟|分鐘|小时|小時|天|日|周|週|个月|個月|年|時間|日間|週間|か月)(?:之)?前",
            r"\d+\s*(?:분|시간|일|주|개월|년)\s*전",
            r"منذ\s+\d+\s+\w+",
        ];
        Regex::new(&format!(r"(?i)^(?:{before}\s*:?\s*)?(?:{})$", ago.join("|"))).ok()
    });
    part.len() <= LONGEST
        && has_word_of_time_ago(part)
        && AGO.as_ref().is_some_and(|ago| ago.is_match(part))
}

/// Whether a part has a word such as `ago`, which each time of this kind has in its language. This is found far faster than a
/// match of the pattern.
fn has_word_of_time_ago(part: &str) -> bool {
    const WORDS: [&str; 13] = [
        "ago",
        "vor",
        "il",
        "hace",
        "há",
        "fa",
        "назад",
        "geleden",
        "sedan",
        "siden",
        "temu",
        "önce",
        "منذ",
    ];
    let is_one = |word: &str| {
        let is_same = |known: &&str| known.eq_ignore_ascii_case(word);
        WORDS.iter().any(is_same) || !word.is_ascii() && WORDS.contains(&&*word.to_lowercase())
    };
    part.ends_with(['前', '전']) || part.split_whitespace().any(is_one)
}

/// What is counted, in lower case.
#[rustfmt::skip]
const COUNTED: [&str; 107] = [
    "view", "views", "read", "reads", "hit", "hits", "comment", "comments", "share", "shares", "like", "likes",
    "min", "mins", "minute", "minutes", "reading", "aufrufe", "ansichten", "kommentare", "kommentar", "minuten",
    "leseminuten", "lesezeit", "geteilt", "mal", "vues", "vue", "lectures", "commentaires", "commentaire",
    "partages", "lecture", "vistas", "visitas", "lecturas", "comentarios", "comentario", "visualizaciones",
    "visualizzazioni", "letture", "commenti", "commento", "condivisioni", "lettura", "visualizações",
    "visualizacoes", "leituras", "comentários", "leitura", "weergaven", "reacties", "keer", "gelezen",
    "visningar", "visninger", "kommentarer", "katselukertaa", "kommenttia", "wyświetleń", "wyświetlenia", "odsłon", "komentarzy",
    "komentarze", "zobrazení", "komentářů", "megtekintés", "vizualizări", "просмотров", "просмотра", "просмотр", "просмотры",
    "комментариев", "комментария", "комментарий", "переглядів", "перегляди", "коментарів", "мин", "минут", "минуты", "хв",
    "προβολές", "σχόλια", "görüntülenme", "görüntüleme", "okunma", "yorum", "dibaca", "dilihat", "tayangan", "kali", "komentar",
    "lượt", "xem", "مشاهدة", "مشاهدات", "قراءة", "تعليق", "تعليقات", "بازدید", "צפיות", "תגובות",
    "बार", "टिप्पणियाँ", "व्यूज", "ครั้ง",
];

/// What is counted in scripts without spaces, as the text around the number.
#[rustfmt::skip]
const COUNTED_UNSPACED: [&str; 24] = [
    "次阅读", "次浏览", "次閱讀", "次瀏覽", "阅读", "浏览", "浏览量", "阅读量", "閱讀", "瀏覽", "人氣", "点击", "评论", "评论数", "阅读数",
    "回視聴", "閲覧", "閲覧数", "回閲覧", "件のコメント", "コメント", "조회수", "조회", "댓글",
];

/// Words beside what is counted.
#[rustfmt::skip]
const BESIDE_COUNTED: [&str; 26] = [
    "read", "reading", "time", "of", "lesezeit", "de", "lecture", "lectura", "lettura", "di", "leitura", "total", "so", "far",
    "leestijd", "lästid", "czytania", "чтения", "lượt", "xem", "kali", "dilihat", "keer", "gelezen", "mal", "k",
];

/// Whether a part of a short line, between bullets and bars, is a count such as `982 views`.
pub fn has_count(line: &str) -> bool {
    let mut parts = line.split(['•', '|', '·', '–', '—', ',']).map(str::trim);
    is_short(line) && has_digit(line) && (parts.any(is_count) || is_count(line))
}

/// The tables as sets, for the many words that are in none of them.
static COUNTED_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| HashSet::from_iter(COUNTED));
static BESIDE_COUNTED_SET: LazyLock<HashSet<&str>> =
    LazyLock::new(|| HashSet::from_iter(BESIDE_COUNTED));
static FILLER_SET: LazyLock<HashSet<&str>> = LazyLock::new(|| HashSet::from_iter(FILLERS));
static PLACEHOLDER_SET: LazyLock<HashSet<&str>> =
    LazyLock::new(|| PLACEHOLDERS.into_iter().chain(PLACEHOLDERS_UNCASED).collect());

fn is_count(part: &str) -> bool {
    /// No count has more.
    const MOST_WORDS: usize = 8;
    if !has_digit(part) || MOST_WORDS < part.split_ascii_whitespace().take(MOST_WORDS + 1).count() {
        return false;
    }
    let part = part.to_lowercase();
    let part = part.trim_matches(|c: char| !c.is_alphanumeric());
    let is_digit = |c: char| c.is_numeric();
    // `1 204 views`: the spaces in a number go.
    let (mut numbers, mut words, mut in_number) = (0, Vec::new(), false);
    for word in
        part.split(|c: char| c.is_whitespace() || ":()[]".contains(c)).filter(|w| !w.is_empty())
    {
        if word.starts_with(is_digit) {
            let letters = word.trim_matches(|c: char| is_digit(c) || ".,'’+".contains(c));
            let groups = word.chars().count() == 3 && in_number;
            numbers += usize::from(!groups);
            in_number = letters.is_empty();
            if !["", "k", "m"].contains(&letters) {
                words.push(letters.to_owned());
            }
        } else {
            in_number = false;
            words.push(word.trim_end_matches('.').to_owned());
        }
    }
    let unspaced: String = part.chars().filter(|c| c.is_alphabetic()).collect();
    let is_counted = |word: &String| COUNTED_SET.contains(&**word);
    let is_known = |word: &String| is_counted(word) || BESIDE_COUNTED_SET.contains(&**word);
    numbers == 1
        && (words.iter().any(is_counted) && words.iter().all(is_known)
            || COUNTED_UNSPACED.contains(&&*unspaced))
}

/// Whether a part is a date, a time, or both, and nothing else. A sentence that holds a date is none, nor is a
/// place with a date, nor a year alone.
fn is_date(part: &str) -> bool {
    /// Names of months in a date.
    const MOST_NAMES: usize = 3;
    let words = || {
        let words = part.split(|c: char| c.is_whitespace() || ",()[]".contains(c));
        words.filter(|word| !word.is_empty())
    };
    let groups = part.split(|c: char| !c.is_numeric()).filter(|group| !group.is_empty()).count();
    if groups == 0 {
        return false;
    }
    // To find the name of a month takes far longer than the rest, so that it is done last.
    let mut names = Vec::new();
    for word in words() {
        let word = word.trim_end_matches(['.', ':']);
        if word.starts_with(char::is_numeric) && is_number_of_date(word) || is_filler(word) {
            continue;
        }
        if names.len() == MOST_NAMES {
            return false;
        }
        names.push(word);
    }
    let is_month_of_date = |word: &str| is_month(word.trim_end_matches(['.', ':']));
    names.iter().all(|name| is_month(name))
        && if groups == 1 {
            words().any(is_month_of_date)
        } else {
            date(part).is_some() || is_time(part)
        }
}

/// Whether a word that begins with a digit belongs to a date: `20`, `20th`, `2024-08-20T06:18Z`, `8pm`, `2024年`.
fn is_number_of_date(word: &str) -> bool {
    const LETTERS: [&str; 22] = [
        "",
        "st",
        "nd",
        "rd",
        "th",
        "am",
        "pm",
        "a.m",
        "p.m",
        "h",
        "uhr",
        "t",
        "z",
        "tz",
        "er",
        "º",
        "ª",
        "年",
        "月",
        "日",
        "年月日",
        "년",
    ];
    let is_mark = |c: char| c.is_numeric() || "-/.:+".contains(c);
    let letters: String = word.chars().filter(|c| !is_mark(*c)).collect();
    let dotted = word.trim_start_matches(is_mark).to_lowercase();
    LETTERS.contains(&&*letters.to_lowercase()) || ["a.m", "p.m"].contains(&&*dotted)
}

/// Whether a word is the name of a month in any language that dates are read in.
fn is_month(word: &str) -> bool {
    word.chars().all(char::is_alphabetic) && date(&format!("12 {word} 2001")).is_some()
}

/// Whether a text is a time of day, and not only a number with a point.
fn is_time(text: &str) -> bool {
    text.contains(|c: char| c == ':' || c.is_alphabetic())
        && date(&format!("2001-02-03 {text}")).is_some()
}

/// Days of the week, zones, and words that stand before or between the parts of a date.
#[rustfmt::skip]
const FILLERS: [&str; 164] = [
    "-", "/", "a", "am", "a.m", "at", "às", "by", "cest", "cet",
    "date", "de", "del", "den", "di", "die", "dim", "do", "dom", "domingo",
    "donnerstag", "du", "edt", "el", "est", "fr", "freitag", "fri", "friday", "gmt",
    "h", "ist", "jeu", "jeudi", "jueves", "kl", "last", "le", "lun", "lundi",
    "lunes", "mar", "mardi", "martes", "mer", "mercredi", "mi", "mittwoch", "mo", "mon",
    "monday", "montag", "of", "on", "pdt", "pm", "p.m", "posted", "pst", "published",
    "sa", "sam", "samedi", "samstag", "sat", "saturday", "so", "sonntag", "sun", "sunday",
    "the", "thu", "thursday", "tue", "tuesday", "um", "updated", "utc", "bst", "dienstag",
    "dimanche", "jst", "miércoles", "msk", "publicado", "publié", "uhr", "sábado", "sunday", "thurs",
    "tues", "u", "veröffentlicht", "vendredi", "ven", "viernes", "vom", "wed", "wednesday", "weds",
    "à", "z",
    "stand", "datum", "aktualisiert", "erschienen", "erstellt", "publiée", "mis", "ligne", "en", "jour", "modifié",
    "publicada", "fecha", "actualizado", "pubblicato", "aggiornato", "il", "data", "alle", "ore", "atualizado",
    "gepubliceerd", "geplaatst", "bijgewerkt", "op", "om", "publicerad", "publisert", "uppdaterad", "oppdatert",
    "udgivet", "opdateret", "opublikowano", "dodano", "dnia", "aktualizacja", "опубликовано", "обновлено", "дата", "в",
    "опубліковано", "оновлено", "δημοσίευση", "yayınlanma", "güncelleme", "tarihi", "diterbitkan", "first",
    "originally", "created", "modified", "发布", "发布时间", "發布", "发表于", "公開", "公開日", "更新", "投稿日", "입력", "등록", "수정",
];

fn is_filler(word: &str) -> bool {
    FILLER_SET.contains(&*word.to_lowercase())
}

/// Whether a part names who wrote the article: `By Ada Lovelace`.
pub fn is_byline(part: &str) -> bool {
    /// A name has no more words.
    const MOST: usize = 5;
    let Some((by, name)) = part.split_once(' ') else { return false };
    let is_name = |word: &str| {
        word.starts_with(char::is_uppercase)
            || ["and", "und", "et", "y", "de", "van", "von", "&"].contains(&word)
    };
    ["by", "von", "par", "por", "door", "di"].contains(&&*by.to_lowercase())
        && !part.ends_with(['.', '!', '?'])
        && name.split_whitespace().count() <= MOST
        && name.split_whitespace().all(is_name)
}

/// Lines that stand for something that the text does not have, in lower case.
#[rustfmt::skip]
const PLACEHOLDERS: [&str; 110] = [
    "image", "images", "photo", "photos", "picture", "video", "image:", "[image]", "(image)", "advertisement", "advertisment",
    "advertisement - continue reading below", "advertisements", "ad", "sponsored", "story continues below advertisement",
    "article continues below advertisement", "scroll to continue", "share", "share this", "share this article",
    "share this story", "share on facebook", "share on twitter", "share on x", "tweet", "facebook", "twitter", "whatsapp", "email",
    "print", "copy link", "link copied", "save", "subscribe", "bild", "foto", "anzeige", "werbung", "teilen",
    "artikel teilen", "drucken", "publicité", "partager", "imprimer", "imagen", "publicidad", "compartir", "immagine", "pubblicità",
    "condividi", "imagem", "publicidade", "compartilhar", "afbeelding", "advertentie", "delen", "annons", "dela", "reklama",
    "zdjęcie", "udostępnij", "изображение", "реклама", "поделиться", "фото",
    "paylaş", "sdílet", "zdieľať", "megosztás", "distribuie", "поділитися", "κοινοποίηση", "bagikan", "chia sẻ", "del", "jaa", "deel",
    "condividere", "compartilhe", "teilen auf", "tweeten", "görsel", "fotoğraf", "resim", "billede", "bilde", "kuva", "obrázek", "obrázok",
    "kép", "imagine", "зображення", "фотография", "εικόνα", "φωτογραφία", "gambar", "ảnh", "hình ảnh", "reklam", "hirdetés", "publicitate",
    "διαφήμιση", "iklan", "quảng cáo", "annonce", "annonse", "mainos", "publicidad - sigue leyendo debajo", "advertisement advertisement",
];

/// Such lines in scripts that have no capital letters.
#[rustfmt::skip]
const PLACEHOLDERS_UNCASED: [&str; 25] = [
    "صورة", "إعلان", "شارك", "مشاركة", "תמונה", "פרסומת", "שתפו", "图片", "圖片", "广告", "廣告", "分享", "画像", "広告", "シェア",
    "사진", "이미지", "광고", "공유", "विज्ञापन", "शेयर करें", "공유하기", "シェアする", "تبلیغات", "اشتراک‌گذاری",
];

/// Names of buttons, which stand beside each other in a line.
#[rustfmt::skip]
const BUTTONS: [&str; 18] = [
    "facebook", "twitter", "x", "whatsapp", "linkedin", "email", "telegram", "pinterest", "reddit", "share", "print", "copy",
    "link", "tweet", "messenger", "bluesky", "threads", "mail",
];

/// How requests to follow the publisher begin, in lower case.
#[rustfmt::skip]
const REQUESTS_TO_FOLLOW: [&str; 21] = [
    "follow us", "join us on", "like us on", "find us on", "folgen sie uns", "folge uns", "suivez-nous", "suivez nous",
    "síguenos", "siga-nos", "seguici", "volg ons", "följ oss", "følg oss", "følg os", "obserwuj nas", "подписывайтесь на",
    "читайте нас", "bizi takip", "关注我们", "關注我們",
];

/// The texts that [`is_placeholder`] and [`other_article`] know: each line of which they say something begins with one.
pub(super) fn known_texts() -> impl Iterator<Item = &'static str> {
    let placeholders = PLACEHOLDERS.into_iter().chain(PLACEHOLDERS_UNCASED).chain(BUTTONS);
    let others = OTHER_ARTICLES.into_iter().chain(OTHER_ARTICLES_UNSPACED);
    placeholders.chain(REQUESTS_TO_FOLLOW).chain(others)
}

/// Whether a line is only the name of an image, an advertisement or a button.
pub fn is_placeholder(line: &str) -> bool {
    /// In bytes.
    const LONGEST: usize = 120;
    if LONGEST < line.len() {
        return false;
    }
    let line =
        line.trim_matches(|c: char| c.is_whitespace() || "[](){}:-–—•|".contains(c)).to_lowercase();
    PLACEHOLDER_SET.contains(&*line)
        // `Facebook Twitter WhatsApp`
        || {
            let mut words = line.split_whitespace();
            2 <= words.clone().count() && words.all(|word| BUTTONS.contains(&word))
        }
        || is_request_to_follow(&line)
}

/// Whether a line in lower case asks to follow the publisher on a network: `follow us on facebook`.
fn is_request_to_follow(line: &str) -> bool {
    const NETWORKS: [&str; 19] = [
        "facebook",
        "twitter",
        "instagram",
        "telegram",
        "whatsapp",
        "youtube",
        "google news",
        "linkedin",
        "tiktok",
        "bluesky",
        "mastodon",
        "threads",
        "viber",
        "телеграм",
        "вконтакте",
        "微信",
        "微博",
        "on x",
        "auf x",
    ];
    REQUESTS_TO_FOLLOW.iter().any(|beginning| line.starts_with(beginning))
        && NETWORKS.iter().any(|network| line.contains(network))
}

/// How lines begin that lead to other articles, in lower case.
#[rustfmt::skip]
const OTHER_ARTICLES: [&str; 71] = [
    "read also", "also read", "read more", "see also", "read next", "more on this", "related", "related article",
    "related articles", "related stories", "related story", "related news", "recommended", "recommended reading",
    "you may also like", "you might also like", "more from", "must read", "don't miss", "watch also", "read:",
    "lesen sie auch", "lies auch", "auch interessant", "mehr zum thema", "lesen sie mehr", "das könnte sie auch interessieren",
    "lire aussi", "à lire aussi", "a lire aussi", "à lire également", "lisez aussi", "lea también", "lee también", "te puede interesar",
    "le puede interesar", "también te puede interesar", "leggi anche", "leia também", "leia mais", "veja também", "lees ook", "lees meer",
    "läs också", "läs mer", "les også", "læs også", "lue myös", "czytaj także", "czytaj też", "zobacz też",
    "zobacz także", "čtěte také", "citește și", "olvassa el", "читайте также", "читать также", "смотрите также", "читайте також", "διαβάστε επίσης",
    "ayrıca okuyun", "baca juga", "đọc thêm", "xem thêm", "اقرأ أيضا", "اقرأ أيضاً", "قد يعجبك", "همچنین بخوانید", "קראו גם",
    "यह भी पढ़ें", "इसे भी पढ़ें",
];

/// The same in scripts without spaces between words.
const OTHER_ARTICLES_UNSPACED: [&str; 13] = [
    "相关阅读",
    "延伸阅读",
    "延伸閱讀",
    "推荐阅读",
    "相關新聞",
    "相关新闻",
    "更多阅读",
    "関連記事",
    "あわせて読みたい",
    "合わせて読みたい",
    "こちらも読まれています",
    "관련기사",
    "อ่านเพิ่มเติม",
];

/// What follows the words with which a line leads to other articles. `None` for other lines.
pub fn other_article(line: &str) -> Option<&str> {
    /// In bytes. A longer line is a paragraph.
    const LONGEST: usize = 600;
    /// In bytes. No entry of the table is longer.
    const BEGINNING: usize = 80;
    if LONGEST < line.len() {
        return None;
    }
    let start = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    let beginning = start.floor_char_boundary(BEGINNING.min(start.len()));
    let lower = start.get(..beginning)?.to_lowercase();
    // Of the same length in all scripts that the tables have, except for a few letters of Turkish.
    let rest = |begin: &&str| {
        lower.strip_prefix(*begin)?;
        start.get(begin.len()..)
    };
    let ends = |rest: &&str| !rest.starts_with(char::is_alphanumeric);
    let spaced = OTHER_ARTICLES.iter().filter_map(rest).filter(ends).min_by_key(|rest| rest.len());
    let unspaced = || OTHER_ARTICLES_UNSPACED.iter().find_map(|begin| start.strip_prefix(*begin));
    spaced.or_else(unspaced).map(|rest| rest.trim_start_matches(|c: char| !c.is_alphanumeric()))
}

/// A text as it is compared with another: its letters and digits in lower case.
pub fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    normal.extend(normal_chars(text));
    normal
}

/// The characters of [`normal`].
pub(super) fn normal_chars(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| is_alphanumeric(*c)).flat_map(char::to_lowercase)
}

/// A line with a bar for each date in it.
pub fn without_dates(line: &str) -> String {
    let line = collapse(line);
    DATE.as_ref().map_or_else(|| line.clone(), |date| date.replace_all(&line, " | ").into_owned())
}

/// A date in a line, with the time after it.
///
/// The classes of the pattern become smaller ones than those of Unicode, with which it would take ten times as long to build.
static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // The letters of ASCII, and the other characters apart from punctuation and symbols.
    let letters = r"A-Za-z\u{aa}\u{b5}\u{ba}\u{c0}-\u{1fff}\u{2c00}-\u{2dff}\u{3040}-\u{d7ff}\u{f900}-\u{fdff}";
    let days = [
        // 2024-08-20, 2024/8/20, 2024.08.20
        r"\b(?:19|20)\d\d\s?[-/.]\s?\d{1,2}\s?[-/.]\s?\d{1,2}",
        // 2024年8月20日, 2024년 8월 20일
        r"(?:19|20)\d\d\s?[年년]\s?\d{1,2}\s?[月월]\s?\d{1,2}\s?[日일]",
        // 20.08.2024, 20/8/24, 20. 8. 2024
        r"\b\d{1,2}(?:\.\s?|/|-)\d{1,2}(?:\.\s?|/|-)(?:(?:19|20)\d\d|\d\d)\b",
        // 20 August 2024, 20th of August, 2024, 20. srpna 2024, 20 de agosto de 2024
        r"\b\d{1,2}(?:st|nd|rd|th|er|º|ª|\.)?[\s\-/]+(?:of\s+|de\s+|di\s+|tháng\s+)?[\p{L}\p{M}'’]{1,15}\.?[,\s\-/]+(?:de\s+|del\s+|of\s+|năm\s+)?(?:(?:19|20)\d\d|25[6-7]\d)\b",
        // August 20, 2024
        r"[\p{L}\p{M}]{3,15}\.?\s+\d{1,2}(?:st|nd|rd|th)?(?:\s*,\s*|\s+)(?:19|20)\d\d\b",
    ];
    let time = r"(?:T|[\s,•·|\-–—(]{0,8}(?:at\s|à\s|às\s|um\s|kl\.?\s|alle\s|ore\s|a\slas\s|om\s|в\s|o\s|klo\s)?\s?)(?:[01]?\d|2[0-4])(?:[:.h]|\s?h\s?|时|時)[0-5]\d(?:[:.][0-5]\d(?:\.\d+)?)?(?:\s?[AaPp]\.?[Mm]\b\.?)?";
    let zone = r"(?:\s?Uhr|\s?\(?(?:Z\b|(?:GMT|UTC)?[+-]\d\d:?\d\d|[A-Z]{2,4}\b)\)?)?";
    let pattern = format!("(?:{})(?:{time}{zone})?", days.join("|"));
    let smaller = [(r"\p{L}\p{M}", letters), (r"\d", "[0-9]"), (r"\b", r"(?-u:\b)")];
    let pattern =
        smaller.iter().fold(pattern, |text, (class, smaller)| text.replace(class, smaller));
    Regex::new(&pattern).ok()
});

/// The first date in a line, and its time if one follows. `is_american` says in which order `5/8/2024` is read.
pub fn date_in(line: &str, is_american: bool) -> Option<WrittenDate> {
    /// A longer line is not searched.
    const LONGEST: usize = 400;
    if LONGEST < line.len() || !has_digit(line) {
        return None;
    }
    let line = collapse(line);
    let day_first = |text: &str| -> Option<WrittenDate> {
        static SLASHED: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"^([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{2,4})(?-u:\b)").ok()
        });
        let dotted = SLASHED.as_ref()?.replace(text, "$1.$2.$3");
        written_date(&dotted)
    };
    DATE.as_ref()?.find_iter(&line).find_map(|found| {
        let text = found.as_str();
        let whole = if is_american { None } else { day_first(text) };
        whole.or_else(|| written_date(text))
    })
}

#[cfg(test)]
mod tests {
    use super::{date_in, is_furniture, is_placeholder, other_article, without_furniture};
    use crate::html::to_text::{Markup, plain};

    #[test]
    fn furniture_at_the_top_is_no_summary() {
        for (html, expected) in [
            (
                "<p>August 20 2024 , 06:18 AM • 982 views</p><p>The ferry returns.</p>",
                "The ferry returns.",
            ),
            ("<div>20 Aug 2024</div><div>5 min read</div><p>a</p>", "a"),
            ("1,204 views | 3 comments<br>a", "a"),
            ("<p>In 2024 the ferry returned.</p>", "In 2024 the ferry returned."),
            ("<p>982 views of the harbour</p><p>a</p>", "982 views of the harbour a"),
            ("<p>2024-08-20</p>", ""),
            ("<p>Published on Tuesday, 20th August 2024 at 8:15 pm GMT</p>a", "a"),
            ("<p>20. August 2024, 18.15 Uhr</p>a", "a"),
            ("<p>Le 20 août 2024 à 18h15</p>a", "a"),
            ("<p>By Ada Lovelace | 20 May 2024 | 3 min read</p>a", "a"),
            ("<p>06:18 AM</p>a", "a"),
            ("<p>2024年8月20日</p>a", "a"),
            ("<p>By Ada Lovelace</p>1 a", "By Ada Lovelace 1 a"),
            (
                "<p>The mill burned down on 3 May 1987.</p>a",
                "The mill burned down on 3 May 1987. a",
            ),
            ("<p>20 August 2024, 1,234 views</p>a", "a"),
            ("<p>1,234 views, 5 comments, Tuesday, 20 August 2024, 6:18 pm</p>a", "a"),
            ("<p>20 August 2024, 1,234 voters</p>a", "20 August 2024, 1,234 voters a"),
            ("<p>20 May 2024, Berlin</p>a", "20 May 2024, Berlin a"),
            ("<p>May 5 2024: the council met.</p>a", "May 5 2024: the council met. a"),
            (
                "<p>Concert: 14 Sep 2025, 8 pm, Town Hall</p>a",
                "Concert: 14 Sep 2025, 8 pm, Town Hall a",
            ),
            ("<p>20 May 2024 | Berlin</p>a", "20 May 2024 | Berlin a"),
            ("<p>1984</p>a", "1984 a"),
            ("<p>10 – 4</p>a", "10 – 4 a"),
            ("<p>3.14</p>a", "3.14 a"),
            ("<p>May</p>1", "May 1"),
            ("<p>2024-08-20 release notes</p>a", "2024-08-20 release notes a"),
            ("<p>Version 2.0 of 3 May 2024</p>a", "Version 2.0 of 3 May 2024 a"),
        ] {
            let line = plain(html, Markup::Html).unwrap();
            assert_eq!(without_furniture(&line, html), expected, "{html}");
        }
    }

    #[test]
    fn counters_are_recognised_in_many_languages() {
        for line in [
            "August 20 2024 , 06:18 AM\u{a0} •\u{a0} 982 views",
            "982 views",
            "1 204 Aufrufe",
            "12,5k vues",
            "982 просмотра",
            "982 次阅读",
            "阅读 982",
            "閲覧数:982",
            "조회수 982",
            "Views: 982",
            "5 Min. Lesezeit",
            "20.08.2024 | 982 visualizzazioni",
            "982 lượt xem",
            "982 görüntülenme",
            "982 مشاهدة",
            "👁 982 views",
            "3 min read",
            "Lectura: 4 min",
            "2024年8月20日 06:18 閲覧数:982",
            "20 августа 2024, 06:18 982 просмотров",
            "August 20, 2024 1.2K views",
            "Aug 20, 2024, 6:18 AM • Updated 3 hours ago • 1.2K views",
            "vor 3 Stunden | 1.234 Aufrufe",
            "Updated an hour ago",
            "vor einer Stunde",
            "il y a 2 heures",
            "3 часа назад",
            "3 小时前",
            "Stand: 20.08.2024 06:18 Uhr",
            "Опубликовано: 20 августа 2024 в 06:18",
            "发布时间: 2024-08-20 06:18",
        ] {
            assert!(is_furniture(line), "{line}");
        }
        for line in [
            "982 voters",
            "5 minutes to midnight",
            "982",
            "Views of the harbour",
            "Two reads of 982 pages",
            "August 20, 2024 982 voters",
            "They met 3 hours ago",
            "Long ago",
        ] {
            assert!(!is_furniture(line), "{line}");
        }
    }

    #[test]
    fn dates_are_found_in_lines() {
        for (line, expected) in [
            ("August 20 2024 , 06:18 AM\u{a0} •\u{a0} 982 views", "2024-08-20 06:18:00"),
            ("Published: Tuesday, 20 August 2024 at 18:15 by Ada", "2024-08-20 18:15:00"),
            ("Stand: 20.08.2024, 18:15 Uhr", "2024-08-20 18:15:00"),
            ("Publié le 20 août 2024 à 18h15", "2024-08-20 18:15:00"),
            ("20 de agosto de 2024", "2024-08-20 00:00:00"),
            ("05/08/2024 10:30", "2024-08-05 10:30:00"),
            ("2024年8月20日 18:15", "2024-08-20 18:15:00"),
            ("20 августа 2024, 18:15", "2024-08-20 18:15:00"),
            ("2024-08-20T18:15:00+02:00", "2024-08-20 18:15:00"),
        ] {
            let found = date_in(line, false).map(|date| date.local.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{line}");
        }
        assert_eq!(date_in("05/08/2024", true).unwrap().local.to_string(), "2024-05-08 00:00:00");
        for line in ["12 things in 2024", "Call 030 2024 1205", "Room 20 2024"] {
            assert_eq!(date_in(line, false), None, "{line}");
        }
    }

    #[test]
    fn placeholders_and_links_to_other_articles_are_recognised() {
        for line in [
            "Image",
            " image ",
            "[Image]",
            "Advertisement",
            "Facebook Twitter WhatsApp",
            "Anzeige",
            "图片",
            "Follow us on Facebook and Twitter",
            "Folgen Sie uns auf Instagram!",
            "Подписывайтесь на наш Телеграм-канал",
        ] {
            assert!(is_placeholder(line), "{line}");
        }
        for line in ["Image of the harbour", "The photo", "Share prices fell"] {
            assert!(!is_placeholder(line), "{line}");
        }
        for (line, expected) in [
            ("Read also: The old mill", Some("The old mill")),
            ("→ Lesen Sie auch: Die Mühle", Some("Die Mühle")),
            ("延伸阅读：渡船", Some("渡船")),
            ("Related", Some("")),
            ("Relatedness is a measure", None),
        ] {
            assert_eq!(other_article(line), expected, "{line}");
        }
    }
}
