-- All that a poll reads to find the rhythm of a feed, so that it touches no page of an article.
DROP INDEX article_latest_of_feed;
CREATE INDEX article_latest_of_feed ON article (feed_id, order_at DESC, seq DESC, first_seen_at, published_at);
