/** Signing in and out, and who is signed in at the head of the page. */

import { button, h, text } from "./dom.js";
import { dialog, field, formDialog, given, input } from "./forms.js";
import { notice } from "./parts.js";
import * as session from "./session.js";

export function showAccount() {
  const place = document.getElementById("account");
  const user = session.user();
  if (user) {
    const who = h("span", { class: "who" }, h("span", { class: "visually-hidden" }, "Signed in as "), text("bdi", user.name));
    place.replaceChildren(who, button("Sign out", leave, { class: "quiet" }));
  } else {
    place.replaceChildren(button("Sign in", signIn), button("Register", register, { class: "quiet" }));
  }
}

const email = () => field("email", "E-mail address", input("", { type: "email", autocomplete: "username", dir: "ltr" }));

const password = (autocomplete, hint) =>
  field("password", "Password", input("", { type: "password", autocomplete, dir: null }), { hint });

export function signIn() {
  formDialog({
    title: "Sign in",
    fields: [email(), password("current-password")],
    label: "Sign in",
    submit: (values) => session.signIn(given(values)),
  });
}

function register() {
  formDialog({
    title: "Register",
    intro: h("p", { class: "hint" }, "With an account you add books and movies, and change what is yours. Everybody who can open this page sees your name and what you add, not your address."),
    fields: [
      field("name", "Name", input("", { autocomplete: "name" })),
      email(),
      password("new-password", "At least 6 characters."),
    ],
    label: "Register",
    submit: (values) => session.register(given(values)),
  });
}

async function leave() {
  try {
    await session.signOut();
    notice("You have signed out.");
  } catch (error) {
    if (error.status === undefined) throw error;
    notice(`You have signed out on this device. ${error.message}`);
  }
}

/** For forms: what helps whoever is not signed in any more, without losing what they have typed. */
export const signInHelp = (problem) => problem.status === 401 ? button("Sign in", signIn, { class: "quiet" }) : null;

/** Asks before something is deleted, or says who can. *remove* deletes it; *done* comes afterwards. */
export function askToDelete({ what, rows, warning, remove, done }) {
  if (!session.user().is_admin) {
    tellWhomToAsk(what, `You must have admin permissions to delete ${rows}.`);
    return;
  }
  const { box } = formDialog({
    title: `Delete “${what}”?`,
    intro: h("p", {}, warning ?? "It cannot be brought back."),
    fields: [],
    label: "Delete",
    submit: async () => {
      try {
        await remove();
      } catch (error) {
        if (error.status !== 403) throw error;
        tellWhomToAsk(what, error.message);
        return;
      }
      done();
      notice(`${what} has been deleted.`);
    },
    refused: signInHelp,
  });
  box.classList.add("deleting");
}

function tellWhomToAsk(what, sentence) {
  const close = button("Close", () => box.close());
  const box = dialog(
    `“${what}” stays`,
    h("p", {}, sentence),
    h("p", {}, "Ask an admin of this library: whoever runs it is one, or knows who is. Give them the address of this page:"),
    h("p", { class: "address" }, h("code", {}, location.href)),
    h("div", { class: "buttons" }, close),
  );
  close.focus();
}
