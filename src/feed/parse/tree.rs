//! Builds elements from tokens. The elements are balanced and bounded in depth and number.
//!
//! Each item is passed on as soon as it ends, so the tree of the whole document never exists. An element
//! whose text may contain markup (title, description, content and similar ones) has one text, in which the
//! markup is written out again. Elements that nothing reads are skipped.

use std::borrow::Cow;
use std::rc::Rc;

use memchr::memmem;
use url::Url;

use crate::feed::parse::namespaces::{Ns, Scope};
use crate::feed::parse::repairs::{Repair, Repairs};
use crate::feed::parse::root::{Root, Rootless, find_root};
use crate::html::entities::{Entities, resolve};
use crate::html::escape::{push_attribute, push_text};
use crate::html::tokenizer::{Attributes, LONGEST_VALUE, Token, Tokens};

/// The deepest nesting that is kept. Real feeds stay below 60, including XHTML content.
const MAX_DEPTH: usize = 100;

/// The most children of one element that are kept.
const MAX_CHILDREN: usize = 1_000;

/// The most elements of one item, or between two items, that are kept.
const MAX_ELEMENTS: usize = 10_000;

/// The most attributes that are written out for an element inside a text.
const MAX_ATTRIBUTES: usize = 50;

/// The most items of one document that are read.
pub(in crate::feed) const MAX_ITEMS: usize = 10_000;

/// An element with its contents.
#[derive(Debug)]
pub(super) struct Element<'a> {
    pub(super) ns: Ns,
    /// Without prefix, lower-case.
    pub(super) name: Cow<'a, str>,
    pub(super) attributes: Attributes<'a>,
    /// References are resolved. Markup in it is written out.
    pub(super) text: Cow<'a, str>,
    /// Whether `text` contains elements that the document did not escape.
    pub(super) markup: bool,
    pub(super) children: Vec<Element<'a>>,
    /// The `xml:base` in force, if there is any.
    pub(super) base: Option<Rc<Url>>,
    /// Its own `xml:lang`.
    pub(super) language: Option<Cow<'a, str>>,
}

impl<'a> Element<'a> {
    pub(super) fn child(&self, name: &str) -> Option<&Element<'a>> {
        self.children.iter().find(|child| child.ns == Ns::Core && child.name == name)
    }
}

/// What the attributes and addresses of an element are read with.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) entities: &'c Entities,
    /// The `xml:base` in force.
    pub(super) base: Option<&'c Url>,
}

/// All elements of the document that are outside of items.
pub(super) struct Outline<'a> {
    pub(super) root: Root,
    pub(super) element: Element<'a>,
    pub(super) entities: Entities,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The root or a channel. Text between its elements is ignored.
    Container,
    Item,
    Plain,
    /// An element whose text may contain markup.
    Text {
        xhtml: bool,
    },
    Skipped,
}

/// An element inside a text: its name as written, to find its end tag, and as it is written out.
#[derive(Clone, Copy)]
struct Inner<'a> {
    raw: &'a str,
    shown: &'a str,
}

struct Frame<'a> {
    element: Element<'a>,
    /// The name as written, to find the end tag.
    raw: &'a str,
    kind: Kind,
    scope: usize,
    bases: usize,
    /// Open elements inside a text or a skipped element.
    inner: Vec<Inner<'a>>,
}

/// Reads a document and passes each item to `item`.
pub(super) fn read<'a>(
    text: &'a str,
    base: &Url,
    repairs: &mut Repairs,
    item: &mut dyn FnMut(Element<'a>, &Entities, Root, &mut Repairs),
) -> Result<Outline<'a>, Rootless<'a>> {
    let mut tokens = Tokens::new(text);
    let (root, name, attributes, entities) = find_root(&mut tokens, repairs)?;
    let empty = matches!(tokens_before(text, tokens.offset()), Some(b'/'));
    let mut builder = Builder {
        root,
        entities,
        scope: Scope::default(),
        base: base.clone(),
        bases: Vec::new(),
        stack: Vec::new(),
        items: 0,
        kept: 0,
        repairs,
        item,
    };
    builder.open(name, attributes, false);
    let is_whole = empty || builder.run(&mut tokens);
    builder.repairs.add(Repair::Markup, tokens.bare);
    Ok(builder.finish(is_whole))
}

