-- What reading needs, and the life of stored articles.

-- Earlier versions of edited articles. Times are those of the polls that saw a version first
-- (NULL: before this table existed) and that saw the next one.
CREATE TABLE article_revision (
    article_id   INTEGER NOT NULL REFERENCES article (id),
    revision     INTEGER NOT NULL,
    hash         INTEGER NOT NULL,
    seen_at      INTEGER,
    replaced_at  INTEGER NOT NULL,
    title        TEXT,
    url          TEXT,
    summary      TEXT,
    content_html TEXT,
    PRIMARY KEY (article_id, revision)
) STRICT;

-- For `show`, and so that removing an article does not read all sightings.
CREATE INDEX sighting_of_article ON sighting (article_id);

-- Articles that are gone, for those who follow the changes; `seq` is from the same counter.
CREATE TABLE removed (
    seq        INTEGER PRIMARY KEY,
    article_id INTEGER NOT NULL,
    feed_id    INTEGER NOT NULL REFERENCES feed (id),
    removed_at INTEGER NOT NULL
) STRICT;

-- What removed articles were known by: should a feed bring one again, it is not news.
CREATE TABLE tombstone (
    feed_id    INTEGER NOT NULL REFERENCES feed (id),
    key        INTEGER NOT NULL,
    PRIMARY KEY (feed_id, key)
) STRICT, WITHOUT ROWID;

-- Polls by day (days since 1970, UTC), some 30 days back.
CREATE TABLE poll_day (
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    day     INTEGER NOT NULL,
    polls   INTEGER NOT NULL,
    failed  INTEGER NOT NULL,
    PRIMARY KEY (feed_id, day)
) STRICT, WITHOUT ROWID;

-- With the feed in it, the filter by many feeds reads this index alone.
DROP INDEX article_latest;
CREATE INDEX article_latest ON article (order_at DESC, seq DESC, feed_id);

-- The program itself cuts texts into words now, those of scripts without spaces included. So everything
-- is indexed anew, and the tokenizer only splits at spaces.
DROP TABLE article_text;
CREATE VIRTUAL TABLE article_text USING fts5 (
    title, body,
    content = '', contentless_delete = 1,
    tokenize = 'ascii'
);
UPDATE meta SET value = 0 WHERE key = 'indexed_seq';
