/**
 * Which page is shown. What stands behind the # is an address of the API: #/books?genre_id=3 shows what
 * GET /books?genre_id=3 answers. So links and Back work, and the server has no routes but the API's.
 *
 * A page is {title, element, show(params), leave()}: show() is called when it is entered, and again when only its
 * parameters change; what it gives may be a promise. One that is `lasting` is kept as it was when a link is followed
 * from it, for Back.
 */

import { writes } from "./api.js";

const NAME = "Mediatheque";

const main = document.getElementById("main");
let pages = [];
let current = null;
let left = null;

/** *table* pairs patterns of paths with functions that make a page of what they capture. */
export function start(table) {
  pages = table;
  history.scrollRestoration = "manual";
  addEventListener("hashchange", follow);
  writes.addEventListener("write", () => (left = null));
  enter({ quietly: true });
}

export function address() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  return { hash: location.hash, path: path || "/books", params: new URLSearchParams(query) };
}

/** Writes other parameters into the address of the page that is shown, which shows them itself. */
export function amend(params, { push = false } = {}) {
  const query = params.toString();
  history[push ? "pushState" : "replaceState"](null, "", `#${current.path}${query && `?${query}`}`);
  current.hash = location.hash;
}

export function entitle(title) {
  document.title = `${title} · ${NAME}`;
}

/** Goes to the page at *path* after something has been done here: what is said of it stays to be read. */
export function go(path) {
  left = null;
  current.page.leave?.();
  history.pushState(null, "", `#${path}`);
  enter();
}

/** Shows the page anew: something on it has changed. */
export function reload() {
  left = null;
  current.page.leave?.();
  enter();
}

function follow() {
  const { hash, path, params } = address();
  if (hash && !hash.startsWith("#/")) return; // a place on the page
  document.getElementById("notice")?.remove();
  if (current.path === path) {
    current.hash = hash;
    current.page.show(params);
    return;
  }
  const before = left;
  if (current.page.lasting) left = { ...current, scroll: scrollY, focused: document.activeElement };
  else current.page.leave?.();
  if (before?.hash === hash) resume(before);
  else enter();
}

function resume(before) {
  current = before;
  place(before.page);
  scrollTo({ top: before.scroll, behavior: "instant" });
  before.focused.focus({ preventScroll: true });
}

async function enter({ quietly = false } = {}) {
  const { hash, path, params } = address();
  const [captured, make] = matching(path);
  const page = make(...captured);
  current = { hash, path, page };
  place(page);
  scrollTo({ top: 0, behavior: "instant" });
  if (!quietly) main.focus({ preventScroll: true });
  await page.show(params);
  if (!quietly && document.activeElement === main) main.querySelector("h1")?.focus({ preventScroll: true });
}

function place(page) {
  entitle(page.title);
  main.replaceChildren(page.element);
  for (const link of document.querySelectorAll(".top nav a[href^='#']")) {
    const here = current.path === link.hash.slice(1);
    const within = current.path.startsWith(`${link.hash.slice(1)}/`);
    if (here || within) link.setAttribute("aria-current", here ? "page" : "true");
    else link.removeAttribute("aria-current");
  }
}

function matching(path) {
  for (const [pattern, make] of pages) {
    const found = pattern.exec(path);
    if (found) return [found.slice(1), make];
  }
  throw new Error(`No page is made for ${path}.`);
}
