-- The program stores the tags of a new feed, because a trigger for each of a million new feeds takes longer than the feeds.
-- Changed tags are stored by the trigger `feed_tagged` as before.
DROP TRIGGER feed_stored;
