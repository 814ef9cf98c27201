/** Adding and changing books and movies. */

import { change, get, maker, rows } from "./api.js";
import { button, h } from "./dom.js";
import { choice, choose, field, formDialog, given, input } from "./forms.js";
import { signInHelp } from "./account.js";
import { notice } from "./parts.js";
import { reload } from "./router.js";
import * as session from "./session.js";

export async function addItem(kind, preset = {}) {
  const fields = await itemFields(kind, preset);
  const make = maker(kind.path);
  formDialog({
    title: `Add a ${kind.noun}`,
    fields,
    label: `Add the ${kind.noun}`,
    refused: signInHelp,
    submit: async (values) => {
      const { body } = await make(given(values));
      reload();
      notice(`${body.title} has been added.`, h("a", { href: `#${kind.path}/${body.id}` }, "Look at it"));
    },
  });
}

/** Changes what somebody has seen: *row* with its *etag*. Whoever was faster is not overwritten unseen. */
export async function editItem(kind, row, etag) {
  const fields = await itemFields(kind, row);
  const path = `${kind.path}/${row.id}`;
  let seen = row;
  let tag = etag;
  const { alert } = formDialog({
    title: `Change “${row.title}”`,
    fields,
    label: "Save",
    submit: async (values) => {
      const changes = differences(seen, values);
      if (!Object.keys(changes).length) return;
      await change(path, changes, tag);
      reload();
      notice("Your changes have been saved.");
    },
    refused: (problem) =>
      problem.status === 412 ? button("Load what is there now", catchUp, { class: "quiet" }) : signInHelp(problem),
  });

  /** Takes over what others have changed, except where somebody has typed: there it says what it has become. */
  async function catchUp() {
    let now;
    try {
      now = await get(path);
    } catch (error) {
      if (error.status === undefined) throw error;
      alert.firstChild.textContent = error.message;
      return;
    }
    const { body } = now;
    for (const { name, input, value, complain } of fields) {
      if (value() === (seen[name] ?? null)) set(input, body[name]);
      else if (body[name] !== seen[name]) complain([`Somebody has changed this to: ${shown(input, body[name])}`]);
    }
    seen = body;
    tag = now.etag;
    alert.replaceChildren(h("p", {}, "The form shows what is there now, and what you have typed. Save it again if it is right."));
    alert.focus();
  }
}

function differences(row, values) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== (row[name] ?? null)));
}

function set(input, value) {
  input.value = value ?? "";
}

function shown(input, value) {
  const option = input.options && [...input.options].find((one) => one.value === String(value));
  return option?.textContent ?? value ?? "nothing";
}

async function itemFields(kind, row) {
  const [genres, formats, collections] = await Promise.all([
    options("/genres?sort=genre", "genre"),
    options(`${kind.formats}?sort=format`, "format"),
    collectionOptions(row),
  ]);
  const genre = chooser("Genre", genres, row.genre_id, "/genres", "genre");
  const format = chooser("Format", formats, row.format_id, kind.formats, "format");
  const collection = chooser("Collection", collections, row.collection_id, "/collections", "name");
  return [
    field("title", "Title", input(row.title)),
    field(kind.creator, `${kind.by} (optional)`, input(row[kind.creator])),
    field(kind.size, kind.length, input(row[kind.size], { size: 6 }), { numeric: true }),
    field(kind.year, "Year (optional)", input(row[kind.year], { size: 6 }), { numeric: true }),
    field("genre_id", "Genre", genre.select, { numeric: true, beside: genre.add }),
    field("format_id", "Format", format.select, { numeric: true, beside: format.add }),
    field("collection_id", "Collection", collection.select, { numeric: true, beside: collection.add }),
    ...(kind.noun === "book"
      ? [field("isbn", "ISBN (optional)", input(row.isbn), { hint: "With 10 or 13 digits, with or without hyphens." })]
      : []),
  ];
}

async function options(path, member) {
  return [["", "Please choose"], ...(await rows(path)).map((row) => [row.id, row[member]])];
}

/** One's own collections and those that are open; for an admin all. The item's own is among them wherever it stands. */
async function collectionOptions(row) {
  const me = session.user();
  const [mine, others] = await Promise.all([
    rows(`/collections?sort=name&limit=200&user_id=${me?.id ?? 0}`),
    rows(`/collections?sort=name&limit=200${me?.is_admin ? "" : "&is_open=true"}`),
  ]);
  const pairs = (list) => list.map((one) => [one.id, one.name]);
  const foreign = others.filter((one) => one.user.id !== me?.id);
  const here = row.collection_id && ![...mine, ...foreign].some((one) => one.id === row.collection_id) ? row.collection : null;
  return [
    ["", "Please choose"],
    ...(here ? [[row.collection_id, here.name]] : []),
    ["Yours", pairs(mine)],
    ["Of others", pairs(foreign)],
  ].filter(([, words]) => words.length);
}

/** A list to choose of, and a button that adds to it. */
function chooser(label, pairs, value, path, member) {
  const select = choice(pairs, value);
  const make = maker(path);
  const add = button("New …", () => {
    formDialog({
      title: `New ${label.toLowerCase()}`,
      fields: [field(member, "Name", input(""))],
      label: "Add",
      refused: signInHelp,
      submit: async (values) => {
        const { body } = await make(given(values));
        choose(select, [...pairs, [body.id, body[member]]], body.id);
        pairs.push([body.id, body[member]]);
      },
    });
  }, { class: "quiet", "aria-label": `New ${label.toLowerCase()}` });
  return { select, add };
}
