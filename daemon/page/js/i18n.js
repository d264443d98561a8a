// What the page says, in the reader's language. Every sentence stands in strings/LANGUAGE.json.

import { kept } from "./state.js";

/** Languages that the page speaks, and what each calls itself. */
export const LANGUAGES = { en: "English", zh: "中文" };

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 3000;
const MOST_LEARNT = 2000;

let strings = {};
let sayings = [];
const learnt = new Map();
let language = "en";

/** Loads the language that was chosen, else the first of the browser's that we speak, else English. */
export async function loadLanguage() {
  const wanted = [kept.get("language"), ...navigator.languages].map((tag) => (tag ?? "").toLowerCase().split("-")[0]);
  language = wanted.find((tag) => Object.hasOwn(LANGUAGES, tag)) ?? "en";
  strings = await table(`/page/strings/${language}.json`);
  sayings = language === "en" ? [] : await learned(`/page/said/${language}.json`);
  document.documentElement.lang = language;
}

/** A file of strings. Without it there is nothing to show, so it is asked for until it comes. */
async function table(path) {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    try {
      const answer = await fetch(path);
      if (answer.ok) return await answer.json();
    } catch {
      // The daemon is starting, or gone for a moment.
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

/**
 * The daemon's sentences, in groups: each with {places} for names and figures, and what it is in the reader's language.
 * The first that fits is taken.
 */
async function learned(path) {
  const groups = Object.values(await table(path));
  return groups.flatMap(Object.entries).map(([english, own]) => {
    const places = english
      .replace(/\.$/, "")
      .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
      .replace(/\{(\w+)\}/g, "(?<$1>.+?)")
      .replace(/^[a-z]/i, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`);
    return { pattern: new RegExp(`^${places}\\.?$`, "s"), own: own.replace(/。$/, "") };
  });
}

/** A sentence of the daemon's in the reader's language, null if nobody has taught us. */
function known(text) {
  if (!learnt.has(text)) {
    if (learnt.size > MOST_LEARNT) learnt.clear();
    learnt.set(text, null); // a place that is all of its sentence must not look for itself
    for (const { pattern, own } of sayings) {
      const found = pattern.exec(text);
      if (found === null) continue;
      const end = text.endsWith(".") && !/[。！？…：]$/.test(own) ? "。" : "";
      const filled = own.replace(/\{(\w+)\}/g, (_, place) => said(found.groups[place]));
      learnt.set(text, filled + (filled.endsWith("。") ? "" : end));
      break;
    }
  }
  return learnt.get(text);
}

const LINES = { seam: /\n/, theirs: "\n", ours: "\n" };
const CLAUSES = { seam: /; /, theirs: "; ", ours: "；" };
const SENTENCES = { seam: /(?<=[.!?]['"”’)]?) (?=[\p{Lu}'"`“])/u, theirs: " ", ours: "" };

/** Parts of a text, each looked for in the table, put together again: neighbours of one language are one part. */
function together(parts, { theirs, ours }) {
  const glued = [];
  for (const [{ text, lang }, ...rest] of parts) {
    const last = glued.at(-1);
    if (last === undefined) glued.push({ text, lang });
    else {
      last.text += last.lang === language && lang === language ? ours : theirs;
      if (last.lang === lang) last.text += text;
      else glued.push({ text, lang });
    }
    glued.push(...rest);
  }
  return glued;
}

/**
 * What the daemon said, which is English, in the reader's language as far as we know its sentences: [{text, lang}], which
 * put together are the whole. `otherwise`: the language of what is not known.
 *
 * What happened and what to do are looked for one by one: after a line, a semicolon, then a full stop, last a colon
 * (before it stands a file and its line).
 */
export function told(text, otherwise = "en") {
  if (sayings.length === 0 || otherwise === language) return [{ text, lang: otherwise }];
  for (const how of [LINES, CLAUSES]) {
    const parts = text.split(how.seam);
    if (parts.length > 1)
      return together(
        parts.map((part) => told(part, otherwise)),
        how,
      );
  }
  const own = known(text);
  if (own !== null) return [{ text: own, lang: language }];
  const sentences = text.split(SENTENCES.seam);
  if (sentences.length > 1)
    return together(
      sentences.map((part) => told(part, otherwise)),
      SENTENCES,
    );
  const colon = text.indexOf(": ");
  if (colon < 0) return [{ text, lang: otherwise }];
  const parts = [text.slice(0, colon), text.slice(colon + 2)].map((part) => told(part, otherwise));
  return together(parts, { theirs: ": ", ours: "：" });
}

/** The same as one text, for where a language cannot be marked. */
export function said(text) {
  return told(text)
    .map((part) => part.text)
    .join("");
}

export function currentLanguage() {
  return language;
}

/** Whether there is such a string. */
export function has(key) {
  return Object.hasOwn(strings, key);
}

/** A string; {name} in it is replaced by what `values` has under that name. */
export function t(key, values = {}) {
  const text = strings[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}

/** The string of a key, or the text itself where we have none: what the daemon may say one day. */
export function tOr(key, text) {
  return has(key) ? t(key) : text;
}

const formats = new Map(); // making one takes longer than using it

/** A number as the reader writes it. */
export function number(value, digits = 0) {
  if (!formats.has(digits))
    formats.set(
      digits,
      new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    );
  return formats.get(digits).format(value);
}

/** "1:05", "1:02:03". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, at) => (at === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** Day and time of an ISO time stamp, or the text itself. */
export function moment(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(date);
}

/** A size of so many bytes. */
export function bytes(size) {
  const large = size >= 1e6;
  return t(large ? "unit.mb" : "unit.kb", { n: number(size / (large ? 1e6 : 1e3), large ? 1 : 0) });
}
