/** The genres and formats, which belong to all members. */

import { change, get, maker, remove, rows } from "./api.js";
import { askToDelete, signInHelp } from "./account.js";
import { afresh } from "./collections.js";
import { button, h, text } from "./dom.js";
import { field, formDialog, given, input } from "./forms.js";
import { emptiness, fill, heading, notice } from "./parts.js";
import { reload } from "./router.js";
import * as session from "./session.js";

const LISTS = [
  { title: "Genres", noun: "genre", path: "/genres", member: "genre", rows: "genres", filter: ["books", "movies"] },
  { title: "Formats of books", noun: "format", path: "/formats", member: "format", rows: "formats", filter: ["books"] },
  { title: "Formats of movies", noun: "format", path: "/movie_formats", member: "format", rows: "movie formats", filter: ["movies"] },
];

export function lists() {
  const element = h("div");
  const show = () =>
    fill(element, async () => {
      const sections = await Promise.all(LISTS.map(section));
      const words = "Members share these names: each of them may add and change them, and a change shows everywhere.";
      return [heading("Genres and formats"), h("p", { class: "hint" }, words), h("div", { class: "lists" }, sections)];
    });
  return { title: "Genres and formats", element, show };
}

async function section(list) {
  const all = await rows(`${list.path}?sort=${list.member}`);
  return h(
    "section",
    {},
    h("div", { class: "title" }, h("h2", {}, list.title), session.user() && button("New …", () => add(list), { class: "quiet", "aria-label": `New ${list.noun}: ${list.title}` })),
    all.length ? h("ul", {}, all.map((row) => line(list, row))) : emptiness("None yet."),
  );
}

function line(list, row) {
  const name = row[list.member];
  const links = list.filter.map((kind) => h("a", { href: `#/${kind}?${list.noun}_id=${row.id}`, "aria-label": `${name}: ${kind}` }, kind));
  const deeds = session.user() && [
    button("Change", () => edit(list, row), { class: "quiet", "aria-label": `Change ${name}` }),
    button("Delete", () => forget(list, row), { class: "quiet", "aria-label": `Delete ${name}` }),
  ];
  return h("li", {}, text("span", name), h("span", { class: "links" }, links, deeds));
}

function add(list) {
  const make = maker(list.path);
  formDialog({
    title: `New ${list.noun}`,
    fields: [field(list.member, "Name", input(""))],
    label: "Add",
    refused: signInHelp,
    submit: async (values) => {
      const { body } = await make(given(values));
      reload();
      notice(`${body[list.member]} has been added.`);
    },
  });
}

async function edit(list, { id }) {
  const { body, etag } = await get(`${list.path}/${id}`);
  formDialog({
    title: `Change “${body[list.member]}”`,
    fields: [field(list.member, "Name", input(body[list.member]), { hint: "It changes for everything that has it." })],
    label: "Save",
    submit: async (values) => {
      await change(`${list.path}/${id}`, values, etag);
      reload();
      notice("Your change has been saved.");
    },
    refused: (problem) => (problem.status === 412 ? afresh() : signInHelp(problem)),
  });
}

function forget(list, row) {
  askToDelete({
    what: row[list.member],
    rows: list.rows,
    warning: `What has it stays, without a ${list.noun}. It cannot be brought back.`,
    remove: () => remove(`${list.path}/${row.id}`),
    done: reload,
  });
}
