#!/usr/bin/env python3
"""Has every export format judged by a reader that is not ours.

    python tests/external_checks/check_exports.py GAZETTED [--config CONFIG]

GAZETTED is the built program. Two stores are exported whole: one with a feed of hostile titles, texts and
addresses that is made here, and, with --config, the one of that configuration, which must have been polled.
The JSON lines are the truth that the other formats are compared with. Prints a line for each format and
ends with 1 when anything differs. Needs `pip install feedparser html5lib markdown-it-py`.
"""

import argparse
import calendar
import csv
import html
import io
import json
import re
import subprocess
import sys
import tempfile
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections import Counter
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import feedparser
import html5lib
from markdown_it import MarkdownIt

ALL = "1000000000"

NASTY = [
    'Plain',
    '"quoted", and, commas; \'single\'',
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "+1-2", "-2+3", "@SUM(A1)", "\t=1", "＝1+1",
    "]]> and <![CDATA[ and <!-- -->",
    "</title></script><script>alert(1)</script>",
    "<b>bold</b> & &amp; &lt;i&gt;",
    "# heading\n- list\n1. one\n> quote\n```\ncode",
    "[link](javascript:alert(1)) ![image](http://evil.example/x) <http://auto.example>",
    "*a* _b_ `c` ~~d~~ | e | \\f",
    "\u202eabc\u2066def\u2069 \u200fRTL \u061c",
    "bell\x07 escape\x1b[2J null\x00 delete\x7f \x9b31m",
    "line\nbreak\r\nand\ttab\u2028separator\u2029",
    "\ufeffmark \ufffe \U0001f469\u200d\U0001f680 \U0010ffff",
    "ÄÖÜ ß é 漢字 かな 한글 ไทย العربية עברית",
    "x" * 800,
    "   ",
]


class Judge:
    """Counts what is wrong, and shows the first of each kind."""

    def __init__(self, name):
        self.name, self.wrong, self.checks = name, Counter(), 0

    def expect(self, right, kind, *detail):
        self.checks += 1
        if not right:
            self.wrong[kind] += 1
            if self.wrong[kind] <= 3:
                print(f"  {self.name}: {kind}: " + " | ".join(repr(d)[:300] for d in detail))

    def same(self, kind, identity, found, expected):
        self.expect(found == expected, kind, identity, found, expected)

    def verdict(self, entries):
        total = sum(self.wrong.values())
        print(f"{self.name:10} {entries:7} entries {self.checks:9} checks {total:6} errors")
        return total


def words(text):
    """What is read of a text: no tags, no white space, nothing invisible."""
    text = html.unescape(re.sub(r"<[^<>]*>", " ", text or ""))
    kept = (c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in ("Cc", "Cf", "Cn"))
    return re.sub(r"\s+", "", "".join(kept))


def line(text):
    return re.sub(r"\s+", " ", text or "").strip()


class Program:
    def __init__(self, path, config):
        self.path, self.config = path, config

    def run(self, *arguments, check=True):
        command = [self.path, "--config", self.config, *arguments]
        done = subprocess.run(command, capture_output=True, check=False)
        if check and done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def export(self, form):
        return self.run("export", "--format", form, "--limit", ALL)


def judge_json(program, records):
    judge = Judge("json")
    judge.same("not the JSON lines", "", json.loads(program.export("json")), records)
    return judge.verdict(len(records))


def judge_jsonfeed(program, records):
    """https://www.jsonfeed.org/version/1.1/"""
    judge = Judge("jsonfeed")
    feed = json.loads(program.export("jsonfeed"))
    judge.same("version", "", feed.get("version"), "https://jsonfeed.org/version/1.1")
    judge.expect(isinstance(feed.get("title"), str) and feed["title"], "the feed has no title")
    judge.same("items", "", len(feed["items"]), len(records))
    identities = [item["id"] for item in feed["items"]]
    judge.same("ids are unique", "", len(set(identities)), len(identities))
    strings = ["id", "url", "external_url", "title", "content_html", "content_text", "summary", "image",
               "banner_image", "date_published", "date_modified", "language"]
    for item, record in zip(feed["items"], records):
        name = item["id"]
        for key in strings:
            # An item must have a content; that of an article without any is empty.
            empty = key == "content_text" and not record.keys() & {"title", "summary", "content_html", key}
            right = isinstance(item.get(key, ""), str) and (item.get(key) != "" or empty)
            judge.expect(right, f"{key} is no text", name)
        judge.expect("content_html" in item or "content_text" in item, "neither content", name)
        for key in ("url", "external_url", "image"):
            if key in item:
                judge.expect(urlsplit(item[key]).scheme in ("http", "https"), f"{key} is not absolute", name)
        for key in ("date_published", "date_modified"):
            if key in item:
                judge.expect(moment(item[key]) is not None, f"{key} is not RFC 3339", name, item[key])
        for author in item.get("authors", []):
            judge.expect(author.keys() & {"name", "url", "avatar"}, "an author of nothing", name, author)
        judge.expect(all(isinstance(tag, str) for tag in item.get("tags", [])), "tags", name)
        for file in item.get("attachments", []):
            judge.expect({"url", "mime_type"} <= file.keys(), "an attachment lacks what it must have", name, file)
            for key in ("size_in_bytes", "duration_in_seconds"):
                judge.expect(isinstance(file.get(key, 0), (int, float)), f"{key} is no number", name)
        for key in record:
            if key not in ("content_text", "authors", "attachments"):
                judge.same(key, name, item.get(key), record[key])
    return judge.verdict(len(records))


