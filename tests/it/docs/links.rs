//! The pages of the book, and the links between the documents.

use std::fs;
use std::path::{Path, PathBuf};

/// The Markdown files of the repository: those of its root, and those below docs/.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs"), root.join("docs/decisions")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "md")).collect()
}

/// The anchors of the headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// mdBook leaves out a page that the summary does not name.
#[test]
fn the_book_has_every_page() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for page in documents() {
        let Ok(name) = page.strip_prefix(&docs) else { continue };
        let name = name.to_str().unwrap();
        let is_listed = name == "SUMMARY.md" || summary.contains(&format!("({name})"));
        assert!(is_listed, "docs/SUMMARY.md does not link {name}");
    }
}

#[test]
fn links_of_the_documentation_lead_to_files_and_headings() {
    let mut checked = 0;
    for page in documents() {
        let text = fs::read_to_string(&page).unwrap();
        for event in pulldown_cmark::Parser::new(&text) {
            use pulldown_cmark::{Event, Tag};
            let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event
            else {
                continue;
            };
            if dest_url.contains("://") {
                continue;
            }
            let (file, anchor) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{}: {dest_url}", page.display());
            if !anchor.is_empty() {
                let headings = anchors(&fs::read_to_string(&target).unwrap());
                let is_there = headings.iter().any(|heading| heading == anchor);
                assert!(is_there, "{}: {dest_url} is none of {headings:?}", page.display());
            }
            checked += 1;
        }
    }
    assert!(100 < checked, "{checked} links");
}
