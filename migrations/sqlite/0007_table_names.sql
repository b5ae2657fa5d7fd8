-- Names that say what the tables hold. No row changes.

-- How each feed is polled: its schedule and next poll, its validators, and the outcome of its last poll.
ALTER TABLE plan RENAME TO poll_state;
DROP INDEX plan_due;
CREATE INDEX poll_state_due ON poll_state (next_poll_at) WHERE active = 1;

-- The last document of each feed, as hashes: of its bytes, and of each of its entries.
ALTER TABLE memory RENAME TO last_document;

-- The entries that were seen in each feed: the article that each of them is, and a hash of its content.
ALTER TABLE sighting RENAME TO feed_entry;
DROP INDEX sighting_of_article;
CREATE INDEX feed_entry_of_article ON feed_entry (article_id);
