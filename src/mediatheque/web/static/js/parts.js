/** What several pages are made of. */

import { announce, button, h, text } from "./dom.js";

/** The heading of a page, which is read first when it is entered. */
export const heading = (words, attributes = {}) => text("h1", words, { tabindex: "-1", ...attributes });

/** What went wrong, and a way on. Where the server says when, or the network comes back, it is tried again by itself. */
export function trouble(problem, again) {
  const panel = h("div", { class: "trouble", role: "alert" }, h("p", {}, problem.message));
  if (problem.status === 404) {
    panel.append(h("p", {}, h("a", { href: "#/books" }, "All books")));
    return panel;
  }
  const once = () => panel.isConnected && again();
  panel.append(button("Try again", once, { class: "quiet" }));
  if (problem.retryAfter) {
    panel.append(h("p", { class: "hint" }, `It is tried again in ${problem.retryAfter} seconds.`));
    setTimeout(once, problem.retryAfter * 1000);
  }
  if (problem.status === 0) addEventListener("online", once, { once: true });
  return panel;
}

/** A place where nothing stands yet, in words, and what to do about it. */
export const emptiness = (words, ...more) => h("div", { class: "empty" }, h("p", {}, words), ...more);

/** Says what has been done, where everybody sees it, until the next page. */
export function notice(words, ...more) {
  document.getElementById("notice")?.remove();
  const box = h("div", { id: "notice", class: "notice" });
  box.append(text("p", words), ...more, button("Dismiss", () => box.remove(), { class: "quiet" }));
  document.body.append(box);
  announce(words);
}

/**
 * Loads into *place*: what *load* gives, or what went wrong with it, which *again* tries anew. Gives whether it went well.
 */
export async function fill(place, load, again = () => fill(place, load)) {
  place.setAttribute("aria-busy", "true");
  try {
    place.replaceChildren(...[await load()].flat());
    return true;
  } catch (error) {
    if (error.name === "AbortError") return false;
    if (error.status === undefined) throw error;
    place.replaceChildren(trouble(error, again));
    return false;
  } finally {
    place.removeAttribute("aria-busy");
  }
}
