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

/** The daemon's sentences, each with {places} for names and figures, and what they are in the reader's language. */
async function learned(path) {
  return Object.entries(await table(path)).map(([english, own]) => {
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

/** Where the daemon's texts fall into parts, the coarsest first: [what is between, what we put there]. */
const SEAMS = [
  [/\n/, "\n", "\n"],
  [/; /, "; ", "；"],
  [/(?<=[.!?]['"”’)]?) (?=[\p{Lu}'"`“])/u, " ", ""],
];

/**
 * What the daemon said, which is English, in the reader's language as far as we know its sentences: [{text, lang}], which
 * put together are the whole. `otherwise`: the language of what is not known.
 */
export function told(text, otherwise = "en", depth = 0) {
  if (sayings.length === 0 || otherwise === language) return [{ text, lang: otherwise }];
  const own = known(text);
  if (own !== null) return [{ text: own, lang: language }];
  if (depth === SEAMS.length) return [{ text, lang: otherwise }];
  const [seam, theirs, ours] = SEAMS[depth];
  const parts = text.split(seam).map((part) => told(part, otherwise, depth + 1));
  return parts.reduce((before, part) => {
    const last = before.at(-1);
    const both = last.lang === language && part[0].lang === language;
    const glued = { text: last.text + (both ? ours : theirs), lang: last.lang };
    if (!both && last.lang !== part[0].lang) return [...before.slice(0, -1), glued, ...part];
    return [...before.slice(0, -1), { text: glued.text + part[0].text, lang: last.lang }, ...part.slice(1)];
  });
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
