/** All collections, and the page of one of them. */

import { change, get, maker, remove } from "./api.js";
import { askToDelete, signInHelp } from "./account.js";
import { cards } from "./cards.js";
import { button, counted, h, text } from "./dom.js";
import { field, formDialog, given, input } from "./forms.js";
import { addItem } from "./itemform.js";
import { inventory, KINDS } from "./kinds.js";
import { emptiness, fill, heading, notice, trouble } from "./parts.js";
import { address, amend, entitle, go, reload } from "./router.js";
import * as session from "./session.js";

const PAGE = 30; // rows: each brings along the titles of its newest items
const PAUSE = 250; // milliseconds
const PREVIEW = 6; // titles

export function collections() {
  const search = field("q", "Search", input("", { type: "search", placeholder: "Name" }));
  const bar = h("form", { class: "bar", role: "search", "aria-label": "Find collections" }, search.element);
  const list = h("ul", { class: "collections" });
  const place = h("div", {}, list);
  const element = h(
    "div",
    {},
    h("div", { class: "title" }, heading("Collections"), session.user() && button("New collection", addCollection)),
    bar,
    place,
  );

  let pause;
  let asked = null;
  bar.addEventListener("submit", (event) => event.preventDefault());
  search.input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => {
      if (!element.isConnected) return; // somebody has gone on meanwhile
      amend(new URLSearchParams(given({ q: search.value() })), { push: !address().params.has("q") });
      show(address().params);
    }, PAUSE);
  });

  async function show(params) {
    const words = params.get("q") ?? "";
    if (search.input.value.trim() !== words) search.input.value = words;
    asked?.abort();
    asked = new AbortController();
    list.replaceChildren();
    await extend(`/collections?${new URLSearchParams({ limit: PAGE, sort: "name", ...(words && { q: words }) })}`, asked.signal);
  }

  async function extend(path, signal) {
    const reached = place.contains(document.activeElement);
    try {
      const { body, next } = await get(path, signal);
      list.append(...body.map(summary));
      const first = list.children[list.children.length - body.length];
      const more = next && button("Show more", () => extend(next, signal), { class: "more" });
      place.replaceChildren(...[list, more].filter(Boolean));
      if (!list.children.length) place.append(emptiness("There is no such collection."));
      else if (reached) first.querySelector("a").focus();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status === undefined) throw error;
      place.replaceChildren(list, trouble(error, () => extend(path, signal)));
    }
  }

  return { title: "Collections", element, show, leave: () => asked?.abort(), lasting: true };
}

function summary(row) {
  const titles = [...row.books, ...row.movies].slice(0, PREVIEW).map((one) => text("li", one.title));
  return h(
    "li",
    {},
    h("h2", {}, text("a", row.name, { href: `#/collections/${row.id}` })),
    h("p", { class: "hint" }, text("bdi", row.user.name), ` · ${inventory(row)}`),
    titles.length > 0 && h("ul", { class: "preview" }, titles),
  );
}

export function collection(id) {
  const element = h("div");
  const racks = Object.values(KINDS).map((kind) => ({ kind, rack: cards(kind) }));

  const show = () =>
    fill(element, async () => {
      const { body, etag } = await get(`/collections/${id}`);
      if (element.isConnected) entitle(body.name); // nobody has gone on meanwhile
      const sections = racks.filter(({ kind }) => body[`${kind.noun}s_count`]).map((one) => section(body, one));
      const empty = !sections.length && emptiness("Nothing stands in this collection yet.");
      return [head(body, etag), ...sections, empty].filter(Boolean);
    });

  return { title: "Collections", element, show, leave: () => racks.forEach(({ rack }) => rack.leave()) };
}

function section(row, { kind, rack }) {
  rack.load(new URLSearchParams({ collection_id: row.id }));
  const sift = h("a", { href: `#${kind.path}?collection_id=${row.id}` }, "Filter and sort");
  const title = h("div", { class: "title" }, h("h2", {}, counted(row[`${kind.noun}s_count`], kind.noun)), sift);
  return h("section", {}, title, rack.element);
}

function head(row, etag) {
  const me = session.user();
  const mine = me && (me.id === row.user.id || me.is_admin);
  const open = row.is_open ? "open to every member" : "closed: only its owner and admins put things into it";
  const deeds = me && [
    (row.is_open || mine) && Object.values(KINDS).map((kind) => button(`Add a ${kind.noun}`, () => addItem(kind, { collection_id: row.id, collection: row }))),
    mine && button("Change", () => editCollection(row, etag), { class: "quiet" }),
    button("Delete", () => forget(row, etag), { class: "quiet" }),
  ];
  return h(
    "div",
    { class: "head" },
    heading(row.name),
    h("p", { class: "hint" }, "Of ", text("a", row.user.name, { href: `#/books?user_id=${row.user.id}` }), `, ${open}. ${inventory(row)}.`),
    deeds && h("div", { class: "buttons" }, deeds.flat()),
  );
}

function forget(row, etag) {
  askToDelete({
    what: row.name,
    rows: "collections",
    warning: `What stands in it is deleted with it: ${inventory(row).toLowerCase()}. It cannot be brought back.`,
    remove: () => remove(`/collections/${row.id}`, etag),
    done: () => go("/collections"),
  });
}

function collectionFields(row) {
  const open = h("input", { type: "checkbox" });
  open.checked = row.is_open;
  return [field("name", "Name", input(row.name)), field("is_open", "Every member may put things into it", open)];
}

function addCollection() {
  const make = maker("/collections");
  formDialog({
    title: "New collection",
    fields: collectionFields({ is_open: true }),
    label: "Add the collection",
    refused: signInHelp,
    submit: async (values) => {
      const { body } = await make(given(values));
      go(`/collections/${body.id}`);
      notice(`${body.name} has been added.`);
    },
  });
}

function editCollection(row, etag) {
  formDialog({
    title: `Change “${row.name}”`,
    fields: collectionFields(row),
    label: "Save",
    submit: async (values) => {
      await change(`/collections/${row.id}`, values, etag);
      reload();
      notice("Your changes have been saved.");
    },
    refused: (problem) => (problem.status === 412 ? afresh() : signInHelp(problem)),
  });
}

/** For a form that is short enough to be filled in once more. */
export function afresh() {
  return button("Load what is there now", (event) => {
    event.target.closest("dialog").close();
    reload();
  }, { class: "quiet" });
}
