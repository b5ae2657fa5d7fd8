#!/usr/bin/env python3
"""Compares what gazetted makes of feed documents with what Python's feedparser makes of them.

    python tests/external_checks/compare_feedparser.py GAZETTED FOLDER [--differences FIELD] [--limit N]

GAZETTED is the built program, FOLDER holds feed documents. For each field it prints how many of the
entries for which feedparser has a value agree. feedparser is no oracle: docs/feedparser-differences.md
says where it is wrong. Needs `pip install feedparser`.
"""

import argparse
import calendar
import html
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import feedparser

FIELDS = ["title", "id", "url", "date", "authors", "tags", "enclosures", "image"]


class Quiet(SimpleHTTPRequestHandler):
    """Without a charset in Content-Type, so that both read the same bytes and labels."""

    def log_message(self, *_):
        pass

    def guess_type(self, path):
        return "application/octet-stream"


def ours(program, address, config):
    command = [program, "--config", config, "inspect", "--json", address]
    run = subprocess.run(command, capture_output=True, timeout=300)
    if run.returncode != 0:
        return None, run.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return json.loads(run.stdout), None


def visible(text):
    """The words of a text: tags gone, entities decoded, white space gone."""
    text = re.sub(r"<!--.*?-->|</?[a-zA-Z][^<>]*>", " ", text or "", flags=re.S)
    for _ in range(3):
        text = html.unescape(text)
    text = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in ("Cc", "Cf"))
    return re.sub(r"\s+", "", text)


def address(url, base):
    """An address in one spelling, without what gazetted strips from it on purpose."""
    try:
        url = urljoin(base, (url or "").strip())
        parts = urlsplit(url)
    except ValueError:
        return url
    path = quote(parts.path or "/", safe="%/:=&?~#+!$,;'@()*[]|")
    query = "&".join(
        p for p in quote(parts.query, safe="%/:=&?~#+!$,;'@()*[]|{}").split("&")
        if p and not re.match(r"(utm_|mtm_|pk_|at_|fb|gclid|ocid|ito$|ito=|partner|cmpid|ns_|smid|wt|xtor|emc|icid|ncid)", p, re.I)
    )
    host = parts.netloc.lower().removesuffix(":80").removesuffix(":443")
    try:
        host = host.encode("idna").decode()
    except UnicodeError:
        pass
    return f"{host}{path}?{query}#{quote(parts.fragment, safe='%/:=&?~#+!$,;@()*')}"


def theirs(entry, base):
    """feedparser's entry in the words of ours; a field it has no value for is absent."""
    found = {}
    if visible(entry.get("title")):
        found["title"] = visible(entry["title"])
    if entry.get("id"):
        found["id"] = visible(entry["id"])
    link = entry.get("link") or ""
    if link and not link.startswith(("tag:", "urn:", "javascript:")):
        found["url"] = address(link, base)
    date = entry.get("published_parsed") or entry.get("updated_parsed") or entry.get("created_parsed")
    if date and 1970 < date[0]:
        found["date"] = calendar.timegm(date)
    authors = {visible(a.get("name") or a.get("email")) for a in entry.get("authors", []) if a} - {""}
    if authors:
        found["authors"] = authors
    tags = single(t.get("label") or t.get("term") for t in entry.get("tags", []))
    if tags:
        found["tags"] = tags
    files = {address(e.get("href"), base) for e in entry.get("enclosures", []) if e.get("href")}
    if files:
        found["enclosures"] = files
    images = pictures(entry)
    if images:
        found["image"] = {address(image, base) for image in images}
    return found


def single(tags):
    """The tags, one by one: gazetted splits a list that a feed states as one tag."""
    return {part.lower() for tag in tags for part in visible(tag).split(",")} - {""}


def pictures(entry):
    """The pictures that an entry states, and the renditions that may stand for them: gazetted takes the largest. What is
    stated to be as small as an icon is none, and so is a portrait of the author. Empty when the entry states no picture."""
    def is_icon(image):
        sides = [int(side) for side in (image.get("width"), image.get("height")) if str(side or "").isdigit()]
        return bool(sides) and max(sides) < 64 or re.search(r"//(avatars|[^/]*gravatar)\.", image["url"])
    stated = [image for image in entry.get("media_thumbnail") or [] if image.get("url") and not is_icon(image)]
    stated = [image["url"] for image in stated] or [entry.get("image", {}).get("href")]
    files = [file.get("url") for file in entry.get("media_content", [])]
    bodies = [body.get("value") or "" for body in entry.get("content", [])] + [entry.get("summary") or ""]
    shown = [html.unescape(url) for body in bodies for url in re.findall(r"<img[^>]*?src=[\"']?([^\"'> ]+)", body)]
    return [url for url in stated + files + shown if url] if any(stated) else []


