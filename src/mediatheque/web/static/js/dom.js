/** Elements, made one by one: text goes into them as text, and nothing is ever parsed as HTML. */

/** h("a", {href: "/", onclick: f}, "text", child, …): attributes that are null or false are left out, children too. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Text of somebody's, in whatever script: it decides itself which way it runs. */
export function text(name, words, attributes = {}) {
  return h(name, { dir: "auto", ...attributes }, words);
}

export function button(label, onclick, attributes = {}) {
  return h("button", { type: "button", onclick, ...attributes }, label);
}

/** Says *words* to who cannot see that something has changed. */
export function announce(words) {
  document.getElementById("status").textContent = words;
}

const numbers = new Intl.NumberFormat("en");
const days = new Intl.DateTimeFormat("en-GB", { dateStyle: "long" });

export const number = (value) => numbers.format(value);
export const day = (moment) => days.format(new Date(moment));

/** counted(2, "book") is "2 books". */
export const counted = (value, word) => `${number(value)} ${word}${value === 1 ? "" : "s"}`;

/** Minutes as people say them: 104 is "1 h 44 min". */
export function duration(minutes) {
  const hours = Math.floor(minutes / 60);
  return [hours && `${number(hours)} h`, (minutes % 60 || !hours) && `${minutes % 60} min`].filter(Boolean).join(" ");
}

/** A hue for each id, far from that of its neighbours: the golden angle. Grey without an id. */
export function hued(element, id) {
  element.style.setProperty("--tint", id === null ? 0 : 1);
  element.style.setProperty("--hue", Math.round((id * 137.508) % 360));
  return element;
}
