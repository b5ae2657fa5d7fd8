//! The open stories of one language: the counts of terms, the stories, and the index from terms to stories.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::HashMap;

use crate::feed::function_words;
use crate::matching::stories::terms::{Term, Terms};
use crate::matching::stories::{EXPLAINED, WINDOW};

/// Terms of an article that are kept in its vector, the heaviest.
const KEPT: usize = 24;

/// Terms that a story keeps.
const KEPT_OF_STORY: usize = 72;

/// Terms of an article by which stories are looked for.
const LOOKED_UP: usize = 12;

/// Stories that are looked up by one term, the newest.
const STORIES_OF_TERM: usize = 128;

/// Stories that are compared with an article.
const COMPARED: usize = 64;

/// An article joins a story only by so many rare terms.
const RARE_TERMS: usize = 2;

/// A term is rare if it is in at most so many articles, or in one of a hundred, and is no function word.
const RARE: usize = 15;

/// The number of articles of which the counts are assumed, so that the first articles are not tied together by "the" and "and".
const ASSUMED: f64 = 500.0;

/// The number of these articles that are assumed to have a function word.
const ASSUMED_WITH_WORD: f64 = 150.0;

/// A weight of 1.
const ONE: u16 = 1 << 14;

/// The similarity from which on an article joins a story with so many members, the last for more too.
const THRESHOLDS: [f64; 3] = [0.25, 0.195, 0.14];

/// The number of a term in a collection.
type TermId = u32;

/// The place of a story in a collection.
type Slot = u32;

#[derive(Debug, Default)]
pub(super) struct Collection {
    /// See [`function_words::bit_of`].
    language: u32,
    /// Articles that are counted.
    documents: usize,
    ids: HashMap<Arc<str>, TermId>,
    terms: Vec<TermState>,
    free_terms: Vec<TermId>,
    stories: Vec<Option<Story>>,
    free_stories: Vec<Slot>,
    /// The place of each story.
    slots: HashMap<i64, Slot>,
    members: HashMap<i64, Member>,
    /// A score for each place of a story; all are 0 between two searches.
    scores: Vec<u64>,
    /// The weight of each term in the article that is looked for; all are 0 between two searches.
    weights: Vec<u16>,
    /// The articles that are counted, in their order, and when each stops counting.
    ends: VecDeque<(i64, i64)>,
    /// The articles of the stories that were closed since [`Self::take_closed`].
    closed: Vec<i64>,
}

#[derive(Debug, Default)]
struct TermState {
    name: Arc<str>,
    /// Whether it is a function word of the language.
    is_function_word: bool,
    /// Articles with the term that are counted.
    documents: u32,
    /// Articles in memory with the term.
    uses: u32,
    /// Stories of which the sum has the term, the newest last, and the mean weight of the term in each.
    stories: Vec<(Slot, u32)>,
}

#[derive(Debug)]
struct Story {
    number: i64,
    /// When it closes, in Unix seconds.
    closes: i64,
    /// The dates of its earliest and of its latest article.
    span: (i64, i64),
    /// Members that are in the sum.
    size: u32,
    /// The sum of the vectors of its members, sorted by term.
    sum: Vec<(TermId, u32)>,
    members: Vec<i64>,
}

#[derive(Debug)]
struct Member {
    story: Slot,
    is_counted: bool,
    /// Terms and weights, sorted by term. Terms of weight 0 are only counted.
    vector: Box<[(TermId, u16)]>,
}

/// A story that an article may join.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Similar {
    pub(super) story: i64,
    pub(super) score: f64,
    /// Names of the terms that weigh most.
    pub(super) shared: Vec<Arc<str>>,
}

/// What is counted of an article.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted<'a> {
    pub(super) article: i64,
    pub(super) vector: &'a Vector<'a>,
    /// Its date.
    pub(super) at: i64,
    /// When it stops counting; not before all articles that were added before it.
    pub(super) ends: i64,
}

/// Names and weights of terms, sorted by name.
pub(super) type Vector<'a> = Vec<(&'a str, u16)>;

