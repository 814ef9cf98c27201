/** The API as the views use it: reading needs nobody, writing is done by who is signed in. */

import { send } from "./http.js";
import { authorised } from "./session.js";

/** Says "write" when something was made, changed or deleted. */
export const writes = new EventTarget();

export const get = (path, signal) => send("GET", path, { signal });

export const change = (path, json, etag) => write("PATCH", path, { json, etag });

export const remove = (path, etag) => write("DELETE", path, { etag });

/** Makes things at *path*: as long as the same is asked for again it is one thing, even if an answer got lost. */
export function maker(path) {
  let asked = null;
  let key = null;
  return (json) => {
    const content = JSON.stringify(json);
    if (content !== asked) key = randomKey();
    asked = content;
    return write("POST", path, { json, key });
  };
}

async function write(method, path, options) {
  const answer = await authorised((token) => send(method, path, { ...options, token }));
  names.clear();
  writes.dispatchEvent(new Event("write"));
  return answer;
}

/** crypto.randomUUID() is not there where a page is served without TLS, which a household may well do. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const names = new Map();

/** The rows of a list that is short, such as the genres; asked for once until something is written. */
export function rows(path) {
  if (!names.has(path)) {
    const asked = get(path).then(({ body }) => body);
    asked.catch(() => names.delete(path));
    names.set(path, asked);
  }
  return names.get(path);
}
