/** Fields with labels, hints and complaints; dialogs; forms that are sent to the API and show what it says. */

import { button, h } from "./dom.js";

let count = 0;

/** A field of a form: {name, input, element, value(), complain(sentences)}. An empty one's value is null. */
export function field(name, label, input, { hint, numeric = false, beside } = {}) {
  const id = `field-${++count}`;
  const complaint = h("p", { class: "complaint", id: `${id}-complaint` });
  const described = [hint && `${id}-hint`, `${id}-complaint`].filter(Boolean).join(" ");
  for (const [key, value] of Object.entries({ id, name, "aria-describedby": described })) input.setAttribute(key, value);
  if (numeric && input instanceof HTMLInputElement) input.setAttribute("inputmode", "numeric");
  const element = h(
    "div",
    { class: `field ${numeric ? "short" : ""}` },
    h("label", { for: id }, label),
    beside ? h("div", { class: "beside" }, input, beside) : input,
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    complaint,
  );
  const value = () => {
    if (input.type === "checkbox") return input.checked;
    const given = input.value.trim();
    // What is no number is sent as it is, and the API says so.
    return given === "" ? null : numeric && /^-?\d+$/.test(given) ? Number(given) : input.value;
  };
  const complain = (sentences) => {
    complaint.textContent = sentences?.join(" ") ?? "";
    if (sentences) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  return { name, input, element, value, complain };
}

export const input = (value, attributes = {}) => {
  const box = h("input", { type: "text", dir: "auto", autocomplete: "off", ...attributes });
  if (value !== null && value !== undefined) box.value = value;
  return box;
};

/** A list to choose of. *options* are pairs of value and words; one whose value is an array is a group of such. */
export function choice(options, value) {
  const select = h("select");
  choose(select, options, value);
  return select;
}

export function choose(select, options, value) {
  const made = ([key, words]) =>
    Array.isArray(words) ? h("optgroup", { label: key }, words.map(made)) : h("option", { value: key, dir: "auto" }, words);
  select.replaceChildren(...options.map(made));
  select.value = value ?? "";
}

/** What has been filled in, of the values of fields. */
export function given(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
}

/** A dialog, which is open. It is gone once it is closed, by a button of its content or by Escape. */
export function dialog(title, ...content) {
  const id = `dialog-${++count}`;
  const box = h("dialog", { "aria-labelledby": id }, h("h2", { id, dir: "auto" }, title), ...content);
  box.addEventListener("close", () => {
    box.remove();
    // What opened it may be gone, with a page that has been shown anew.
    if (document.activeElement === document.body) document.querySelector("main h1, main")?.focus({ preventScroll: true });
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * A form in a dialog, which closes once *submit*, a function of the values by name, is done. What a Problem says of a
 * field is shown there, anything else above them, with what *refused*, a function of it, gives to help.
 */
export function formDialog({ title, intro, fields, label, submit, refused = () => null }) {
  const alert = h("div", { class: "alert", role: "alert", tabindex: "-1" });
  const send = h("button", { type: "submit" }, label);
  const buttons = h("div", { class: "buttons" }, send, button("Cancel", () => box.close(), { class: "quiet" }));
  const form = h("form", { novalidate: true }, alert, intro, fields.map((one) => one.element), buttons);
  const box = dialog(title, form);
  (fields[0]?.input ?? send).focus();

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.disabled) return;
    send.disabled = true;
    alert.replaceChildren();
    for (const one of fields) one.complain(null);
    try {
      await submit(Object.fromEntries(fields.map((one) => [one.name, one.value()])));
      box.close();
    } catch (error) {
      if (error.status === undefined) throw error;
      complain(error);
    } finally {
      send.disabled = false;
    }
  });

  function complain(problem) {
    const wrong = fields.filter((one) => Object.hasOwn(problem.errors, one.name));
    for (const one of wrong) one.complain(problem.errors[one.name]);
    const elsewhere = Object.keys(problem.errors).length > wrong.length || !wrong.length;
    if (elsewhere) alert.replaceChildren(h("p", {}, problem.message), ...[refused(problem) ?? []].flat());
    (wrong[0]?.input ?? alert).focus();
  }

  return { box, alert };
}
