-- The page of each article whose feed has `full_text`. `state` is 'pending', 'page', 'feed', 'failed', 'paywall', 'blocked' or
-- 'robots'. `attempts` counts the requests since the article was stored or its entry changed; `next_at` is the time of the
-- next request, NULL for none. `feed_id` and `order_at` are those of the article. A page that is leased is being requested.
CREATE TABLE article_page (
    article_id    INTEGER PRIMARY KEY REFERENCES article (id),
    feed_id       INTEGER NOT NULL REFERENCES feed (id),
    order_at      INTEGER NOT NULL,
    host          TEXT NOT NULL,
    url           TEXT NOT NULL,
    state         TEXT NOT NULL,
    is_fetched    INTEGER NOT NULL DEFAULT 0,
    next_at       INTEGER,
    leased_until  INTEGER NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL DEFAULT 0,
    tried_at      INTEGER,
    fetched_at    INTEGER,
    reason        TEXT,
    engine        TEXT,
    words         INTEGER,
    canonical_url TEXT,
    dates_article INTEGER NOT NULL DEFAULT 0,
    etag          BLOB,
    last_modified BLOB,
    validated_url TEXT
) STRICT;

-- The queue: pages that were never fetched first, then the newest articles. The columns behind these are there so that the rows
-- need not be read.
CREATE INDEX article_page_queue
    ON article_page (is_fetched, order_at DESC, article_id DESC, next_at, leased_until, host, feed_id)
    WHERE next_at IS NOT NULL;

-- What the feed said where an article shows what its page says: `from_page` has the names of these parts, as a JSON array.
CREATE TABLE feed_version (
    article_id   INTEGER PRIMARY KEY REFERENCES article (id),
    from_page    TEXT NOT NULL,
    image        TEXT,
    language     TEXT,
    authors      TEXT,
    published_at INTEGER,
    summary      TEXT,
    content_html TEXT
) STRICT;

-- New articles that consumers do not hear of before their page was requested, at the latest at the time `until`.
-- `announced_seq` is the sequence number under which they hear of them then.
CREATE TABLE held_article (
    article_id    INTEGER PRIMARY KEY REFERENCES article (id),
    until         INTEGER NOT NULL,
    announced_seq INTEGER
) STRICT;
CREATE INDEX held_article_waiting ON held_article (until) WHERE announced_seq IS NULL;
CREATE INDEX held_article_announced ON held_article (announced_seq) WHERE announced_seq IS NOT NULL;

-- Hosts that were asked for pages: how many on the day `day` (days since 1970, UTC), and until when a host asked to be left
-- alone.
CREATE TABLE page_host (
    host         TEXT PRIMARY KEY,
    day          INTEGER NOT NULL,
    requests     INTEGER NOT NULL,
    paused_until INTEGER NOT NULL DEFAULT 0,
    strikes      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The keys of the canonical addresses that pages name, where these are not the addresses of the articles: articles of other feeds
-- find an article by them. Those of articles that are no longer compared leave the table.
CREATE TABLE page_key (
    key        INTEGER NOT NULL,
    article_id INTEGER NOT NULL,
    PRIMARY KEY (key, article_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX page_key_of_article ON page_key (article_id);