def mine(article, base):
    names = {visible(a.get("name")) for a in article.get("authors", [])}
    mails = {visible(a.get("email")) for a in article.get("authors", [])}
    date = article.get("date_published")
    return {
        "title": visible(article.get("title")),
        "id": visible(article.get("guid")),
        "url": address(article.get("url"), base),
        "date": calendar.timegm(time.strptime(date, "%Y-%m-%dT%H:%M:%SZ")) if date else None,
        "authors": (names | mails) - {""},
        "tags": single(article.get("tags", [])),
        "enclosures": {address(a["url"], base) for a in article.get("attachments", [])},
        "image": address(article.get("image"), base),
    }


def agree(field, wanted, got):
    if field in ("authors",):
        joined = "".join(sorted(got)).lower()
        return all(w.lower() in joined or any(g and g.lower() in w.lower() for g in got) for w in wanted)
    if field == "image":
        return got in wanted
    if isinstance(wanted, set):
        return wanted <= got
    return wanted == got


def pair(entries, articles):
    """Entries and articles that mean the same: by id, else link and title, else place."""
    if len(entries) == len(articles):
        return list(zip(entries, articles))
    left, pairs = list(articles), []
    for entry in entries:
        match = None
        for key in ("id", "url", "title"):
            match = match or next((a for a in left if entry.get(key) and a[key] == entry[key]), None)
        if match:
            left.remove(match)
        pairs.append((entry, match))
    return pairs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--differences", default=",".join(FIELDS))
    parser.add_argument("--config", default="[fetch]\nallow_private = true\n", help="configuration")
    parser.add_argument("--limit", type=int, default=3, help="differences shown per document and field")
    options = parser.parse_args()
    shown = set(options.differences.split(","))
    files = sorted(path for path in options.folder.iterdir() if path.is_file())
    good, total, lost, fewer, read, repairs = Counter(), Counter(), [], [], 0, Counter()
    known = found = 0
    # Over HTTP, as relative addresses have no meaning in a file.
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=options.folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = {path: f"http://127.0.0.1:{server.server_port}/{quote(path.name)}" for path in files}
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config, ThreadPoolExecutor(2) as pool:
        config.write(options.config)
        config.flush()
        results = list(pool.map(lambda path: ours(options.program, at[path], config.name), files))
    for path, (result, error) in zip(files, results):
        base = at[path]
        try:
            parsed = feedparser.parse(path.read_bytes(), sanitize_html=False, resolve_relative_uris=False)
            entries = [theirs(entry, base) for entry in parsed.entries]
        except Exception as error:  # feedparser itself stumbles over some.
            print(f"feedparser fails on {path.name}: {error!r}")
            entries = []
        if result is None:
            (lost if entries else []).append(path.name)
            print(f"{'LOST' if entries else 'not a feed for either'}: {path.name}: {error}")
            continue
        read += 1
        repairs.update(result["repairs"].keys())
        articles = [mine(article, base) for article in result["articles"]]
        known += len(entries)
        found += min(len(entries), result["entries"])
        if result["entries"] < len(entries):
            fewer.append(path.name)
            print(f"FEWER: {path.name}: {result['entries']} of {len(entries)}")
        said = defaultdict(int)
        for wanted, got in pair(entries, articles):
            if got is None:
                continue
            for field in FIELDS:
                if field not in wanted:
                    continue
                total[field] += 1
                if agree(field, wanted[field], got[field]):
                    good[field] += 1
                elif field in shown:
                    said[field] += 1
                    if said[field] <= options.limit:
                        print(f"{field}: {path.name}\n    feedparser: {str(wanted[field])[:300]}\n    gazetted:   {str(got[field])[:300]}")
    print(f"\n{read} of {len(files)} documents read; {len(lost)} lost, {len(fewer)} with fewer entries; {found} of {known} entries")
    print("repairs, in documents:", dict(repairs.most_common()))
    print("field        agree  of     %")
    for field in FIELDS:
        share = 100 * good[field] / total[field] if total[field] else 100
        print(f"{field:<11} {good[field]:>6} {total[field]:>5} {share:6.2f}")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
