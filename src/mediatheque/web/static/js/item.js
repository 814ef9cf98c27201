/** One book or movie. */

import { get, remove } from "./api.js";
import { askToDelete } from "./account.js";
import { button, day, h, hued, text } from "./dom.js";
import { editItem } from "./itemform.js";
import { KINDS, year } from "./kinds.js";
import { fill, heading } from "./parts.js";
import { entitle, go } from "./router.js";
import * as session from "./session.js";

export function item(name, id) {
  const kind = KINDS[name];
  const element = h("article", { class: "item" });

  const show = () =>
    fill(element, async () => {
      const { body, etag } = await get(`${kind.path}/${id}`);
      if (element.isConnected) entitle(body.title); // nobody has gone on meanwhile
      return [cover(kind, body), h("div", {}, heading(body.title), by(kind, body), facts(kind, body), deeds(kind, body, etag))];
    });

  return { title: kind.title, element, show };
}

function cover(kind, row) {
  const inside = [text("strong", row.title), row[kind.creator] && text("span", row[kind.creator], { class: "creator" })];
  return h("div", { class: `cards ${kind.noun}s cover`, "aria-hidden": "true" }, hued(h("div", {}, inside), row.genre_id));
}

function by(kind, row) {
  return row[kind.creator] && text("p", row[kind.creator], { class: "by" });
}

function facts(kind, row) {
  const shelf = (words, filter, value) => text("a", words, { href: `#${kind.path}?${filter}=${value}` });
  const added = h("span", {}, shelf(row.user.name, "user_id", row.user_id), `, on ${day(row.created_at)}`);
  const list = [
    ["Genre", row.genre && shelf(row.genre.genre, "genre_id", row.genre_id)],
    ["Format", row.format && shelf(row.format.format, "format_id", row.format_id)],
    [kind.noun === "book" ? "Length" : "Run time", kind.measured(row[kind.size])],
    ["Year", row[kind.year] !== null && year(row[kind.year])],
    ["ISBN", row.isbn],
    ["Stands in", text("a", row.collection.name, { href: `#/collections/${row.collection_id}` })],
    ["Added by", added],
  ];
  const known = list.filter(([, what]) => what);
  return h("dl", {}, known.map(([term, what]) => [h("dt", {}, term), h("dd", {}, what)]).flat());
}

function deeds(kind, row, etag) {
  const me = session.user();
  if (!me) return h("p", { class: "hint" }, "Whoever signs in can add to the library, and change what is theirs.");
  const mine = me.id === row.user_id || me.is_admin;
  const forget = () =>
    askToDelete({
      what: row.title,
      rows: `${kind.noun}s`,
      remove: () => remove(`${kind.path}/${row.id}`, etag),
      done: () => go(kind.path),
    });
  return h(
    "div",
    { class: "buttons" },
    mine && button("Change", () => editItem(kind, row, etag)),
    button("Delete", forget, { class: "quiet" }),
    !mine && h("p", { class: "hint" }, text("bdi", row.user.name), ", who has added it, and admins may change it."),
  );
}
