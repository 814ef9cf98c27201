/** The library in numbers: plots, each with its table. */

import { get } from "./api.js";
import { collectionsWith, hold, owners } from "./choices.js";
import { duration, h, number } from "./dom.js";
import { choice, choose, field, given } from "./forms.js";
import { KINDS } from "./kinds.js";
import { emptiness, fill, heading } from "./parts.js";
import { draw, erase } from "./plots.js";
import { amend } from "./router.js";

const MOST_BARS = 15;
const MOST_YEARS = 60;

const COUNTED = {
  books: { numbers: "page_counts", unit: "pages", length: "Page count", total: ({ pages }) => [number(pages), "pages in all"] },
  movies: { numbers: "run_times", unit: "minutes", length: "Run time", total: ({ run_time }) => [duration(run_time), "in all"] },
};

export function statistics() {
  const collection = field("collection_id", "Collection", choice([["", "All collections"]]));
  const owner = field("user_id", "Whose", choice([["", "Everybody’s"]]));
  const fields = [collection, owner];
  const bar = h("form", { class: "bar", "aria-label": "What is counted" }, h("div", { class: "first" }, fields.map((one) => one.element)));
  const place = h("div", { class: "statistics" });
  const element = h("div", {}, h("div", { class: "title" }, heading("Statistics")), bar, place);

  bar.addEventListener("change", () => {
    const params = new URLSearchParams(given(Object.fromEntries(fields.map((one) => [one.name, one.value()]))));
    amend(params, { push: true });
    show(params);
  });

  let asked = null;
  async function show(params) {
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    for (const { name, input } of fields) hold(input, params.get(name));
    const chosen = new URLSearchParams(fields.filter(({ name }) => params.get(name)).map(({ name }) => [name, params.get(name)]));
    const [collections] = await Promise.all([collectionsWith(params.get("collection_id")), fill(place, () => numbers(chosen, signal), () => show(params))]);
    if (signal.aborted) return;
    choose(collection.input, [["", "All collections"], ...collections], params.get("collection_id"));
    choose(owner.input, owners(params.get("user_id")), params.get("user_id"));
    draw(place);
  }

  function leave() {
    asked?.abort();
    erase();
  }

  return { title: "Statistics", element, show, leave };
}

async function numbers(params, signal) {
  const { body } = await get(`/stats?${params}`, signal);
  const some = Object.keys(KINDS).filter((name) => body[name].count);
  if (!some.length) return emptiness("There is nothing to count yet.");
  return some.map((name) => section(name, body[name]));
}

function section(name, counts) {
  const { title, noun } = KINDS[name];
  const { numbers, unit, length, total } = COUNTED[name];
  const sum = total(counts);
  return h(
    "section",
    {},
    h("h2", {}, title),
    h("p", { class: "sums" }, h("strong", {}, number(counts.count)), ` ${counts.count === 1 ? noun : name} · `, h("strong", {}, sum[0]), ` ${sum[1]}`),
    h(
      "div",
      { class: "plots" },
      plot(`${title} by genre`, "Genre", ranked(counts.genres, "genre"), { across: true }),
      plot(`${title} by format`, "Format", ranked(counts.formats, "format"), { across: true }),
      plot(`${title} by year`, "Year", years(counts.years)),
      plot(`${length} of ${name}, in ${unit}`, length, counts[numbers].map((step) => [range(step), step.count])),
      plot(`${title} over time`, "Month", growth(counts.growth), { line: true }),
    ),
  );
}

/** A plot of pairs of label and number, and the same as a table. */
function plot(title, head, pairs, { across = false, line = false } = {}) {
  if (!pairs.length) return null;
  const canvas = h("canvas", { role: "img", "aria-label": `${title}. The table below has the numbers.` });
  canvas.plot = { pairs, across, line };
  const body = pairs.map(([label, count]) => h("tr", {}, h("th", { scope: "row", dir: "auto" }, label), h("td", {}, number(count))));
  const columns = h("tr", {}, h("th", { scope: "col" }, head), h("th", { scope: "col" }, "Number"));
  const table = h("table", {}, h("thead", {}, columns), h("tbody", {}, body));
  const scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}, as a table` }, table);
  return h(
    "figure",
    {},
    h("figcaption", {}, title),
    h("div", { class: "canvas" }, canvas),
    h("details", {}, h("summary", {}, "As a table"), scroll),
  );
}

/** The commonest, and all others together. */
function ranked(rows, member) {
  const pairs = rows.map((row) => [row[member] ?? "None", row.count]);
  const rest = pairs.slice(MOST_BARS);
  if (!rest.length) return pairs;
  return [...pairs.slice(0, MOST_BARS), ["Others", rest.reduce((sum, [, count]) => sum + count, 0)]];
}

/** Without gaps; by decade, or by century, where single years would be too many. Items without a year come last. */
function years(rows) {
  const known = rows.filter(({ year }) => year !== null);
  const unknown = rows.filter(({ year }) => year === null).map(({ count }) => ["Unknown", count]);
  if (!known.length) return unknown;
  const [first, last] = [known[0].year, known.at(-1).year];
  const size = [1, 10, 100].find((one) => (last - first) / one < MOST_YEARS) ?? 1000;
  const sums = new Map();
  for (let year = Math.floor(first / size) * size; year <= last; year += size) sums.set(year, 0);
  for (const { year, count } of known) {
    const from = Math.floor(year / size) * size;
    sums.set(from, sums.get(from) + count);
  }
  const label = (from) => (size === 1 ? String(from) : `${from} to ${from + size - 1}`);
  return [...[...sums].map(([from, count]) => [label(from), count]), ...unknown];
}

const range = ({ from, to }) => (to === null ? `${number(from)} and more` : `${number(from)} to ${number(to)}`);

/** Every month since the first: in months without any, as many as before. */
function growth(rows) {
  const totals = new Map(rows.map(({ month, total }) => [month, total]));
  const pairs = [];
  const end = rows.at(-1)?.month;
  let total = 0;
  for (let month = rows[0]?.month; month <= end; month = after(month)) {
    total = totals.get(month) ?? total;
    pairs.push([month, total]);
  }
  return pairs;
}

function after(month) {
  const [year, count] = month.split("-").map(Number);
  return count === 12 ? `${year + 1}-01` : `${year}-${String(count + 1).padStart(2, "0")}`;
}
