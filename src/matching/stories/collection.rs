//! The open stories of one language: the counts of terms, the stories, and the index from terms to stories.

use std::collections::VecDeque;

use foldhash::HashMap;

use crate::feed::function_words;
use crate::matching::stories::name::Name;
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
pub(super) type TermId = u32;

/// The place of a story in a collection.
type Slot = u32;

#[derive(Debug, Default)]
pub(super) struct Collection {
    /// See [`function_words::bit_of`].
    language: u32,
    /// Articles that are counted.
    documents: usize,
    ids: HashMap<Name, TermId>,
    terms: Vec<TermState>,
    free_terms: Vec<TermId>,
    stories: Vec<Option<Story>>,
    /// The dates of each story, which are read of many stories for each article.
    spans: Vec<Span>,
    free_stories: Vec<Slot>,
    /// The place of each story.
    slots: HashMap<i64, Slot>,
    members: HashMap<i64, Member>,
    /// A score for each place of a story; all are 0 between two searches.
    scores: Vec<u64>,
    /// The places of which the score is not 0; none between two searches.
    touched: Vec<Slot>,
    /// The weight of each term in the article that is looked for; all are 0 between two searches.
    weights: Vec<u16>,
    /// The articles that are counted, in their order, and when each stops counting.
    ends: VecDeque<(i64, i64)>,
    /// The articles of the stories that were closed since [`Self::take_closed`].
    closed: Vec<i64>,
}

#[derive(Debug, Default)]
struct TermState {
    name: Name,
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
    /// Members that are in the sum.
    size: u32,
    /// The sum of the vectors of its members, sorted by term.
    sum: Vec<(TermId, u32)>,
    members: Vec<i64>,
}

/// The dates of the earliest and of the latest article of a story.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    earliest: i64,
    latest: i64,
}

#[derive(Debug)]
struct Member {
    story: Slot,
    is_counted: bool,
    terms: Box<[TermId]>,
}

/// A story that an article may join.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Similar {
    pub(super) story: i64,
    pub(super) score: f64,
    /// Names of the terms that weigh most.
    pub(super) shared: Vec<Name>,
}

/// What is counted of an article.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted<'a> {
    pub(super) article: i64,
    pub(super) vector: &'a [Weighted],
    /// Its date.
    pub(super) at: i64,
    /// When it stops counting; not before all articles that were added before it.
    pub(super) ends: i64,
}

