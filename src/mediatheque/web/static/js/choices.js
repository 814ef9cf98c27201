/** What filters offer to choose of. */

import { get, rows } from "./api.js";
import { choose } from "./forms.js";
import * as session from "./session.js";

const COLLECTIONS = "/collections?sort=name&limit=200";

/** Pairs of id and name of a list. Without an answer there are none: what they filter will say what is wrong. */
export async function named(path, member) {
  try {
    return (await rows(path)).map((row) => [row.id, row[member]]);
  } catch (error) {
    if (error.status === undefined) throw error;
    return [];
  }
}

/** The collections, the first 200 by name, and the one with *id* wherever it stands. */
export async function collectionsWith(id) {
  const some = await named(COLLECTIONS, "name");
  if (!id || some.some(([one]) => String(one) === id)) return some;
  try {
    const { body } = await get(`/collections/${encodeURIComponent(id)}`);
    return [[body.id, body.name], ...some];
  } catch (error) {
    if (error.status === undefined) throw error;
    return [[id, `Collection ${id}`], ...some];
  }
}

/** Whose things: everybody's, one's own, and those of the member with *id*. */
export function owners(id) {
  const me = session.user();
  const options = [["", "Everybody’s"], ...(me ? [[me.id, "Mine"]] : [])];
  return !id || id === String(me?.id) ? options : [...options, [id, `Member ${id}’s`]];
}

/** Chooses *value*, even if the list that it stands in is still on its way. */
export function hold(select, value) {
  const known = [...select.options].map((one) => [one.value, one.textContent]);
  choose(select, !value || known.some(([one]) => one === value) ? known : [...known, [value, "…"]], value);
}
