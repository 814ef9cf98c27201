/** The pages, and who is signed in. */

import { showAccount } from "./account.js";
import { collection, collections } from "./collections.js";
import { h } from "./dom.js";
import { Problem } from "./http.js";
import { item } from "./item.js";
import { lists } from "./lists.js";
import { emptiness, heading, notice } from "./parts.js";
import { reload, start } from "./router.js";
import * as session from "./session.js";
import { shelf } from "./shelf.js";
import { statistics } from "./statistics.js";

const PAGES = [
  [/^\/(books|movies)$/, shelf],
  [/^\/(books|movies)\/(\d+)$/, item],
  [/^\/collections$/, collections],
  [/^\/collections\/(\d+)$/, collection],
  [/^\/stats$/, statistics],
  [/^\/lists$/, lists],
  [/^/, missing],
];

function missing() {
  const back = h("a", { href: "#/books" }, "All books");
  const element = h("div", {}, heading("Nothing is here"), emptiness("No page has this address.", back));
  return { title: "Nothing is here", element, show() {} };
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address stays that of the page
  document.getElementById("main").focus();
});

session.changes.addEventListener("change", () => {
  showAccount();
  reload();
});
// What goes wrong at a button, rather than in a form or a list, has no place of its own.
addEventListener("unhandledrejection", (event) => {
  if (!(event.reason instanceof Problem)) return;
  event.preventDefault();
  notice(event.reason.message);
});

showAccount();
start(PAGES);
session.recall().catch((error) => {
  if (error.status !== 0) throw error; // the page says itself that there is no network
});