/// A term of the vector of an article. The terms of a vector are sorted by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighted {
    pub(super) name: Name,
    /// A term of weight 0 is only counted.
    pub(super) weight: u16,
    /// The number of the term, if it was looked up and is known.
    pub(super) id: Option<TermId>,
}

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
    pub(super) fn vector(&self, terms: &Terms) -> Vec<Weighted> {
        let mut rarities = Rarities::new(self.documents);
        let weigh = |term: &Term| {
            let id = self.ids.get(&term.name).copied();
            let rarity = match id.and_then(|id| self.term(id)) {
                Some(state) => rarities.of(state.documents, state.is_function_word),
                None => rarities.of(0, is_function_word(self.language, &term.name)),
            };
            (Weighted { name: term.name, weight: 0, id }, (1.0 + log_of_count(term.count)) * rarity)
        };
        let (mut vector, weights): (Vec<Weighted>, Vec<f64>) = terms.iter().map(weigh).unzip();
        let length = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
        // Of terms with the same weight, the first in the order of their names are heavier.
        let mut heaviest: Vec<(usize, f64)> = weights.into_iter().enumerate().collect();
        let heavier = |(a, x): &(usize, f64), (b, y): &(usize, f64)| y.total_cmp(x).then(a.cmp(b));
        if KEPT < heaviest.len() {
            heaviest.select_nth_unstable_by(KEPT, heavier);
            heaviest.truncate(KEPT);
        }
        for (place, weight) in heaviest {
            if let Some(kept) = vector.get_mut(place) {
                kept.weight = quantised(weight / length);
            }
        }
        vector
    }

    /// The open story that an article with this vector and this date belongs to.
    pub(super) fn similar(&mut self, vector: &[Weighted], at: i64) -> Option<Similar> {
        let known = |term: &&Weighted| 0 < term.weight && term.id.is_some();
        let mut heaviest: Vec<&Weighted> = vector.iter().filter(known).collect();
        heaviest.sort_unstable_by(|a, b| b.weight.cmp(&a.weight).then(a.name.cmp(&b.name)));
        let own: Vec<(TermId, u16)> =
            heaviest.iter().filter_map(|term| Some((term.id?, term.weight))).collect();
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
        let mut touched = std::mem::take(&mut self.touched);
        scores.resize(self.stories.len(), 0);
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
            let is_near = self.spans.get(slot as usize).is_some_and(|span| span.is_near(at));
            Some((slot, score?)).filter(|_| is_near)
        };
        let mut near: Vec<(Slot, u64)> = touched.drain(..).filter_map(take).collect();
        (self.scores, self.touched) = (scores, touched);
        if COMPARED < near.len() {
            let number = |slot: &Slot| self.story(*slot).map(|story| story.number);
            near.select_nth_unstable_by(COMPARED, |(a, x), (b, y)| {
                y.cmp(x).then_with(|| number(a).cmp(&number(b)))
            });
            near.truncate(COMPARED);
        }
        near.into_iter().map(|(slot, _)| slot).collect()
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
        tying.sort_unstable_by(|(x, a), (y, b)| y.cmp(x).then_with(|| a.name.cmp(&b.name)));
        let shared = tying.iter().take(EXPLAINED).map(|(_, term)| term.name).collect();
        Some((Similar { story: story.number, score: score.min(1.0), shared }, margin))
    }

    /// Counts an article and adds it to a story, which it begins if the story is not open.
    pub(super) fn add(&mut self, story: i64, counted: &Counted<'_>) {
        let Counted { article, vector, at, ends } = *counted;
        if self.members.contains_key(&article) {
            return;
        }
        let own: Box<[TermId]> = vector.iter().map(|term| self.count(term)).collect();
        self.documents += 1;
        let slot = self.open(story, at);
        let weights = own.iter().zip(vector).map(|(id, term)| (*id, u32::from(term.weight)));
        self.sum_up(slot, weights.filter(|(_, weight)| 0 < *weight));
        if let Some(span) = self.spans.get_mut(slot as usize) {
            *span = Span { earliest: span.earliest.min(at), latest: span.latest.max(at) };
        }
        if let Some(story) = self.story_mut(slot) {
            story.closes = story.closes.max(ends);
            story.members.push(article);
        }
        self.members.insert(article, Member { story: slot, is_counted: true, terms: own });
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

    /// Adds the weights of an article to the sum of a story and keeps its heaviest terms.
    fn sum_up(&mut self, slot: Slot, weights: impl Iterator<Item = (TermId, u32)>) {
        let Some(story) = self.story_mut(slot) else { return };
        story.size += 1;
        let size = story.size;
        let old = std::mem::take(&mut story.sum);
        let mut sum: Vec<(TermId, u32)> = Vec::with_capacity(old.len() + KEPT);
        sum.extend(&old);
        sum.extend(weights);
        sum.sort_unstable();
        sum.dedup_by(|later, first| {
            let is_same = later.0 == first.0;
            first.1 += if is_same { later.1 } else { 0 };
            is_same
        });
        if KEPT_OF_STORY < sum.len() {
            sum.sort_unstable_by(|(a, x), (b, y)| {
                y.cmp(x).then_with(|| self.name(*a).cmp(&self.name(*b)))
            });
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
            size: 0,
            sum: Vec::new(),
            members: Vec::new(),
        };
        let slot = self.free_stories.pop().unwrap_or_else(|| {
            self.stories.push(None);
            self.spans.push(Span::default());
            place(self.stories.len() - 1)
        });
        if let Some(place) = self.stories.get_mut(slot as usize) {
            *place = Some(new);
        }
        if let Some(span) = self.spans.get_mut(slot as usize) {
            *span = Span { earliest: at, latest: at };
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
            for id in member.terms {
                self.release(id);
            }
            self.closed.push(article);
        }
    }

    /// Counts a term of a new article.
    fn count(&mut self, term: &Weighted) -> TermId {
        let id = term.id.unwrap_or_else(|| self.id_of(term.name));
        if let Some(term) = self.term_mut(id) {
            term.documents += 1;
            term.uses += 1;
        }
        id
    }

    /// The number of a term, which may be new.
    fn id_of(&mut self, name: Name) -> TermId {
        let language = self.language;
        *self.ids.entry(name).or_insert_with(|| {
            let new = TermState {
                name,
                is_function_word: is_function_word(language, &name),
                ..TermState::default()
            };
            if let Some(id) = self.free_terms.pop()
                && let Some(term) = self.terms.get_mut(id as usize)
            {
                *term = new;
                return id;
            }
            self.terms.push(new);
            place(self.terms.len() - 1)
        })
    }

    /// Stops counting an article and its terms.
    fn uncount(&mut self, article: i64) {
        let Some(member) = self.members.get_mut(&article).filter(|member| member.is_counted) else {
            return;
        };
        member.is_counted = false;
        self.documents -= 1;
        for id in &member.terms {
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

    fn name(&self, id: TermId) -> Option<Name> {
        self.term(id).map(|term| term.name)
    }

    fn story(&self, slot: Slot) -> Option<&Story> {
        self.stories.get(slot as usize)?.as_ref()
    }

    fn story_mut(&mut self, slot: Slot) -> Option<&mut Story> {
        self.stories.get_mut(slot as usize)?.as_mut()
    }
}

impl Span {
    /// Whether an article of this date may be about the event: not long before the earliest article or after the latest.
    fn is_near(self, at: i64) -> bool {
        self.earliest.saturating_sub(WINDOW) <= at && at <= self.latest.saturating_add(WINDOW)
    }
}

/// Articles with a term of which the rarity is kept. Most terms are in few articles.
const FEW: usize = 32;

/// How much terms weigh by the number of articles that they are in.
struct Rarities {
    /// All articles, with those that are assumed.
    documents: f64,
    /// The rarities of terms in few articles, as far as they are known; the others are not a number.
    few: [f64; FEW],
}

impl Rarities {
    fn new(documents: usize) -> Self {
        Self { documents: as_f64(documents) + ASSUMED, few: [f64::NAN; FEW] }
    }

    fn of(&mut self, count: u32, is_function_word: bool) -> f64 {
        let of = |count: f64| libm::log((self.documents + 20.0) / (count + 0.5));
        match self.few.get_mut(count as usize) {
            _ if is_function_word => of(f64::from(count) + ASSUMED_WITH_WORD),
            None => of(f64::from(count)),
            Some(known) => {
                if known.is_nan() {
                    *known = of(f64::from(count));
                }
                *known
            }
        }
    }
}

/// The natural logarithm of how often a term is used.
fn log_of_count(count: u32) -> f64 {
    match count {
        1 => 0.0,
        2 => std::f64::consts::LN_2,
        _ => libm::log(f64::from(count)),
    }
}

fn is_function_word(language: u32, name: &Name) -> bool {
    name.with_text(|name| function_words::is_one(language, name))
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