impl Collection {
    pub(super) fn new(language: &str) -> Self {
        Self { language: function_words::bit_of(language), ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The number of articles that are counted.
    pub(super) fn counted(&self) -> usize {
        self.ends.len()
    }

    /// The earliest article that is counted.
    pub(super) fn earliest(&self) -> Option<i64> {
        self.ends.front().map(|(_, article)| *article)
    }

    /// The articles of the stories that were closed since the last call.
    pub(super) fn take_closed(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.closed)
    }

    /// The vector of an article that is not counted yet.
    pub(super) fn vector<'a>(&self, terms: &'a Terms) -> Vector<'a> {
        let documents = as_f64(self.documents) + ASSUMED;
        let weigh = |term: Term<'_>| {
            let known = self.ids.get(term.name).and_then(|id| self.term(*id));
            let count = known.map_or(0.0, |state| f64::from(state.documents));
            let assumed = match known {
                Some(state) => state.is_function_word,
                None => function_words::is_one(self.language, term.name),
            };
            let count = if assumed { count + ASSUMED_WITH_WORD } else { count };
            let used = if term.count == 1 { 0.0 } else { libm::log(f64::from(term.count)) };
            (1.0 + used) * libm::log((documents + 20.0) / (count + 0.5))
        };
        let weights: Vec<f64> = terms.iter().map(weigh).collect();
        let length = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
        let mut vector: Vector<'_> = terms.iter().map(|term| (term.name, 0)).collect();
        // Of terms with the same weight, the first in the order of their names are heavier.
        let mut heaviest: Vec<(usize, f64)> = weights.into_iter().enumerate().collect();
        let heavier = |(a, x): &(usize, f64), (b, y): &(usize, f64)| y.total_cmp(x).then(a.cmp(b));
        if KEPT < heaviest.len() {
            heaviest.select_nth_unstable_by(KEPT, heavier);
            heaviest.truncate(KEPT);
        }
        for (place, weight) in heaviest {
            if let Some((_, kept)) = vector.get_mut(place) {
                *kept = quantised(weight / length);
            }
        }
        vector
    }

    /// The open story that an article with this vector and this date belongs to.
    pub(super) fn similar(&mut self, vector: &Vector<'_>, at: i64) -> Option<Similar> {
        let known = |(name, weight): &(&str, u16)| {
            Some((*self.ids.get(*name)?, *weight)).filter(|(_, weight)| 0 < *weight)
        };
        let mut own: Vec<(TermId, u16)> = vector.iter().filter_map(known).collect();
        own.sort_unstable_by(|(a, x), (b, y)| {
            y.cmp(x).then_with(|| self.name(*a).cmp(&self.name(*b)))
        });
        let candidates = self.candidates(own.get(..LOOKED_UP).unwrap_or(&own), at);
        self.weights.resize(self.terms.len(), 0);
        self.set_weights(own.iter().copied());
        let rated = candidates.into_iter().filter_map(|slot| self.rated(slot));
        let best =
            rated.min_by(|(a, x), (b, y)| y.total_cmp(x).then_with(|| a.story.cmp(&b.story)));
        self.set_weights(own.iter().map(|(id, _)| (*id, 0)));
        best.map(|(found, _)| found)
    }

    fn set_weights(&mut self, weights: impl Iterator<Item = (TermId, u16)>) {
        for (id, weight) in weights {
            if let Some(place) = self.weights.get_mut(id as usize) {
                *place = weight;
            }
        }
    }

    /// The stories of the time that share the heaviest terms, in no particular order: at most [`COMPARED`], those that share
    /// most.
    fn candidates(&mut self, terms: &[(TermId, u16)], at: i64) -> Vec<Slot> {
        let mut scores = std::mem::take(&mut self.scores);
        scores.resize(self.stories.len(), 0);
        let mut touched: Vec<Slot> = Vec::new();
        for (id, weight) in terms {
            for (slot, mean) in self.term(*id).iter().flat_map(|term| &term.stories) {
                if let Some(score) = scores.get_mut(*slot as usize) {
                    if *score == 0 {
                        touched.push(*slot);
                    }
                    *score += u64::from(*weight) * u64::from((*mean).max(1));
                }
            }
        }
        let take = |slot: Slot| {
            let score = scores.get_mut(slot as usize).map(std::mem::take);
            (slot, score.unwrap_or_default())
        };
        let mut left: Vec<(Slot, u64)> = touched.into_iter().map(take).collect();
        self.scores = scores;
        let number = |slot: &Slot| self.story(*slot).map(|story| story.number);
        let better = |(a, x): &(Slot, u64), (b, y): &(Slot, u64)| {
            y.cmp(x).then_with(|| number(a).cmp(&number(b)))
        };
        // The dates are read of the best ones only, which are in many places of the memory.
        let mut best = Vec::with_capacity(COMPARED);
        while !left.is_empty() && best.len() < COMPARED {
            let wanted = COMPARED - best.len();
            let next = if wanted < left.len() {
                left.select_nth_unstable_by(wanted, better);
                let others = left.split_off(wanted);
                std::mem::replace(&mut left, others)
            } else {
                std::mem::take(&mut left)
            };
            let is_near = |slot: &Slot| self.story(*slot).is_some_and(|story| story.is_near(at));
            best.extend(next.into_iter().map(|(slot, _)| slot).filter(is_near));
        }
        best
    }

    /// The similarity of a story to the article whose weights are set, and the margin over its threshold; `None` below it.
    fn rated(&self, slot: Slot) -> Option<(Similar, f64)> {
        let story = self.story(slot)?;
        let weight = |id: TermId| u64::from(self.weights.get(id as usize).copied().unwrap_or(0));
        let dot: u64 = story.sum.iter().map(|(id, other)| weight(*id) * u64::from(*other)).sum();
        let score = as_f64(dot) / f64::from(story.size.max(1)) / f64::from(ONE) / f64::from(ONE);
        let place = (story.size.max(1) as usize - 1).min(THRESHOLDS.len() - 1);
        let margin = score - THRESHOLDS.get(place).copied().unwrap_or(1.0);
        if margin < 0.0 {
            return None;
        }
        let rare = RARE.max(self.documents / 100);
        let products = story.sum.iter().map(|(id, other)| (weight(*id) * u64::from(*other), *id));
        let shared: Vec<(u64, &TermState)> = products
            .filter(|(product, _)| 0 < *product)
            .filter_map(|(product, id)| Some((product, self.term(id)?)))
            .collect();
        let is_rare = |term: &TermState| !term.is_function_word && term.documents as usize <= rare;
        if shared.iter().filter(|(_, term)| is_rare(term)).count() < RARE_TERMS {
            return None;
        }
        let mut tying: Vec<(u64, &TermState)> =
            shared.into_iter().filter(|(_, term)| !term.is_function_word).collect();
        tying.sort_by(|(x, a), (y, b)| y.cmp(x).then_with(|| a.name.cmp(&b.name)));
        let shared = tying.iter().take(EXPLAINED).map(|(_, term)| Arc::clone(&term.name)).collect();
        Some((Similar { story: story.number, score: score.min(1.0), shared }, margin))
    }

    /// Counts an article and adds it to a story, which it begins if the story is not open.
    pub(super) fn add(&mut self, story: i64, counted: &Counted<'_>) {
        let Counted { article, vector, at, ends } = *counted;
        if self.members.contains_key(&article) {
            return;
        }
        let mut own: Vec<(TermId, u16)> =
            vector.iter().map(|(name, weight)| (self.count(name), *weight)).collect();
        own.sort_unstable();
        self.documents += 1;
        let slot = self.open(story, at);
        self.sum_up(slot, &own);
        if let Some(story) = self.story_mut(slot) {
            story.closes = story.closes.max(ends);
            story.span = (story.span.0.min(at), story.span.1.max(at));
            story.members.push(article);
        }
        self.members.insert(article, Member { story: slot, is_counted: true, vector: own.into() });
        self.ends.push_back((ends, article));
    }

    /// Stops counting articles and closes stories of which the time is over.
    pub(super) fn advance(&mut self, now: i64) {
        while self.ends.front().is_some_and(|(ends, _)| *ends < now) {
            self.drop_earliest();
        }
    }

    /// Stops counting the earliest article, and closes its story if no later one is counted.
    pub(super) fn drop_earliest(&mut self) {
        let Some((ends, article)) = self.ends.pop_front() else { return };
        let Some(slot) = self.members.get(&article).map(|member| member.story) else { return };
        self.uncount(article);
        let is_last = |story: &Story| story.members.last() == Some(&article);
        if self.story(slot).is_some_and(|story| story.closes <= ends && is_last(story)) {
            self.close(slot);
        }
    }

    /// Adds a vector to the sum of a story and keeps its heaviest terms.
    fn sum_up(&mut self, slot: Slot, vector: &[(TermId, u16)]) {
        let Some(story) = self.story_mut(slot) else { return };
        story.size += 1;
        let size = story.size;
        let old = std::mem::take(&mut story.sum);
        let new = vector.iter().filter(|(_, weight)| 0 < *weight);
        let mut sum: Vec<(TermId, u32)> = Vec::with_capacity(old.len() + KEPT);
        sum.extend(&old);
        sum.extend(new.map(|(id, weight)| (*id, u32::from(*weight))));
        sum.sort_unstable();
        sum.dedup_by(|later, first| {
            let is_same = later.0 == first.0;
            first.1 += if is_same { later.1 } else { 0 };
            is_same
        });
        if KEPT_OF_STORY < sum.len() {
            sum.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| self.name(*a).cmp(&self.name(*b))));
            sum.truncate(KEPT_OF_STORY);
            sum.sort_unstable();
        }
        sum.shrink_to_fit();
        self.unlist(slot, &old);
        for (id, weight) in &sum {
            if let Some(term) = self.term_mut(*id) {
                if STORIES_OF_TERM <= term.stories.len() {
                    term.stories.remove(0);
                }
                term.stories.push((slot, weight / size));
            }
        }
        if let Some(story) = self.story_mut(slot) {
            story.sum = sum;
        }
    }

    /// Removes a story from the index.
    fn unlist(&mut self, slot: Slot, sum: &[(TermId, u32)]) {
        for (id, _) in sum {
            if let Some(term) = self.term_mut(*id)
                && let Some(place) = term.stories.iter().rposition(|(other, _)| *other == slot)
            {
                term.stories.remove(place);
            }
        }
    }

    fn open(&mut self, story: i64, at: i64) -> Slot {
        if let Some(slot) = self.slots.get(&story) {
            return *slot;
        }
        let new = Story {
            number: story,
            closes: i64::MIN,
            span: (at, at),
            size: 0,
            sum: Vec::new(),
            members: Vec::new(),
        };
        let slot = self.free_stories.pop().unwrap_or_else(|| {
            self.stories.push(None);
            place(self.stories.len() - 1)
        });
        if let Some(place) = self.stories.get_mut(slot as usize) {
            *place = Some(new);
        }
        self.slots.insert(story, slot);
        slot
    }

    fn close(&mut self, slot: Slot) {
        let Some(story) = self.stories.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.slots.remove(&story.number);
        self.free_stories.push(slot);
        self.unlist(slot, &story.sum);
        for article in story.members {
            self.uncount(article);
            let Some(member) = self.members.remove(&article) else { continue };
            for (id, _) in member.vector {
                self.release(id);
            }
            self.closed.push(article);
        }
    }

    /// Counts a term of a new article.
    fn count(&mut self, name: &str) -> TermId {
        let id = self.ids.get(name).copied().unwrap_or_else(|| {
            let is_function_word = function_words::is_one(self.language, name);
            let name: Arc<str> = name.into();
            let id = self.free_terms.pop().unwrap_or_else(|| {
                self.terms.push(TermState::default());
                place(self.terms.len() - 1)
            });
            self.ids.insert(Arc::clone(&name), id);
            if let Some(term) = self.terms.get_mut(id as usize) {
                *term = TermState { name, is_function_word, ..TermState::default() };
            }
            id
        });
        if let Some(term) = self.term_mut(id) {
            term.documents += 1;
            term.uses += 1;
        }
        id
    }

    /// Stops counting an article and its terms.
    fn uncount(&mut self, article: i64) {
        let Some(member) = self.members.get_mut(&article).filter(|member| member.is_counted) else {
            return;
        };
        member.is_counted = false;
        self.documents -= 1;
        for (id, _) in &member.vector {
            if let Some(term) = self.terms.get_mut(*id as usize) {
                term.documents -= 1;
            }
        }
    }

    /// Forgets a term that no article in memory has any more.
    fn release(&mut self, id: TermId) {
        let Some(term) = self.term_mut(id) else { return };
        term.uses -= 1;
        if term.uses == 0 {
            let term = std::mem::take(term);
            self.ids.remove(&term.name);
            self.free_terms.push(id);
        }
    }

    fn term(&self, id: TermId) -> Option<&TermState> {
        self.terms.get(id as usize)
    }

    fn term_mut(&mut self, id: TermId) -> Option<&mut TermState> {
        self.terms.get_mut(id as usize)
    }

    fn name(&self, id: TermId) -> Option<&str> {
        self.term(id).map(|term| &*term.name)
    }

    fn story(&self, slot: Slot) -> Option<&Story> {
        self.stories.get(slot as usize)?.as_ref()
    }

    fn story_mut(&mut self, slot: Slot) -> Option<&mut Story> {
        self.stories.get_mut(slot as usize)?.as_mut()
    }
}

impl Story {
    /// Whether an article of this date may be about the event: not long before the earliest article or after the latest.
    fn is_near(&self, at: i64) -> bool {
        let (earliest, latest) = self.span;
        earliest.saturating_sub(WINDOW) <= at && at <= latest.saturating_add(WINDOW)
    }
}

/// A place in a list of which the number of elements is that of articles in the window.
fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "counts and products are far below 2^53")]
fn as_f64(number: impl TryInto<u64>) -> f64 {
    number.try_into().map_or(0.0, |number: u64| number as f64)
}

/// A weight between 0 and 1 as an integer, at least 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is clamped")]
fn quantised(weight: f64) -> u16 {
    (weight * f64::from(ONE)).round().clamp(1.0, f64::from(ONE)) as u16
}
