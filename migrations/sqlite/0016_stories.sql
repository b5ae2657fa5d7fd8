-- The story of each article: articles about one event have one `story_id`, which is the number of the first article, or a
-- sequence number if a user has made the story. `reason` is 'first', 'similar', 'duplicate' or 'by_hand'; `score` is the
-- similarity to the articles before it, from 0 to 1; `shared` has the words that tie it to them, as a JSON array.
CREATE TABLE story_article (
    article_id INTEGER PRIMARY KEY REFERENCES article (id),
    story_id   INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    score      REAL NOT NULL,
    shared     TEXT,
    decided_at INTEGER NOT NULL
) STRICT;
CREATE INDEX story_article_of ON story_article (story_id, article_id);

-- What new articles are compared with: the articles of the stories that are open. Rows stay when their articles are removed,
-- so that a restart changes no decision, and go when the story is closed. `at` is the date of the article. `story_id` is
-- the story without what users have merged: both parts of a merged story go on as before, and lead to one story.
CREATE TABLE open_story_article (
    article_id INTEGER PRIMARY KEY,
    story_id   INTEGER NOT NULL,
    language   TEXT NOT NULL,
    at         INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    terms      BLOB NOT NULL
) STRICT;

-- Stories that a user has merged into another one. Their ids, and the articles that join them, lead there.
CREATE TABLE merged_story (
    story_id INTEGER PRIMARY KEY,
    into_id  INTEGER NOT NULL
) STRICT;

-- How often a user has split a story. A process that has read another number reads the open stories again.
INSERT INTO meta (key, value) VALUES ('story_changes', 0);
