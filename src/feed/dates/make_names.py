"""Writes names.txt beside this file: the names of months and weekdays of all locales of CLDR.

Usage: python3 make_names.py FOLDER, where FOLDER holds the unpacked npm packages cldr-core, cldr-dates-full (version
48.2.0), cldr-cal-persian-full and cldr-cal-islamic-full, each below its own name. `npm pack NAME` downloads a package.

Short names are taken only of languages that CLDR covers well (level "modern"), because those of the others collide too
often. A name of another language is left out when it is shorter than four letters, means two months, or is a name in
one of the former languages. The months of other calendars are taken only in languages of countries that use those calendars.
"""
import collections, json, pathlib, sys, unicodedata

root, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
PARTICLES = {"de", "da", "di", "mis", "d"}

def fold(name):
    """As `fold` of names.rs."""
    name = unicodedata.normalize("NFD", name.lower())
    return "".join(c for c in name if not "\u0300" <= c <= "\u036f").replace("ı", "i")

def clean(name):
    name = "".join(c for c in unicodedata.normalize("NFC", name).lower() if c not in ".,'’ʼ׳״\u200b\u200c\u200d\u200e\u200f\u202f")
    words = name.replace("\u00a0", " ").replace("-", " ").split()
    while len(words) > 1 and words[0] in PARTICLES:
        words.pop(0)
    return " ".join(words)

def names(table, keys):
    """Pairs of a key and a name, and whether the name is a full one. Narrow names are single letters."""
    for context in table.values():
        for width, entries in context.items():
            for key, name in entries.items():
                name = clean(name)
                if width != "narrow" and key in keys and len(name) > 1 and not any(c.isdigit() for c in name):
                    yield keys[key], name, width == "wide"

def calendar(locale, package, name):
    path = root / package / "main" / locale / f"ca-{name}.json"
    if not path.exists():
        return {"months": {}}
    return json.loads(path.read_text())["main"][locale]["dates"]["calendars"][name]

MONTHS = {str(n): n for n in range(1, 13)}
DAYS = {day: n for n, day in enumerate(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 1)}
HALVES = {"am": 1, "pm": 2}
coverage = json.loads((root / "cldr-core/coverageLevels.json").read_text())["effectiveCoverageLevels"]
found = collections.defaultdict(set)
others = collections.defaultdict(set)
for path in sorted((root / "cldr-dates-full/main").iterdir()):
    gregorian = calendar(path.name, "cldr-dates-full", "gregorian")
    modern = coverage.get(path.name) == "modern"
    for n, name, full in names(gregorian["months"], MONTHS):
        if modern:
            found["month", n].add(name)
        elif full and len(name) > 3:
            others[fold(name)].add((n, name))
    if modern:
        for n, name, _ in names(gregorian["days"], DAYS):
            if len(name) > 2:
                found["weekday", n].add(name)
        # In Latin letters they are too short to be told from other words, except "am" and "pm".
        for n, name, _ in names(gregorian["dayPeriods"], HALVES):
            if not any("LATIN" in unicodedata.name(c, "") for c in name):
                found["half", n].add(name)
        for kind in ("persian", "islamic"):
            for n, name, full in names(calendar(path.name, f"cldr-cal-{kind}-full", kind)["months"], MONTHS):
                if full and path.name in {"ar", "en", "fa", "id", "ms", "tr", "ur"}:
                    found[kind, n].add(name)
taken = {fold(name) for names_ in found.values() for name in names_}
gregorian = {fold(name) for (kind, _), names_ in found.items() if kind in ("month", "weekday") for name in names_}
for folded, meanings in others.items():
    if folded not in taken and len({n for n, _ in meanings}) == 1:
        for n, name in meanings:
            found["other", n].add(name)
for kind in ("persian", "islamic"):
    for n in MONTHS.values():
        found[kind, n] = {name for name in found[kind, n] if fold(name) not in gregorian}
lines = ["# Names of CLDR 48.2.0, written by make_names.py. Unicode License V3 (SPDX: Unicode-3.0), https://www.unicode.org/license.txt",
         "# COPYRIGHT AND PERMISSION NOTICE. Copyright © 2004-2025 Unicode, Inc."]
for kind in ("month", "other", "weekday", "half", "persian", "islamic"):
    for n in range(1, 13):
        if found[kind, n]:
            lines.append(f"{kind}\t{n}\t" + "|".join(sorted(found[kind, n])))
(here / "names.txt").write_text("\n".join(lines) + "\n")
