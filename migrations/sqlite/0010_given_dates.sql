-- The dates that the feed gave for an entry when it was last read, to see whether it gives others later.
ALTER TABLE feed_entry ADD COLUMN published_at INTEGER;
ALTER TABLE feed_entry ADD COLUMN modified_at INTEGER;
-- Articles that consumers do not hear of: those of the first poll of a feed with `quiet_start`. An edit removes the row.
CREATE TABLE quiet_article (
    article_id INTEGER PRIMARY KEY REFERENCES article (id)
) STRICT;
