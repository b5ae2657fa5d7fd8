"""Writes han_variants.txt beside this file: the classes of Han characters that are written for one another.

Usage: python3 make_han_variants.py FOLDER, where FOLDER is the unpacked npm package opencc-js (version 1.4.2), which
holds the dictionaries of OpenCC. `npm pack opencc-js` downloads it.

Characters are of one class when the dictionaries convert one into the other: traditional and simplified characters
(both directions), the forms of Hong Kong and Taiwan, and the new forms of Japan. Entries of more than one character are
left out, because they depend on words. The first character of a class has the lowest code point.
"""
import pathlib, re, sys

DICTIONARIES = ["TSCharacters", "STCharacters", "HKVariants", "TWVariants", "JPShinjitaiCharacters"]
PER_LINE = 24

parents = {}

def root(c):
    parents.setdefault(c, c)
    while parents[c] != c:
        parents[c] = parents[parents[c]]
        c = parents[c]
    return c

for name in DICTIONARIES:
    text = (pathlib.Path(sys.argv[1]) / "dist/esm-lib/dict" / f"{name}.js").read_text()
    for entry in re.search(r'"(.*)"', text, re.DOTALL)[1].split("|"):
        character, *variants = entry.split(" ")
        for variant in variants:
            if len(character) == len(variant) == 1:
                parents[root(character)] = root(variant)

classes = {}
for c in sorted(parents):
    classes.setdefault(root(c), []).append(c)
lines = sorted("".join(members) for members in classes.values() if len(members) > 1)
head = "# Variants of Han characters from OpenCC's dictionaries (npm opencc-js 1.4.2), written by make_han_variants.py. SPDX: Apache-2.0"
body = [" ".join(lines[at : at + PER_LINE]) for at in range(0, len(lines), PER_LINE)]
(pathlib.Path(__file__).parent / "han_variants.txt").write_text("\n".join([head, *body]) + "\n")
