//! Sanitised HTML, whatever it was before: sanitising it again changes nothing, and a scan that shares
//! no code with the sanitiser finds nothing in it that could run or be fetched but images and media.
#![no_main]

use gazetted::html::sanitise::Sanitiser;
use gazetted::html::to_text::html_to_text;
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|html: &str| {
    // Made once: that takes longer than most texts do.
    SANITISER.with(|sanitiser| check(sanitiser, html));
});

thread_local! {
    static SANITISER: Sanitiser =
        Sanitiser::new(&Url::parse("https://example.org/dir/page").unwrap());
}

fn check(sanitiser: &Sanitiser, html: &str) {
    let Some(clean) = sanitiser.clean(html) else { return };
    scan(&clean);
    assert_eq!(sanitiser.clean(&clean).as_deref(), Some(&*clean), "sanitised twice");
    let text = html_to_text(&clean);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}

/// Elements that run, frame, submit, or change how what follows is parsed.
const NEVER: &[&str] = &[
    "script", "style", "object", "embed", "applet", "form", "input", "button", "textarea", "select",
    "link", "meta", "base", "svg", "math", "template", "noscript", "xmp", "plaintext", "title",
    "frame", "frameset", "html", "head", "body", "noembed", "noframes", "marquee", "isindex", "portal",
];

/// In what the sanitiser writes every `<` begins a tag, and every attribute is `name="value"`.
fn scan(html: &str) {
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("every tag ends");
        rest = after;
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        assert!(!name.is_empty() && name.bytes().all(plain), "{name:?}");
        assert!(!NEVER.contains(&name), "{name}");
        let Some((_, mut attributes)) = tag.split_once(' ') else { continue };
        loop {
            let (attribute, value) = attributes.split_once("=\"").expect("name=\"value\"");
            let (value, more) = value.split_once('"').expect("a closed value");
            self::attribute(name, attribute, value);
            if more.is_empty() {
                break;
            }
            attributes = more.strip_prefix(' ').expect("a space between attributes");
        }
    }
}

fn attribute(element: &str, name: &str, value: &str) {
    assert!(name.bytes().all(|b| b.is_ascii_lowercase()), "{name:?}");
    assert!(!name.starts_with("on") && !matches!(name, "style" | "srcdoc" | "id" | "name"), "{name}");
    if matches!(name, "src" | "href" | "poster" | "cite") {
        let value = value.replace("&amp;", "&");
        let url = Url::parse(&value).expect("an absolute address");
        let links = matches!(url.scheme(), "mailto" | "tel") && (element, name) == ("a", "href");
        assert!(links || matches!(url.scheme(), "http" | "https"), "{value}");
    }
}
