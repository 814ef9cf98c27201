/** Books or movies as covers, page by page. */

import { get } from "./api.js";
import { announce, button, counted, h, hued, text } from "./dom.js";
import { trouble } from "./parts.js";

const PAGE = 60; // rows
const AHEAD = "1500px"; // how far below the window the next page is fetched

function card(kind, row) {
  const foot = [kind.measured(row[kind.size]), row.format?.format].filter(Boolean).join(" · ");
  const cover = h(
    "a",
    { href: `#${kind.path}/${row.id}` },
    text("span", row.genre?.genre ?? "No genre", { class: "genre" }),
    text("strong", row.title),
    row[kind.creator] && text("span", row[kind.creator], { class: "creator" }),
    text("span", foot, { class: "foot" }),
  );
  return h("li", {}, hued(cover, row.genre_id));
}

/**
 * The rows that match some parameters. load(params) gives how many there are, or null if it went wrong or somebody has
 * asked for others meanwhile; then *again*, its second argument, is what tries anew. More follow as one scrolls if they are *endless*, otherwise at a button.
 */
export function cards(kind, { endless = false } = {}) {
  const list = h("ul", { class: `cards ${kind.noun}s` });
  const more = button("Show more", () => extend(), { class: "more", hidden: true });
  const element = h("div", {}, list, more);
  // It may have come within reach and gone again since it was last asked: the latest is what counts.
  const reach = (entries) => entries.at(-1).isIntersecting && extend();
  const watcher = endless && new IntersectionObserver(reach, { rootMargin: AHEAD });
  let asked = null;
  let next = null;
  let fetching = false;

  async function load(params, again = () => load(params)) {
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    list.setAttribute("aria-busy", "true");
    more.hidden = true;
    try {
      const page = await get(`${kind.path}?${new URLSearchParams([...params, ["limit", PAGE], ["count", "true"]])}`, signal);
      list.replaceChildren();
      element.replaceChildren(list, more);
      append(page);
      return page.total;
    } catch (error) {
      if (error.name === "AbortError") return null;
      if (error.status === undefined || error.status === 422) throw error;
      element.replaceChildren(trouble(error, again));
      return null;
    } finally {
      if (asked.signal === signal) list.removeAttribute("aria-busy");
    }
  }

  async function extend() {
    if (fetching || !next) return;
    const { signal } = asked;
    const reached = document.activeElement === more;
    fetching = true;
    try {
      const page = await get(next, signal);
      const first = list.children.length;
      append(page);
      announce(`${counted(list.children.length, kind.noun)} of ${page.total} are shown.`);
      if (reached) list.children[first]?.firstChild.focus();
    } catch (error) {
      if (error.name === "AbortError") return;
      watcher?.unobserve(more);
      more.textContent = `${error.message} Try again`;
    } finally {
      fetching = false;
    }
  }

  function append(page) {
    list.append(...page.body.map((row) => card(kind, row)));
    next = page.next;
    more.hidden = !next;
    more.textContent = "Show more";
    if (!watcher) return;
    watcher.unobserve(more); // observing it anew tells whether it is still within reach
    if (next) watcher.observe(more);
  }

  function leave() {
    asked?.abort();
  }

  return { element, load, leave, list };
}