def moment(text):
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def judge_csv(program, records):
    judge = Judge("csv")
    text = program.export("csv").decode()
    judge.expect("\r\n" in text, "lines do not end as RFC 4180 says")
    csv.field_size_limit(1 << 30)
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    judge.same("rows", "", len(rows), len(records) + 1)
    head = rows[0]
    for row, record in zip(rows[1:], records):
        judge.same("columns", record["id"], len(row), len(head))
        for name, cell in zip(head, row):
            judge.expect(cell[:1] not in tuple("=+-@\t\r＝＋－＠"), "a formula", record["id"], name, cell)
        cells = dict(zip(head, row))
        for key in ("id", "url", "title", "summary", "content_html", "guid", "language", "date_published"):
            cell, expected = cells[key], record.get(key, "")
            judge.expect(cell in (expected, "'" + expected), key, record["id"], cell, expected)
    return judge.verdict(len(records))


def judge_feed(form, program, records):
    judge = Judge(form)
    document = program.export(form)
    feed = feedparser.parse(document, sanitize_html=False, resolve_relative_uris=False)
    judge.expect(not feed.bozo, "feedparser complains", feed.get("bozo_exception"))
    judge.same("version", "", feed.version, {"atom": "atom10", "rss": "rss20"}[form])
    judge.same("entries", "", len(feed.entries), len(records))
    for entry, record in zip(feed.entries, records):
        name = record["id"]
        judge.expect(entry.get("id", "").endswith(name), "id", name, entry.get("id"))
        judge.same("title", name, words(entry.get("title")), words(record.get("title")))
        if "url" in record:
            judge.same("link", name, entry.get("link"), record["url"])
        found = entry.get("published_parsed")
        expected = moment(record["date_published"]) if "date_published" in record else None
        judge.same("published", name, found and calendar.timegm(found), expected and int(expected.timestamp()))
        authors = [author.get("name") or author.get("email") for author in entry.get("authors", []) if author]
        expected = [author.get("name") or author.get("email") for author in record.get("authors", [])]
        judge.same("authors", name, [words(a) for a in authors if a], [words(a) for a in expected if a])
        tags = [words(tag.term) for tag in entry.get("tags", [])]
        judge.same("tags", name, tags, [words(tag) for tag in record.get("tags", [])])
        files = [file.get("href") for file in entry.get("enclosures", [])]
        expected = [file["url"] for file in record.get("attachments", [])]
        # RSS has room for one enclosure.
        judge.same("enclosures", name, files, expected[:1] if form == "rss" else expected)
        content = entry.get("content") or [{"value": ""}]
        judge.same("content", name, words(content[0]["value"]), words(record.get("content_html") or record.get("content_text")))
    judge_inspected(judge, form, document, program, records)
    return judge.verdict(len(records))


