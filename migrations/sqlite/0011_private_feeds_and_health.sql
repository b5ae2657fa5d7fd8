-- A hash of the address of a private feed, by which it stays the same feed when its name or `private` changes.
-- NULL: the feed is not private, and `url` is its address.
ALTER TABLE feed ADD COLUMN address_hash BLOB;
CREATE INDEX feed_address_hash ON feed (address_hash) WHERE address_hash IS NOT NULL;

-- Articles by the time at which they arrived, for digests.
CREATE INDEX article_first_seen ON article (first_seen_at);