fn tokens_before(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at.checked_sub(2)?).copied()
}

struct Builder<'a, 'b> {
    root: Root,
    entities: Entities,
    scope: Scope<'a>,
    base: Url,
    bases: Vec<Rc<Url>>,
    stack: Vec<Frame<'a>>,
    items: usize,
    /// The number of elements since the last item began or ended.
    kept: usize,
    repairs: &'b mut Repairs,
    item: &'b mut dyn FnMut(Element<'a>, &Entities, Root, &mut Repairs),
}

impl<'a> Builder<'a, '_> {
    /// Reads all tokens up to the end of the root. Returns whether there is one.
    fn run(&mut self, tokens: &mut Tokens<'a>) -> bool {
        while let Some(token) = tokens.next() {
            match token {
                Token::Start { name, attributes, empty } => self.start(name, attributes, empty),
                Token::End { name } => {
                    if self.end(name) {
                        return true;
                    }
                }
                Token::Text(text) => self.text(text, false),
                Token::CData { text, closed } => {
                    let text = if closed { text } else { self.cut_cdata(text, tokens) };
                    self.text(text, true);
                }
                Token::Doctype(_) | Token::Hidden => {}
            }
        }
        false
    }

    /// A CDATA section without end ends where its element ends.
    fn cut_cdata(&mut self, text: &'a str, tokens: &mut Tokens<'a>) -> &'a str {
        self.repairs.add(Repair::Unclosed, 1);
        let Some(frame) = self.stack.last() else { return text };
        let Some(end) = memmem::find(text.as_bytes(), format!("</{}", frame.raw).as_bytes()) else {
            return text;
        };
        tokens.seek(tokens.offset() - text.len() + end);
        text.get(..end).unwrap_or(text)
    }

    fn start(&mut self, name: &'a str, attributes: Attributes<'a>, empty: bool) {
        let (ns, local) = self.scope.resolve(name);
        let Some(top) = self.stack.last() else { return };
        let is_flat = matches!(top.kind, Kind::Text { .. } | Kind::Skipped);
        let is = |name: &str| local.eq_ignore_ascii_case(name);
        let begins_item = ns == Ns::Core
            && match self.root {
                Root::Rss => is("item") || is("entry") && top.kind == Kind::Container,
                Root::Atom => is("entry") || is("item") && top.kind == Kind::Container,
                Root::Sitemap => is("url"),
            };
        if begins_item && !attributes.0.contains("xmlns=") {
            self.close_to_container();
        } else if is_flat && !self.ends_a_text(ns, local) {
            self.inner_start(name, ns, local, attributes, empty);
            return;
        } else if is_flat {
            self.repairs.add(Repair::Unclosed, 1);
            self.pop();
        }
        self.open(name, attributes, begins_item);
        if empty {
            self.pop();
        }
    }

    /// Whether an element inside a text shows that the end tag of the text is missing, because HTML has no such
    /// element.
    fn ends_a_text(&self, ns: Ns, local: &str) -> bool {
        ns == Ns::Core
            && self.root == Root::Rss
            && ["guid", "pubDate", "description"].contains(&local)
            && self.stack.last().is_some_and(|top| top.element.ns == Ns::Core)
    }

    fn close_to_container(&mut self) {
        let depth = self.stack.iter().take_while(|frame| frame.kind == Kind::Container).count();
        if depth < self.stack.len() {
            self.repairs.add(Repair::Unclosed, 1);
        }
        while depth < self.stack.len() {
            self.pop();
        }
    }

    fn open(&mut self, raw: &'a str, attributes: Attributes<'a>, is_item: bool) {
        let scope = self.scope.mark();
        self.scope.enter(attributes, self.stack.is_empty());
        let (ns, local) = self.scope.resolve(raw);
        let name = if local.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(local.to_ascii_lowercase())
        } else {
            Cow::Borrowed(local)
        };
        let bases = self.bases.len();
        let mut language = None;
        if memmem::find(attributes.0.as_bytes(), b"xml:").is_some() {
            if let Some(own) = attributes.get("xml:base", &self.entities) {
                let outer = self.bases.last().map_or(&self.base, |outer| outer.as_ref());
                if let Ok(own) = outer.join(&own) {
                    self.bases.push(Rc::new(own));
                }
            }
            // An empty one is kept, because it overrides the inherited language (XML 1.0, 2.12).
            let own = attributes.raw("xml:lang");
            language = own.map(|own| resolve(own.trim(), &self.entities).0);
        }
        let kind = self.kind(ns, &name, attributes, is_item);
        self.stack.push(Frame {
            element: Element {
                ns,
                name,
                attributes,
                text: Cow::Borrowed(""),
                markup: false,
                children: Vec::new(),
                base: self.bases.last().cloned(),
                language,
            },
            raw,
            kind,
            scope,
            bases,
            inner: Vec::new(),
        });
    }

    fn kind(&mut self, ns: Ns, name: &str, attributes: Attributes<'a>, is_item: bool) -> Kind {
        let Some(parent) = self.stack.last() else {
            // `<entry>` may be a whole document (RFC 4287, 2).
            return if name == "entry" { Kind::Item } else { Kind::Container };
        };
        if is_item {
            self.kept = 0;
            return if self.items < MAX_ITEMS { Kind::Item } else { Kind::Skipped };
        }
        self.kept += 1;
        if MAX_DEPTH <= self.stack.len()
            || MAX_CHILDREN <= parent.element.children.len()
            || MAX_ELEMENTS <= self.kept
        {
            return Kind::Skipped;
        }
        let xhtml = || attributes.raw("type").is_some_and(|kind| kind.contains("xhtml"));
        match (ns, name) {
            (Ns::Core, "channel") if parent.kind == Kind::Container => Kind::Container,
            (
                Ns::Core,
                "title" | "description" | "summary" | "content" | "subtitle" | "tagline" | "info"
                | "abstract" | "rights" | "copyright" | "body" | "fullitem",
            )
            | (Ns::Content, "encoded")
            | (Ns::Dc | Ns::DcTerms, "title" | "description" | "abstract")
            | (Ns::Itunes, "summary" | "subtitle" | "title")
            | (Ns::Media, "title" | "description" | "text") => Kind::Text { xhtml: xhtml() },
            (Ns::Xhtml, _) => Kind::Text { xhtml: true },
            // The categories of a feed are not read, and Blogger lists thousands.
            (Ns::Core | Ns::Itunes, "category") if parent.kind == Kind::Container => Kind::Skipped,
            (Ns::Other, _) => Kind::Skipped,
            _ => Kind::Plain,
        }
    }

    /// Closes the innermost element.
    fn pop(&mut self) {
        let Some(mut frame) = self.stack.pop() else { return };
        self.scope.leave(frame.scope);
        self.bases.truncate(frame.bases);
        while let Some(open) = frame.inner.pop() {
            write_end(&mut frame, open);
        }
        frame.element.text = match frame.element.text {
            Cow::Borrowed(text) => Cow::Borrowed(without_escaped_cdata(text)),
            Cow::Owned(text) if text.trim_start().starts_with("<![CDATA[") => {
                Cow::Owned(without_escaped_cdata(&text).to_owned())
            }
            text @ Cow::Owned(_) => text,
        };
        match frame.kind {
            Kind::Item => {
                self.items += 1;
                self.kept = 0;
                (self.item)(frame.element, &self.entities, self.root, self.repairs);
            }
            Kind::Skipped => {
                if frame.element.ns != Ns::Other && frame.element.name != "category" {
                    self.repairs.add(Repair::Limit, 1);
                }
            }
            Kind::Container | Kind::Plain | Kind::Text { .. } => {
                match self.stack.last_mut() {
                    Some(parent) => parent.element.children.push(frame.element),
                    None => self.stack.push(frame), // The root is kept for `finish`.
                }
            }
        }
    }

    /// Handles an end tag. Returns whether it ends the root.
    fn end(&mut self, name: &'a str) -> bool {
        let Some(top) = self.stack.last_mut() else { return true };
        let same = |open: &str| open.eq_ignore_ascii_case(name);
        if let Some(at) = top.inner.iter().rposition(|open| same(open.raw)) {
            while at < top.inner.len() {
                if let Some(open) = top.inner.pop() {
                    write_end(top, open);
                }
            }
            return false;
        }
        let Some(at) = self.stack.iter().rposition(|frame| same(frame.raw)) else {
            self.repairs.add(Repair::Unclosed, 1);
            return false;
        };
        if at + 1 < self.stack.len() {
            self.repairs.add(Repair::Unclosed, 1);
        }
        if at == 0 {
            return true;
        }
        while at < self.stack.len() {
            self.pop();
        }
        false
    }

    fn text(&mut self, text: &'a str, literal: bool) {
        let Some(top) = self.stack.last_mut() else { return };
        let xhtml = match top.kind {
            Kind::Container | Kind::Item | Kind::Skipped => return,
            Kind::Plain => false,
            Kind::Text { xhtml } => xhtml,
        };
        let (text, bare) =
            if literal { (Cow::Borrowed(text), 0) } else { resolve(text, &self.entities) };
        if 0 < bare {
            self.repairs.add(Repair::Ampersand, bare);
        }
        if xhtml {
            push_text(top.element.text.to_mut(), &text);
        } else if top.element.text.is_empty() {
            top.element.text = text;
        } else {
            top.element.text.to_mut().push_str(&text);
        }
    }

    /// Writes out a start tag inside a text.
    fn inner_start(
        &mut self,
        name: &'a str,
        ns: Ns,
        local: &'a str,
        attributes: Attributes<'a>,
        empty: bool,
    ) {
        let Some(top) = self.stack.last_mut() else { return };
        if MAX_DEPTH <= top.inner.len() {
            return;
        }
        let void = is_void(local);
        let shown = if ns == Ns::Xhtml || ns == Ns::Core { local } else { name };
        if matches!(top.kind, Kind::Text { .. }) {
            top.element.markup = true;
            let out = top.element.text.to_mut();
            out.push('<');
            out.push_str(shown);
            for (name, value) in attributes.iter().take(MAX_ATTRIBUTES) {
                if name.starts_with("xmlns") || name.contains(['<', '>', '&']) {
                    continue;
                }
                if LONGEST_VALUE < value.len() {
                    continue;
                }
                let value = resolve(value.trim(), &self.entities).0;
                out.extend([" ", name, "=\""]);
                push_attribute(out, &value);
                out.push('"');
            }
            out.push('>');
            if empty && !void {
                out.extend(["</", shown, ">"]);
            }
        }
        if !empty && !void {
            top.inner.push(Inner { raw: name, shown });
        }
    }

    /// Closes all elements. If the document breaks off inside an item, the item is left out: any text of it may be
    /// incomplete, its identifier as well.
    fn finish(mut self, is_whole: bool) -> Outline<'a> {
        if !is_whole {
            self.repairs.add(Repair::Truncated, 1);
            let torn = self.stack.iter().position(|frame| frame.kind == Kind::Item);
            self.stack.truncate(torn.unwrap_or(self.stack.len()));
        }
        while 1 < self.stack.len() {
            self.pop();
        }
        if self.stack.first().is_some_and(|root| root.kind == Kind::Item) {
            self.pop();
        }
        if 0 < self.scope.repaired {
            self.repairs.add(Repair::Namespace, self.scope.repaired);
        }
        let element = self.stack.pop().map(|frame| frame.element);
        let element = element.unwrap_or_else(|| Element {
            ns: Ns::Core,
            name: Cow::Borrowed("feed"),
            attributes: Attributes::default(),
            text: Cow::Borrowed(""),
            markup: false,
            children: Vec::new(),
            base: None,
            language: None,
        });
        Outline { root: self.root, element, entities: self.entities }
    }
}

/// The text in a CDATA section that was escaped as a whole: `&lt;![CDATA[text]]&gt;`.
fn without_escaped_cdata(text: &str) -> &str {
    let inside = text.trim().strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>"));
    inside.filter(|text| !text.contains("]]>")).unwrap_or(text)
}

fn write_end(frame: &mut Frame<'_>, open: Inner<'_>) {
    if matches!(frame.kind, Kind::Text { .. }) {
        frame.element.text.to_mut().extend(["</", open.shown, ">"]);
    }
}

fn is_void(name: &str) -> bool {
    const VOID: [&str; 12] = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "param", "source", "track",
        "wbr",
    ];
    VOID.iter().any(|void| name.eq_ignore_ascii_case(void))
}
