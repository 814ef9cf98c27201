/** All books, or all movies: searched, filtered and sorted. */

import { cards } from "./cards.js";
import { announce, button, counted, h } from "./dom.js";
import { collectionsWith, hold, named, owners } from "./choices.js";
import { choice, choose, field, input } from "./forms.js";
import { addItem } from "./itemform.js";
import { KINDS } from "./kinds.js";
import { emptiness, heading, trouble } from "./parts.js";
import { address, amend } from "./router.js";
import * as session from "./session.js";

const PAUSE = 250; // milliseconds without a key until what was typed is searched for

export function shelf(name) {
  const kind = KINDS[name];
  const rack = cards(kind, { endless: true });
  const total = h("p", { class: "total" });
  const message = h("div");

  const search = field("q", "Search", input("", { type: "search", placeholder: `Title or ${kind.creator}` }));
  const sort = field("sort", "Sort", choice([["", "Newest first"], ...kind.sorts]));
  const genre = field("genre_id", "Genre", choice([["", "All genres"]]));
  const format = field("format_id", "Format", choice([["", "All formats"]]));
  const collection = field("collection_id", "Collection", choice([["", "All collections"]]));
  const owner = field("user_id", "Whose", choice([["", "Everybody’s"]]));
  const least = field(`min_${kind.size}`, `${kind.length} from`, input("", { size: 6 }), { numeric: true });
  const most = field(`max_${kind.size}`, `${kind.length} to`, input("", { size: 6 }), { numeric: true });
  const filters = [genre, format, collection, owner, least, most];
  const fields = [search, sort, ...filters];

  const clear = button("Clear filters", () => settle(unfiltered()), { class: "quiet", hidden: true });
  const panel = h("div", { class: "filters", id: "filters" }, filters.map((one) => one.element), clear);
  const toggle = button("Filters", () => {
    toggle.setAttribute("aria-expanded", String(panel.classList.toggle("open")));
  }, { class: "toggle quiet", "aria-expanded": "false", "aria-controls": "filters" });
  const bar = h(
    "form",
    { class: "bar", role: "search", "aria-label": `Find ${kind.noun}s` },
    h("div", { class: "first" }, search.element, sort.element, toggle),
    panel,
  );
  const add = session.user() && button(`Add a ${kind.noun}`, () => addItem(kind));
  const element = h(
    "div",
    {},
    h("div", { class: "title" }, heading(kind.title), total, add),
    bar,
    message,
    rack.element,
  );

  let pause;
  let offers = 0;
  bar.addEventListener("submit", (event) => {
    event.preventDefault();
    search.input.dispatchEvent(new Event("change"));
  });
  for (const one of fields) {
    // What is chosen is a step that Back undoes; what is typed is one step however many keys it takes.
    one.input.addEventListener("change", () => {
      clearTimeout(pause);
      const params = chosen();
      if (params.toString() !== address().params.toString()) settle(params);
    });
  }
  search.input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => {
      if (!element.isConnected) return; // somebody has gone on meanwhile
      const began = !address().params.has("q");
      amend(chosen(), { push: began });
      show(address().params);
    }, PAUSE);
  });

  function chosen() {
    const given = fields.map((one) => [one.name, one.value()]).filter(([, value]) => value !== null);
    return new URLSearchParams(given);
  }

  function unfiltered() {
    const set = filters.map(({ name }) => name);
    return new URLSearchParams([...address().params].filter(([name]) => !set.includes(name)));
  }

  function settle(params) {
    amend(params, { push: true });
    show(params);
  }

  async function show(params) {
    await Promise.all([offer(params), load(known(params))]);
  }

  /** The parameters that the fields stand for; others in the address are nobody's. */
  function known(params) {
    return new URLSearchParams(fields.filter(({ name }) => params.get(name)).map(({ name }) => [name, params.get(name)]));
  }

  /** Brings the fields in line with the address, without touching what is being typed. */
  async function offer(params) {
    const turn = ++offers;
    for (const { name, input } of fields) {
      const value = params.get(name) ?? "";
      if (input instanceof HTMLSelectElement) hold(input, value);
      else if (input.value.trim() !== value) input.value = value;
    }
    sort.input.options[0].textContent = params.get("q") ? "Best match first" : "Newest first";
    const set = filters.filter(({ name }) => params.get(name)).length;
    clear.hidden = !set;
    toggle.textContent = set ? `Filters (${set})` : "Filters";
    const [genres, formats, collections] = await Promise.all([
      named("/genres?sort=genre", "genre"),
      named(`${kind.formats}?sort=format`, "format"),
      collectionsWith(params.get("collection_id")),
    ]);
    if (turn !== offers) return;
    choose(genre.input, [["", "All genres"], ...genres], params.get("genre_id"));
    choose(format.input, [["", "All formats"], ...formats], params.get("format_id"));
    choose(collection.input, [["", "All collections"], ...collections], params.get("collection_id"));
    choose(owner.input, owners(params.get("user_id")), params.get("user_id"));
  }

  async function load(params) {
    for (const one of fields) one.complain(null);
    message.replaceChildren();
    try {
      const found = await rack.load(params, () => load(params));
      if (found === null) return;
      total.textContent = counted(found, kind.noun);
      announce(counted(found, kind.noun));
      if (!found) message.replaceChildren(nothing(params));
    } catch (error) {
      if (error.status === undefined) throw error;
      rack.list.replaceChildren();
      total.textContent = "";
      const wrong = fields.filter(({ name }) => Object.hasOwn(error.errors, name));
      for (const one of wrong) one.complain(error.errors[one.name]);
      if (!wrong.length) message.replaceChildren(trouble(error, () => load(params)));
    }
  }

  function nothing(params) {
    if ([...params.keys()].some((key) => key !== "sort")) {
      const everything = button(`Show all ${kind.noun}s`, () => settle(new URLSearchParams()), { class: "quiet" });
      return emptiness(`No ${kind.noun} is like that.`, everything);
    }
    if (session.user()) return emptiness(`The first ${kind.noun} is still to come.`, button(`Add a ${kind.noun}`, () => addItem(kind)));
    return emptiness(`Nothing stands here yet. Whoever signs in can add the first ${kind.noun}.`);
  }

  return { title: kind.title, element, show, leave: rack.leave, lasting: true };
}
