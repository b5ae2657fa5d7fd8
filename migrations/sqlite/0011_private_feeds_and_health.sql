-- A hash of the address of a private feed, by which it stays the same feed when its name or `private` changes.
-- NULL: the feed is not private, and `url` is its address.
ALTER TABLE feed ADD COLUMN address_hash BLOB;
CREATE INDEX feed_address_hash ON feed (address_hash) WHERE address_hash IS NOT NULL;

-- Articles by the time at which they arrived, for digests.
CREATE INDEX article_first_seen ON article (first_seen_at);

-- Articles that were stored while `hide_future` was on and their date was ahead. They are left out of everything
-- until `announced_seq` is set: the sequence number under which consumers hear of them, when their time has come.
CREATE TABLE future_article (
    article_id    INTEGER PRIMARY KEY REFERENCES article (id),
    announced_seq INTEGER,
    announced_at  INTEGER
) STRICT;
CREATE INDEX future_article_hidden ON future_article (article_id) WHERE announced_seq IS NULL;

-- How each feed was when that was looked at last, if an export asks for it: `trouble` is 'failing', 'gone' or NULL.
CREATE TABLE feed_health (
    feed_id INTEGER PRIMARY KEY REFERENCES feed (id),
    trouble TEXT,
    silent  INTEGER NOT NULL
) STRICT;

-- What has changed about that, under numbers of the same sequence as articles: consumers follow both in one way.
CREATE TABLE feed_health_event (
    seq          INTEGER PRIMARY KEY,
    feed_id      INTEGER NOT NULL REFERENCES feed (id),
    at           INTEGER NOT NULL,
    event        TEXT NOT NULL,
    was          TEXT,
    since        INTEGER,
    outcome      TEXT,
    status       INTEGER,
    detail       TEXT,
    succeeded_at INTEGER,
    newest_at    INTEGER
) STRICT;
