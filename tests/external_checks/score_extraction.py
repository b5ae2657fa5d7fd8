#!/usr/bin/env python3
"""Measures how well `gazetted extract` finds articles, on a folder of pages with their truth.

    python tests/external_checks/score_extraction.py GAZETTED FOLDER [--fast] [--worst N] [--jobs N]

GAZETTED is the built program. FOLDER has the layout of scrapinghub/article-extraction-benchmark: ground-truth.json, an
object of `{"articleBody": …, "url": …}` by the names of the pages, and the pages as NAME.html.gz or html/NAME.html.gz.
Prints precision, recall and F1 of the words in runs of four, as that benchmark defines them (a page counts by the share
of its runs, and repeated runs count as often as they are there), and the mean F1 of the words of each page. Where the
truth has `title`, `date` or `author`, also the share of pages on which it was found. --worst names the pages with the
lowest F1. Needs only Python.
"""

import argparse
import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WORD = re.compile(r"\w+", re.UNICODE)


def runs(text, length=4):
    words = WORD.findall(text)
    if len(words) < length:
        return Counter([tuple(words)] if words else [])
    return Counter(tuple(words[i : i + length]) for i in range(len(words) - length + 1))


def shares(found, truth):
    """True positives, false positives and false negatives, as shares of a page."""
    common = sum((found & truth).values())
    extra, missing = sum(found.values()) - common, sum(truth.values()) - common
    total = common + extra + missing
    return (common / total, extra / total, missing / total) if total else (0.0, 0.0, 0.0)


def f1(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def normal(text):
    text = unicodedata.normalize("NFKC", text or "").lower()
    return re.sub(r"\W+", " ", text, flags=re.UNICODE).strip()


def extract(program, folder, name, truth, fast):
    paths = [folder / "html" / f"{name}.html.gz", folder / f"{name}.html.gz"]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        return {}, f"there is no page {name}"
    command = [program, "extract", "--format", "json", str(path)]
    command += ["--fast"] if fast else []
    command += ["--url", truth["url"]] if truth.get("url") else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return (json.loads(done.stdout), None) if done.returncode == 0 else ({}, done.stderr.strip())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    truths = json.loads((arguments.folder / "ground-truth.json").read_text())

    def run(item):
        return extract(arguments.program, arguments.folder, item[0], item[1], arguments.fast)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(run, truths.items()))
    sums, pages, hits = [0.0, 0.0, 0.0], [], {"title": [], "date": [], "author": []}
    for (name, truth), (record, error) in zip(truths.items(), results):
        found, wanted = record.get("content_text", ""), truth["articleBody"]
        page = shares(runs(found), runs(wanted))
        sums = [a + b for a, b in zip(sums, page)]
        common = sum((runs(found, 1) & runs(wanted, 1)).values())
        a, b = sum(runs(found, 1).values()), sum(runs(wanted, 1).values())
        pages.append((f1(common / a if a else 0, common / b if b else 0), name, page, error))
        if truth.get("title"):
            hits["title"].append((normal(record.get("title")) == normal(truth["title"]), name, record.get("title"), truth["title"]))
        if truth.get("date"):
            found = (record.get("date_published") or "")[:10]
            hits["date"].append((found == truth["date"][:10], name, found, truth["date"]))
        if truth.get("author"):
            found = ", ".join(author["name"] for author in record.get("authors", []))
            hits["author"].append((normal(found) == normal(truth["author"]), name, found, truth["author"]))
    precision = sums[0] / (sums[0] + sums[1]) if sums[0] + sums[1] else 0.0
    recall = sums[0] / (sums[0] + sums[2]) if sums[0] + sums[2] else 0.0
    failed = sum(1 for page in pages if page[3])
    print(f"{len(pages)} pages, {failed} without an article")
    print(f"runs of 4 words: precision {precision:.3f}, recall {recall:.3f}, F1 {f1(precision, recall):.3f}")
    print(f"words, mean F1 of a page: {sum(page[0] for page in pages) / len(pages):.3f}")
    for field, found in hits.items():
        if found:
            print(f"{field}: {sum(hit[0] for hit in found)} of {len(found)} ({sum(hit[0] for hit in found) / len(found):.1%})")
    if arguments.worst:
        for score, name, page, error in sorted(pages)[: arguments.worst]:
            print(f"  {name} F1 {score:.3f}, common {page[0]:.2f}, extra {page[1]:.2f}, missing {page[2]:.2f} {error or ''}")
        for field, found in hits.items():
            for _, name, got, wanted in [hit for hit in found if not hit[0]][: arguments.worst]:
                print(f"  {name} {field}: {got!r}, expected {wanted!r}")
    return 1 if failed == len(pages) else 0


if __name__ == "__main__":
    sys.exit(main())
