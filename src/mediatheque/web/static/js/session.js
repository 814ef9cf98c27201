/** Who is signed in, in every tab. docs/security.md says why the tokens are kept where they are. */

import { Problem, send } from "./http.js";

const PLACE = "mediatheque.session";
const EARLY = 60; // seconds before its end that a token is exchanged

/** Says "change" when somebody has signed in or out, here or in another tab. */
export const changes = new EventTarget();

addEventListener("storage", ({ key, oldValue, newValue }) => {
  if (key === PLACE && who(oldValue) !== who(newValue)) changed();
});

const who = (text) => JSON.stringify(parsed(text)?.user);

function changed() {
  changes.dispatchEvent(new Event("change"));
}

let memory = null; // for browsers that keep nothing

/** {token, refresh_token, until, user}, or null. */
function kept() {
  try {
    return parsed(localStorage.getItem(PLACE)) ?? memory;
  } catch {
    return memory;
  }
}

function keep(session) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(session));
  } catch {
    memory = session;
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // nobody of ours has written that
  }
}

const tokens = ({ token, refresh_token, expires_in }) => ({ token, refresh_token, until: Date.now() + expires_in * 1000 });

/** {id, name, email, is_admin}, or null. What they may is the server's to decide; this only says what to offer. */
export const user = () => kept()?.user ?? null;

export async function signIn(credentials) {
  const { body } = await send("POST", "/auth/login", { json: credentials });
  const { body: user } = await send("GET", "/auth/me", { token: body.token });
  keep({ ...tokens(body), user });
  changed();
}

export async function register(account) {
  await send("POST", "/auth/register", { json: account });
  const { email, password } = account;
  await signIn({ email, password });
}

/** Ends the session on the server as well; without the server, here only. */
export async function signOut() {
  try {
    await send("POST", "/auth/logout", { token: await token() });
  } catch (error) {
    if (error.status !== 401) throw error; // it has ended already
  } finally {
    forget();
  }
}

function forget() {
  memory = null;
  try {
    localStorage.removeItem(PLACE);
  } catch {
    // nothing is kept there
  }
  changed();
}

/** Looks up who is signed in: a role may have changed, or the session may have been ended elsewhere. */
export async function recall() {
  if (!kept()) return;
  const { body } = await authorised((token) => send("GET", "/auth/me", { token }));
  if (user()?.id !== body.id || JSON.stringify(user()) === JSON.stringify(body)) return;
  keep({ ...kept(), user: body });
  changed();
}

/** What *request* gives, a function of a token. A token that is refused is exchanged once. */
export async function authorised(request) {
  const first = await token();
  try {
    return await request(first);
  } catch (error) {
    if (error.status !== 401) throw error;
    return request(await exchanged(first));
  }
}

async function token() {
  const session = kept();
  if (!session) throw new Problem(401, "You are not signed in.");
  return Date.now() < session.until - EARLY * 1000 ? session.token : exchanged(session.token);
}

let exchange = null;

/** The token after *old*, which this tab asks for once, however many requests want it, or which another tab has got. */
function exchanged(old) {
  exchange ??= refresh(old).finally(() => (exchange = null));
  return exchange;
}

async function refresh(old) {
  const session = kept();
  if (!session) throw new Problem(401, "You are not signed in.");
  if (session.token !== old) return session.token;
  const goesOn = () => kept()?.refresh_token === session.refresh_token; // nobody has signed out or in meanwhile
  try {
    const { body } = await send("POST", "/auth/refresh", { json: { refresh_token: session.refresh_token } });
    if (!goesOn()) throw new Problem(401, "You are not signed in any more.");
    keep({ ...session, ...tokens(body) });
    return body.token;
  } catch (error) {
    if (error.status !== 401) throw error;
    if (!goesOn()) throw error;
    forget();
    throw new Problem(401, "Your session has ended. Please sign in again.");
  }
}
