// Requests to the daemon. The cookie goes along by itself; the page key is sent as a header (daemon/control/sessions.py).

import { currentLanguage, t } from "./i18n.js";
import { kept, link } from "./state.js";

const PATIENCE_MS = 8000;

/**
 * The daemon refused, or did not answer (status 0). The message is a sentence to show; `lang` is its language.
 *
 * unreached: nobody listens at this address; a daemon that is slow is not meant. signIn: it asks for a new sign-in.
 */
export class Refusal extends Error {
  constructor(status, sentence, { lang = currentLanguage(), unreached = false, signIn = false } = {}) {
    super(sentence);
    this.status = status;
    this.lang = lang;
    this.unreached = unreached;
    this.signIn = signIn;
  }

  /** Whether this daemon has no such operation: the part that needs it hides itself. */
  get absent() {
    return this.status === 404 || this.status === 405 || this.status === 501;
  }
}

async function send(method, path, { body, patience = PATIENCE_MS } = {}) {
  const key = kept.get("key");
  const headers = { "X-Page-Key": key ?? "" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(patience),
      cache: "no-store",
      redirect: "error",
    });
  } catch (error) {
    throw new Refusal(0, t("error.silent"), { unreached: error instanceof TypeError }); // else its time is over
  }
  if (answer.status === 401 && isOut(key)) link.value = "out";
  if (!answer.ok) throw await refusalOf(answer);
  return answer;
}

async function refusalOf(answer) {
  try {
    const { error, sign_in: signIn } = await answer.json();
    if (typeof error === "string") return new Refusal(answer.status, error, { lang: "en", signIn: signIn === true });
  } catch {
    // Not ours, or cut off.
  }
  return new Refusal(answer.status, t("error.status", { status: answer.status }));
}

/** One request, and its JSON answer. Raises `Refusal`. */
export async function call(method, path, body, patience) {
  const answer = await send(method, path, { body, patience });
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch {
    throw new Refusal(0, t("error.silent"));
  }
}

export const get = (path, patience = undefined) => call("GET", path, undefined, patience);
export const post = (path, body = {}, patience = undefined) => call("POST", path, body, patience);
export const put = (path, body) => call("PUT", path, body);
export const remove = (path) => call("DELETE", path);

/** A picture as a Blob, null if there is none now. Raises `Refusal`. */
export async function picture(path, patience = PATIENCE_MS) {
  const answer = await send("GET", path, { patience });
  if (answer.status === 204) return null;
  const blob = await answer.blob();
  return blob.type.startsWith("image/") ? blob : null;
}

let entering = 0;

/**
 * Whether being turned away with this page key means that the session has ended. While one signs in anew, the old one
 * ends a moment before the new one is known here.
 */
export const isOut = (key) => entering === 0 && key === kept.get("key");

/** Exchanges a one-time code for a session; true if this browser is the first that ever signed in. */
export async function signIn(code) {
  entering += 1;
  try {
    const given = await post("/v1/session", { code });
    kept.set("key", given.key);
    return given.first === true;
  } finally {
    entering -= 1;
  }
}

/** Ends the session of this browser. */
export async function signOut() {
  await remove("/v1/session");
  kept.set("key", null);
  link.value = "out";
}
