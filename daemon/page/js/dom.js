// Elements are made here and nowhere else. Text is always a text node: what a persona, a scene or the daemon is called
// can never become markup (and Trusted Types would refuse it).

import { told } from "./i18n.js";
import { PATHS } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element.
 * @param {string} tag
 * @param {Object} [props] "on" holds listeners, "class" names, everything else attributes; true is an empty attribute,
 *     false, null and undefined leave one out. "value", "checked" and "disabled" are set as properties.
 * @param {...(Node|string|number|null|Array)} children null and false are left out.
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else {
      set(element, name, value);
    }
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined),
  );
  return element;
}

/** Sets, or takes away, one attribute; does nothing if it is as it should be. */
export function set(element, name, value) {
  if ((name === "value" && element.localName !== "option") || name === "checked" || name === "disabled") {
    if (element[name] !== value) element[name] = value;
  } else if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Replaces the text of an element, if it differs: screen readers hear a live region only when it changes. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Puts a text of the daemon's into an element, the only way in which one gets there: in the reader's language as far as
 * we know its sentences, and every part of it marked with its language. `lang`: that of what is not known; "" is "nobody
 * knows", as for what the owner of a profile wrote.
 */
export function foreign(element, text, lang = "en") {
  const parts = told(text, lang);
  const whole = parts.map((part) => part.text).join("");
  if (parts.length === 1) {
    say(element, whole);
    element.lang = parts[0].lang;
  } else if (element.textContent !== whole || element.childElementCount !== parts.length) {
    element.removeAttribute("lang");
    element.replaceChildren(...parts.map((part) => h("span", { lang: part.lang }, part.text)));
  }
  return element;
}

/** Puts a text of our own where a foreign one may have been. */
export function own(element, text) {
  element.removeAttribute("lang");
  say(element, text);
  return element;
}

/** Shows or hides. */
export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/** A line icon, hidden from screen readers: the text beside it, or the label of its button, speaks. */
export function icon(name) {
  const paths = (PATHS[name] ?? PATHS.dot).map((d) => s("path", { d }));
  return s("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, paths);
}

let count = 0;

/** An id that nothing else on the page has. */
export function unique(stem) {
  count += 1;
  return `${stem}-${count}`;
}

/** A button. `look` is "", "primary", "danger", "quiet" or several of them; without text, `label` is what it is called. */
export function button({ text, label, name, look = "", on, ...rest }) {
  const props = {
    type: "button",
    class: `button ${look}${text ? "" : " only-icon"}`,
    "aria-label": label,
    title: text ? null : label,
  };
  return h(
    "button",
    { ...props, ...rest, on: { click: on } },
    name ? icon(name) : null,
    text ? h("span", {}, text) : null,
  );
}

/** A titled part of a view. */
export function card(title, { name, id, actions, level = 2, wide } = {}, ...children) {
  const titled = unique("part");
  return h(
    "section",
    { class: `card${wide ? " wide" : ""}`, id, "aria-labelledby": titled },
    h(
      "header",
      { class: "card-head" },
      h(`h${level}`, { id: titled }, name ? icon(name) : null, h("span", {}, title)),
      actions ? h("div", { class: "card-actions" }, actions) : null,
    ),
    ...children,
  );
}

/** A label, what it belongs to, and an explanation. */
export function field(label, control, hint) {
  const id = control.id || unique("field");
  control.id = id;
  const hinted = hint ? unique("hint") : null;
  if (hinted) control.setAttribute("aria-describedby", hinted);
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    control,
    hint ? h("p", { class: "hint", id: hinted }, hint) : null,
  );
}