def judge_inspected(judge, form, document, program, records):
    """Through feed-rs and what we make of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"export.{form}")
        path.write_bytes(document)
        config = Path(folder, "gazetted.toml")
        config.write_text(f'[store]\npath = "a.db"\n[[feeds]]\nurl = "file:{path.name}"\nmax_entries = 1000000\n'
                          '[fetch]\nmax_body = "1GiB"\n')
        seen = json.loads(Program(program.path, config).run("inspect", "--json", str(path)))
    found = seen["articles"]
    judge.same("entries that we read back", "", len(found), len(records))
    back = {article.get("guid", "").rsplit(":", 1)[-1]: article for article in found}
    for record in records:
        article = back.get(record["id"])
        judge.expect(article is not None, "not read back", record["id"])
        if article is None:
            continue
        for key in ("title", "summary", "content_html", "image", "date_published", "tags"):
            if key == "summary" and "content_html" in record:
                continue
            # Many a feed escapes its titles twice, so we take what looks like HTML there for HTML.
            if key in ("title", "tags") and "<" in str(record.get(key)):
                continue
            if key in record:
                judge.same(f"{key} read back", record["id"], article.get(key), record[key])


def judge_markdown(program, records):
    judge = Judge("markdown")
    tokens = MarkdownIt("commonmark").parse(program.export("markdown").decode())
    headings = [tokens[n + 1] for n, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h3"]
    judge.same("headings", "", len(headings), len(records))
    for token in tokens:
        judge.expect(token.type != "html_block", "HTML", token.content)
        for child in token.children or []:
            judge.expect(child.type != "html_inline", "HTML in a line", child.content)
            if child.type in ("link_open", "image"):
                address = child.attrs.get("href") or child.attrs.get("src")
                scheme = urlsplit(address).scheme
                judge.expect(scheme in ("http", "https", "mailto", "tel"), "an address", address)
    for heading, record in zip(headings, records):
        text = "".join(c.content for c in heading.children if c.type in ("text", "code_inline"))
        if "title" in record:
            judge.same("title", record["id"], words(html.escape(text)), words(html.escape(record["title"])))
        links = [c.attrs["href"] for c in heading.children if c.type == "link_open"]
        judge.same("links", record["id"], len(links), int("url" in record))
    return judge.verdict(len(records))


def judge_html(program, records):
    judge = Judge("html")
    text = program.export("html").decode()
    parser = html5lib.HTMLParser(strict=False)
    document = parser.parse(text)
    for position, code, data in parser.errors:
        judge.expect(False, f"html5lib: {code}", position, data)
    space = "{http://www.w3.org/1999/xhtml}"
    for element in document.iter():
        name = str(element.tag).removeprefix(space)
        judge.expect(name not in ("script", "object", "embed", "form", "base", "link"), "an element", name)
        for attribute, value in element.attrib.items():
            judge.expect(not attribute.startswith("on"), "a handler", attribute)
            if attribute in ("href", "src", "poster"):
                scheme = urlsplit(value.strip()).scheme
                judge.expect(scheme in ("http", "https", "mailto", "tel", ""), "an address", value)
    # A text may have articles of its own, further in.
    found = document.findall("/".join(["."] + [space + name for name in ("body", "main", "section", "article")]))
    judge.same("articles", "", len(found), len(records))
    return judge.verdict(len(records))


def judge_opml(program, feeds):
    judge = Judge("opml")
    document = program.export("opml")
    root = ElementTree.fromstring(document)
    judge.same("root", "", (root.tag, root.get("version")), ("opml", "2.0"))
    judge.expect(root.find("head/title") is not None, "no title")
    found = [outline for outline in root.iter("outline") if outline.get("xmlUrl")]
    judge.same("feeds", "", len(found), len(feeds))
    for outline in found:
        judge.expect(outline.get("type") == "rss" and outline.get("text"), "a feed's outline", outline.attrib)
    with tempfile.TemporaryDirectory() as folder:
        list_of_feeds, config = Path(folder, "feeds.opml"), Path(folder, "gazetted.toml")
        list_of_feeds.write_bytes(document)
        config.write_text('[store]\npath = "a.db"\n')
        # A list from elsewhere may not name files of this machine.
        web = [feed for feed in feeds if not feed["url"].startswith("file:")]
        Program(program.path, config).run("feeds", "import", str(list_of_feeds), check=False)
        judge.same("imported", "", config.read_text().count("[[feeds]]"), len(web))
    return judge.verdict(len(feeds))


def judge_all(title, program):
    records = [json.loads(text) for text in program.export("jsonl").splitlines()]
    feeds = json.loads(program.run("feeds", "--json"))
    print(f"{title}: {len(records)} articles of {len(feeds)} feeds")
    if not records:
        sys.exit("there is nothing to export: poll first")
    return sum([
        judge_json(program, records),
        judge_jsonfeed(program, records),
        judge_csv(program, records),
        judge_feed("rss", program, records),
        judge_feed("atom", program, records),
        judge_markdown(program, records),
        judge_html(program, records),
        judge_opml(program, feeds),
    ])


def nasty_feed():
    def xml(text):
        return escape("".join(c for c in text if c in "\t\n\r" or 0x20 <= ord(c) not in range(0xFFFE, 0x10000)))

    items = []
    for number, text in enumerate(NASTY):
        other = NASTY[(number * 7 + 3) % len(NASTY)]
        items.append(
            f"<item><guid isPermaLink='false'>{xml(text)} {number}</guid><title>{xml(escape(text))}</title>"
            f"<link>https://nasty.example/{number}?a=1&amp;b=%22%3E%3Cscript%3E,(x)</link>"
            f"<description>{xml(escape(other))}</description><author>{xml(other)}</author>"
            f"<category>{xml(text)}</category><category>{xml(other)}</category>"
            f"<enclosure url='https://nasty.example/{number}.mp3?x=%27&amp;y=1' type='audio/mpeg' length='7'/></item>"
        )
    return f"<rss version='2.0'><channel><title>{xml(escape(NASTY[10]))}</title>{''.join(items)}</channel></rss>"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gazetted")
    parser.add_argument("--config")
    arguments = parser.parse_args()
    path = str(Path(arguments.gazetted).resolve())
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "nasty.xml").write_text(nasty_feed())
        config = Path(folder, "gazetted.toml")
        config.write_text('[store]\npath = "a.db"\n[[feeds]]\nurl = "file:nasty.xml"\ntags = ["=1+1", "a,b"]\n')
        program = Program(path, config)
        program.run("poll")
        wrong = judge_all("made here", program)
    if arguments.config:
        wrong += judge_all(arguments.config, Program(path, str(Path(arguments.config).resolve())))
    print("no error" if wrong == 0 else f"{wrong} errors")
    sys.exit(wrong != 0)


main()
