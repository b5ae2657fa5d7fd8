-- The number under which consumers that ask for sightings hear of a duplicate: a change of its original. What the search for
-- duplicates finds has the number of the insert of the duplicate; what the page of an article shows has its own number. Nobody
-- hears of those that were found before.
ALTER TABLE article_duplicate ADD COLUMN seq INTEGER;
CREATE INDEX article_duplicate_seq ON article_duplicate (seq);

-- The same for a merge that was undone: the original was seen in fewer feeds from then on.
ALTER TABLE refused_duplicate ADD COLUMN original_seq INTEGER;
