# The verbs of this repository; each is one or two cargo lines. `just` alone lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
list:
    @just --list --unsorted

# the habit before every commit: format, lints, house rules, unit tests
check: format lint
    cargo test --quiet --lib --bins --test tidy

# all tests
test *ARGS:
    cargo test {{ ARGS }}

# review changed snapshots (wants cargo-insta)
snap:
    cargo insta test --review

# the documentation, with broken links as errors
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# licences, bans and sources of the dependencies; offline, so fetched first
deps:
    cargo fetch --locked
    cargo deny --offline --locked check --hide-inclusion-graph bans licenses sources

# the daemon, in the foreground
run *ARGS:
    cargo run -- {{ ARGS }} run

# fetch and normalise one document, print what would be stored, write nothing
try URL *ARGS:
    cargo run --quiet -- {{ ARGS }} inspect {{ quote(URL) }}

# start the next migration: `just migration add_article_language`
migration NAME:
    #!/usr/bin/env bash
    set -euo pipefail
    last=$(ls migrations/sqlite | grep -E '^[0-9]{4}_' | tail -n 1 | cut -c 1-4 || true)
    file=$(printf 'migrations/sqlite/%04d_%s.sql' $((10#${last:-0} + 1)) {{ quote(NAME) }})
    touch "$file"
    echo "$file"

# the end-to-end benchmark (docs/benchmarks.md): `just bench --feeds 200`
bench *ARGS:
    cargo bench --bench end_to_end -- {{ ARGS }}

# everything a change must pass; .ci/run calls this and nothing else
ci: format lint test docs deps unit

[private]
format:
    cargo fmt --check

[private]
lint:
    cargo clippy --all-targets --locked -- -D warnings

# The service file names an installed binary; before there is one, /bin/true stands in for it. A remark
# on the unit is an error here, though systemd-analyze itself would let it pass.
[private]
unit:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v systemd-analyze >/dev/null || [ ! -e systemd/gazetted.service ]; then
        echo "unit: no systemd-analyze or no service file here, skipped"
        exit 0
    fi
    folder=$(mktemp -d)
    trap 'rm -r "$folder"' EXIT
    sed -E 's#^(Exec[A-Za-z]*=[-@:+!]*)[^ ]+#\1/bin/true#' systemd/gazetted.service > "$folder/gazetted.service"
    said=$(systemd-analyze verify --recursive-errors=no "$folder/gazetted.service" 2>&1) || { echo "$said"; exit 1; }
    if grep gazetted.service <<< "$said"; then exit 1; fi
