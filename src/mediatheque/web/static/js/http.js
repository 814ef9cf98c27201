/** One request to the API, and what goes wrong with it as a Problem with a sentence. */

const AWAY = "The server cannot be reached. Is this device connected?";
const UNKNOWN = "The server gave an answer that nobody understands.";

export class Problem extends Error {
  /** *status* is 0 if there was no answer; *errors* are sentences by member; *retryAfter* is in seconds. */
  constructor(status, detail, { errors = {}, retryAfter = null } = {}) {
    super(detail);
    Object.assign(this, { status, errors, retryAfter });
  }
}

/**
 * Sends a request. Gives {body, etag, next, total}: *next* is the address of a list's next page.
 * Throws a Problem, or an AbortError once *signal* says so.
 */
export async function send(method, path, { json, token, etag, key, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  if (etag) headers["If-Match"] = etag;
  if (key) headers["Idempotency-Key"] = key;
  let answer;
  let content;
  try {
    const body = json === undefined ? undefined : JSON.stringify(json);
    answer = await fetch(path, { method, headers, body, signal, credentials: "omit" });
    content = await answer.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, AWAY);
  }
  const body = parsed(content);
  if (answer.ok && body !== undefined) {
    const total = answer.headers.get("X-Total-Count");
    return { body, etag: answer.headers.get("ETag"), next: following(answer), total: total && Number(total) };
  }
  const retryAfter = Number(answer.headers.get("Retry-After")) || null;
  throw new Problem(answer.status, body?.detail ?? UNKNOWN, { errors: body?.errors, retryAfter });
}

function parsed(content) {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

/** The address behind rel="next" of the Link header (RFC 8288). */
function following(answer) {
  return answer.headers.get("Link")?.match(/<([^>]+)>;\s*rel="next"/)?.[1] ?? null;
}
