-- Times are whole Unix seconds. Hashes are 64 bits, stored as signed integers.

-- Facts of the store itself: `store_id` makes article ids unique across stores, `seq` is the last
-- sequence number given out, `indexed_seq` how far the full-text index has come.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES
    ('store_id', lower(hex(randomblob(5)))),
    ('seq', 0),
    ('indexed_seq', 0);

-- A feed is known by the address it is configured under. Rows are never deleted: a feed that leaves
-- the configuration keeps its articles.
CREATE TABLE feed (
    id            INTEGER PRIMARY KEY,
    url           TEXT NOT NULL UNIQUE,
    name          TEXT,                     -- as configured
    tags          TEXT NOT NULL,            -- as configured; a JSON array
    configured    INTEGER NOT NULL,         -- 1 while it stands in the configuration
    enabled       INTEGER NOT NULL,
    title         TEXT,                     -- from here on: as its document says
    home_page_url TEXT,
    description   TEXT,
    language      TEXT,
    added_at      INTEGER NOT NULL
) STRICT;

-- What polling needs and changes: one small row a feed, so that a 304 rewrites little.
CREATE TABLE plan (
    feed_id       INTEGER PRIMARY KEY REFERENCES feed (id),
    active        INTEGER NOT NULL,         -- configured and enabled
    policy        TEXT NOT NULL,            -- the schedule that next_poll_at was computed from
    next_poll_at  INTEGER,                  -- NULL: polling has ended
    because       TEXT NOT NULL,
    not_before    INTEGER,                  -- the server's wish, kept apart for a change of policy
    leased_until  INTEGER NOT NULL DEFAULT 0,
    etag          BLOB,
    last_modified BLOB,
    polled_at     INTEGER,
    succeeded_at  INTEGER,
    outcome       TEXT,
    status        INTEGER,
    detail        TEXT,
    failures      REAL NOT NULL DEFAULT 0,
    failing_since INTEGER
) STRICT;

CREATE INDEX plan_due ON plan (next_poll_at) WHERE active = 1;

-- The last document, as hashes: `items` holds 16 bytes an item, slice hash then article key.
CREATE TABLE memory (
    feed_id    INTEGER PRIMARY KEY REFERENCES feed (id),
    body_hash  INTEGER,
    key_policy INTEGER NOT NULL,
    items      BLOB NOT NULL
) STRICT;

-- `id` is the sequence number of the insert, so it is never given out twice. The long columns come
-- last: a listing never touches their overflow pages.
CREATE TABLE article (
    id            INTEGER PRIMARY KEY,
    seq           INTEGER NOT NULL,
    feed_id       INTEGER NOT NULL REFERENCES feed (id),
    order_at      INTEGER NOT NULL,         -- the effective date
    first_seen_at INTEGER NOT NULL,
    published_at  INTEGER,
    modified_at   INTEGER,
    revision      INTEGER NOT NULL,
    guid          TEXT,
    url           TEXT,
    external_url  TEXT,
    title         TEXT,
    image         TEXT,
    language      TEXT,
    authors       TEXT,                     -- JSON arrays; NULL when empty
    tags          TEXT,
    attachments   TEXT,
    summary       TEXT,
    content_html  TEXT
) STRICT;

CREATE INDEX article_latest ON article (order_at DESC, seq DESC);
CREATE INDEX article_latest_of_feed ON article (feed_id, order_at DESC, seq DESC);
CREATE UNIQUE INDEX article_seq ON article (seq);

-- Where an article was seen, and with which content. Look-ups of known entries stay in this small
-- tree and never touch an article's pages.
CREATE TABLE sighting (
    feed_id    INTEGER NOT NULL REFERENCES feed (id),
    key        INTEGER NOT NULL,
    article_id INTEGER NOT NULL REFERENCES article (id),
    hash       INTEGER NOT NULL,
    PRIMARY KEY (feed_id, key)
) STRICT, WITHOUT ROWID;

-- Filled behind the polls, a batch at a time: an insert here costs more than all other work on an
-- article together. Contentless: the text is in `article` already.
CREATE VIRTUAL TABLE article_text USING fts5 (
    title, body,
    content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2'
);
