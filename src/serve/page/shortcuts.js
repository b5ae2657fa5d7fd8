// The keys of the pages, served only with [server] shortcuts = true. Every page works without this file.
"use strict";

const all = (selector) => [...document.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);

// The titles of a list of articles, stories or feeds. Empty on the page of one article.
const titles = () => all("main .card > h3 > a, main .line > h3 > a, main .feeds a.name");

// The row of a title.
const row = (title) => title.closest("article, tr");

// The place in the list from which the keys move: the row with the focus, else where the window is.
const place = (list) => list.findIndex((title) => row(title).contains(document.activeElement));

function move(step) {
  const list = titles();
  const from = place(list);
  const below = list.findIndex((title) => 0 <= title.getBoundingClientRect().top);
  const top = below < 0 ? list.length : below;
  const next = list[from < 0 ? (0 < step ? top : top - 1) : from + step];
  if (next) {
    next.focus({ preventScroll: true });
    row(next).scrollIntoView({ block: "nearest" });
  } else {
    // The end of a list leads to its next page; an article leads to its neighbours.
    one(0 < step ? "main a[rel=next]" : "main a[rel=prev]")?.click();
  }
}

function original() {
  const list = titles();
  const title = list[place(list)];
  const address = title ? row(title).dataset.original : one("main a.go")?.href;
  if (address) open(address, "_blank", "noopener,noreferrer");
  else title?.click();
}

const actions = {
  j: () => move(1),
  n: () => move(1),
  k: () => move(-1),
  p: () => move(-1),
  o: original,
  "/": () => { one("#q").focus(); one("#q").select(); },
  "?": () => one("#keys").showModal(),
};

addEventListener("keydown", (event) => {
  const { target, key, code } = event;
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  if (target.isContentEditable || target.closest?.("input, textarea, select, dialog[open]")) return;
  // On a keyboard with other letters, the key at the same place.
  const action = actions[/^[ -~]$/.test(key) ? key : code.replace(/^Key/, "").toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});
