-- The number of articles of each feed, and the effective date of the newest one, so that a list of feeds counts no articles.
-- A poll adds its new articles in one statement, and triggers keep both when articles are removed or dated anew. A feed that
-- never had an article has no row; `newest_at` is NULL when all articles were removed.
CREATE TABLE feed_totals (
    feed_id   INTEGER PRIMARY KEY REFERENCES feed (id),
    articles  INTEGER NOT NULL,
    newest_at INTEGER
) STRICT;
INSERT INTO feed_totals (feed_id, articles, newest_at)
    SELECT feed_id, count(*), max(order_at) FROM article GROUP BY feed_id;

CREATE TRIGGER article_dated AFTER UPDATE OF order_at ON article WHEN new.order_at <> old.order_at
BEGIN
    UPDATE feed_totals SET newest_at = (SELECT max(order_at) FROM article WHERE feed_id = new.feed_id)
    WHERE feed_id = new.feed_id;
END;
CREATE TRIGGER article_removed AFTER DELETE ON article
BEGIN
    UPDATE feed_totals SET articles = articles - 1,
        newest_at = (SELECT max(order_at) FROM article WHERE feed_id = old.feed_id)
    WHERE feed_id = old.feed_id;
END;

-- The feeds with each tag, so that a filter by tag does not read all feeds. Triggers keep it like `feed.tags`.
CREATE TABLE feed_tag (
    tag     TEXT NOT NULL,
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    PRIMARY KEY (tag, feed_id)
) STRICT, WITHOUT ROWID;
INSERT INTO feed_tag (tag, feed_id) SELECT DISTINCT t.value, f.id FROM feed f, json_each(f.tags) t;

CREATE TRIGGER feed_stored AFTER INSERT ON feed
BEGIN
    INSERT INTO feed_tag (tag, feed_id) SELECT DISTINCT value, new.id FROM json_each(new.tags);
END;
CREATE TRIGGER feed_tagged AFTER UPDATE OF tags ON feed WHEN new.tags <> old.tags
BEGIN
    DELETE FROM feed_tag WHERE feed_id = old.id AND tag IN (SELECT value FROM json_each(old.tags));
    INSERT INTO feed_tag (tag, feed_id) SELECT DISTINCT value, new.id FROM json_each(new.tags);
END;
CREATE TRIGGER feed_removed AFTER DELETE ON feed
BEGIN
    DELETE FROM feed_tag WHERE feed_id = old.id AND tag IN (SELECT value FROM json_each(old.tags));
    DELETE FROM feed_totals WHERE feed_id = old.id;
END;

-- Feeds by what a user calls them; `url` is unique, so that it has an index already.
CREATE INDEX feed_name ON feed (name) WHERE name IS NOT NULL;
CREATE INDEX feed_title ON feed (title) WHERE title IS NOT NULL;
-- For the list of languages, which is in each page.
CREATE INDEX feed_language ON feed (language) WHERE language IS NOT NULL;
