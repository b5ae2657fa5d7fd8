-- What led a feed to `moved_to`: NULL or 'redirect' for a permanent redirect, 'new_feed_url' for a document.
ALTER TABLE poll_state ADD COLUMN moved_by TEXT;
-- The address that the feed's document names as its new one (`itunes:new-feed-url`) while the feed has not moved
-- there, when it was named first, and when it is tried (NULL: not any more).
ALTER TABLE poll_state ADD COLUMN new_feed_url TEXT;
ALTER TABLE poll_state ADD COLUMN named_at INTEGER;
ALTER TABLE poll_state ADD COLUMN try_at INTEGER;
