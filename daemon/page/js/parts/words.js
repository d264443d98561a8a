// The daemon's words for its states, in the reader's language.

import { t, tOr } from "../i18n.js";

const TONES = {
  live: "good",
  revealed: "bad",
  hold: "warn",
  portrait: "warn",
  waiting: "warn",
  "source lost": "bad",
  card: "bad",
  starting: "off",
  off: "off",
};

const key = (state) => `state.${state.replaceAll(" ", "_")}`;

function stateOf(status) {
  if (status.panic) return "panic";
  if (status.off) return "off";
  return status.state;
}

/** "Live", "Searching for your face", … */
export function stateText(status) {
  const state = stateOf(status);
  return tOr(key(state), state);
}

/** What the state means for who sits in front of the camera; "" if nothing needs to be said. */
export function stateMeaning(status) {
  return tOr(`${key(stateOf(status))}.means`, "");
}

/** "good", "warn", "bad" or "off". */
export function stateTone(status) {
  const state = stateOf(status);
  return state === "panic" ? "bad" : (TONES[state] ?? "off");
}

/** The initials of a persona, where there is no picture. */
export function monogram(name) {
  return [...name.trim()].slice(0, 2).join("").toUpperCase();
}

/** "1 fault" and "3 faults" need two strings: KEY.one and KEY.many. */
export function counted(base, n) {
  return t(n === 1 ? `${base}.one` : `${base}.many`, { n });
}
