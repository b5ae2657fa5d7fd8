-- How many articles were edited is asked with each `status`; to count them must not read all articles.
CREATE INDEX article_edited ON article (id) WHERE revision > 0;
