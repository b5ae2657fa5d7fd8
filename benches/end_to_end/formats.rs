//! Writes the entries of a feed as RSS 2.0, Atom, RSS 1.0 and JSON Feed, each with the usual variants of its
//! publishers: CDATA, escaped HTML, XHTML, summaries beside content.

use serde_json::json;

use crate::plan::{Entry, Format, Plan, newest};
use crate::text::write;

pub(crate) fn write_feed(plan: &Plan, entries: &[Entry]) -> Vec<u8> {
    let text = match plan.format {
        Format::Rss => rss(plan, entries),
        Format::Atom => atom(plan, entries),
        Format::Rdf => rdf(plan, entries),
        Format::Json => json_feed(plan, entries),
    };
    if plan.latin_1 {
        // ISO 8859-1 has every letter of these languages: it is the first 256 characters of Unicode.
        return text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
    }
    text.into_bytes()
}

fn rss(plan: &Plan, entries: &[Entry]) -> String {
    let (mut out, site) = (declaration(plan), &plan.site);
    let built = newest().to_rfc2822();
    write(
        &mut out,
        format_args!(
            "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n\
         <channel>\n<title>Site {}</title>\n<link>{site}/</link>\n<description>All of site {}</description>\n\
         <language>{}</language>\n<lastBuildDate>{built}</lastBuildDate>\n\
         <atom:link href=\"{site}/feed.xml\" rel=\"self\" type=\"application/rss+xml\"/>\n",
            plan.index, plan.index, plan.language.tag,
        ),
    );
    for entry in entries {
        out.push_str("<item>\n");
        element(&mut out, "title", entry.title.as_deref());
        element(&mut out, "link", Some(&entry.link));
        if plan.has_guids {
            let permanent = entry.guid == entry.link;
            write(
                &mut out,
                format_args!("<guid isPermaLink=\"{permanent}\">{}</guid>\n", escape(&entry.guid)),
            );
        }
        element(&mut out, "pubDate", entry.date.map(|date| date.to_rfc2822()).as_deref());
        element(&mut out, "dc:creator", Some(&entry.author));
        element(&mut out, "category", Some(&entry.category));
        let cdata = !plan.index.is_multiple_of(3);
        match &entry.summary {
            Some(summary) => {
                element(&mut out, "description", Some(summary));
                html(&mut out, "content:encoded", &entry.html, cdata);
            }
            None => html(&mut out, "description", &entry.html, cdata),
        }
        if entry.variant < 10 {
            write(
                &mut out,
                format_args!(
                    "<enclosure url=\"{}/audio.mp3\" length=\"{}000\" type=\"audio/mpeg\"/>\n",
                    entry.link,
                    entry.html.len(),
                ),
            );
        }
        out.push_str("</item>\n");
    }
    out.push_str("</channel>\n</rss>\n");
    out
}

fn atom(plan: &Plan, entries: &[Entry]) -> String {
    let (mut out, site) = (declaration(plan), &plan.site);
    let updated = newest().to_rfc3339();
    write(
        &mut out,
        format_args!(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">\n<title>Site {}</title>\n\
         <id>{site}/</id>\n<updated>{updated}</updated>\n<link href=\"{site}/\" rel=\"alternate\"/>\n\
         <link href=\"{site}/atom.xml\" rel=\"self\"/>\n",
            plan.language.tag, plan.index,
        ),
    );
    for entry in entries {
        out.push_str("<entry>\n");
        let title = entry.title.as_deref().unwrap_or_default();
        write(&mut out, format_args!("<title type=\"text\">{}</title>\n", escape(title)));
        write(
            &mut out,
            format_args!("<link href=\"{}\" rel=\"alternate\"/>\n", escape(&entry.link)),
        );
        element(&mut out, "id", Some(&entry.guid));
        let date = entry.date.map(|date| date.to_rfc3339());
        element(&mut out, "published", date.as_deref());
        element(&mut out, "updated", date.as_deref());
        write(&mut out, format_args!("<author><name>{}</name></author>\n", entry.author));
        write(&mut out, format_args!("<category term=\"{}\"/>\n", escape(&entry.category)));
        element(&mut out, "summary", entry.summary.as_deref());
        match plan.index % 5 {
            0 => write(
                &mut out,
                format_args!(
                    "<content type=\"xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div></content>\n",
                    entry.html,
                ),
            ),
            1 => html(&mut out, "content type=\"html\"", &entry.html, true),
            _ => html(&mut out, "content type=\"html\"", &entry.html, false),
        }
        out.push_str("</entry>\n");
    }
    out.push_str("</feed>\n");
    out
}

fn rdf(plan: &Plan, entries: &[Entry]) -> String {
    let (mut out, site) = (declaration(plan), &plan.site);
    write(
        &mut out,
        format_args!(
            "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://purl.org/rss/1.0/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\">\n\
         <channel rdf:about=\"{site}/\">\n<title>Site {}</title>\n<link>{site}/</link>\n\
         <description>All of site {}</description>\n<dc:language>{}</dc:language>\n<items><rdf:Seq>\n",
            plan.index, plan.index, plan.language.tag,
        ),
    );
    for entry in entries {
        write(&mut out, format_args!("<rdf:li rdf:resource=\"{}\"/>\n", entry.link));
    }
    out.push_str("</rdf:Seq></items>\n</channel>\n");
    for entry in entries {
        write(&mut out, format_args!("<item rdf:about=\"{}\">\n", entry.link));
        element(&mut out, "title", entry.title.as_deref());
        element(&mut out, "link", Some(&entry.link));
        element(&mut out, "dc:date", entry.date.map(|date| date.to_rfc3339()).as_deref());
        element(&mut out, "dc:creator", Some(&entry.author));
        match &entry.summary {
            Some(summary) => {
                element(&mut out, "description", Some(summary));
                html(&mut out, "content:encoded", &entry.html, true);
            }
            None => html(&mut out, "description", &entry.html, false),
        }
        out.push_str("</item>\n");
    }
    out.push_str("</rdf:RDF>\n");
    out
}

fn json_feed(plan: &Plan, entries: &[Entry]) -> String {
    let items = entries.iter().map(|entry| {
        let mut item = json!({
            "id": entry.guid,
            "url": entry.link,
            "content_html": entry.html,
            "authors": [{ "name": entry.author }],
            "tags": [entry.category],
        });
        let optional = [
            ("title", entry.title.clone()),
            ("summary", entry.summary.clone()),
            ("date_published", entry.date.map(|date| date.to_rfc3339())),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                item[key] = value.into();
            }
        }
        item
    });
    let feed = json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": format!("Site {}", plan.index),
        "home_page_url": format!("{}/", plan.site),
        "feed_url": format!("{}/feed.json", plan.site),
        "language": plan.language.tag,
        "items": items.collect::<Vec<_>>(),
    });
    format!("{feed:#}\n")
}

fn declaration(plan: &Plan) -> String {
    let encoding = if plan.latin_1 { "ISO-8859-1" } else { "UTF-8" };
    format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n")
}

fn element(out: &mut String, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        write(out, format_args!("<{name}>{}</{name}>\n", escape(text)));
    }
}

/// Writes an element. `name` may be followed by attributes.
fn html(out: &mut String, name: &str, html: &str, cdata: bool) {
    let end = name.split(' ').next().unwrap_or_default();
    if cdata {
        write(out, format_args!("<{name}><![CDATA[{html}]]></{end}>\n"));
    } else {
        write(out, format_args!("<{name}>{}</{end}>\n", escape(html)));
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
