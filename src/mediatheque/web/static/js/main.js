/** The pages, and who is signed in. */

import { showAccount } from "./account.js";
import { collection, collections } from "./collections.js";
import { h } from "./dom.js";
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
showAccount();
start(PAGES);
session.recall().catch((error) => {
  if (error.status === undefined) throw error;
  if (error.status === 401) notice(error.message);
});
