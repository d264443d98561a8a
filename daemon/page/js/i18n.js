// What the page says, in the reader's language. Every sentence stands in strings/LANGUAGE.json.

import { kept } from "./state.js";

/** Languages that the page speaks, and what each calls itself. */
export const LANGUAGES = { en: "English", zh: "中文" };

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 3000;

let strings = {};
let sayings = [];
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
      .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
      .replace(/\{(\w+)\}/g, "(?<$1>.+?)")
      .replace(/(\\\.)?$/, "\\.?");
    return { pattern: new RegExp(`^${places}$`, "s"), own };
  });
}

/** What the daemon said, which is English, in the reader's language as far as we know the sentence. */
export function said(text) {
  for (const { pattern, own } of sayings) {
    const found = pattern.exec(text);
    if (found) return own.replace(/\{(\w+)\}/g, (_, place) => said(found.groups[place]));
  }
  return text;
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
