-- What the articles of a feed are found by when the feed gives them another GUID or link: hashes of forms of the GUID and
-- of the link, and of the title. The keys of removed articles stay, so that the feed cannot announce them again.
CREATE TABLE article_key (
    feed_id    INTEGER NOT NULL REFERENCES feed (id),
    key        INTEGER NOT NULL,
    article_id INTEGER NOT NULL,
    PRIMARY KEY (feed_id, key, article_id)
) STRICT, WITHOUT ROWID;

-- Articles up to this one were stored before and get their keys in batches, the newest first.
INSERT INTO meta (key, value) SELECT 'unkeyed_id', coalesce(max(id), 0) FROM article;
