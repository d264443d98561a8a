// Panic: a button that is always in reach, and one key that works everywhere on the page, in a field too: Escape, held
// for half a second.
//
// A short Escape keeps its usual meaning (it closes a dialog). Only a press begins a panic by key; ending one always
// takes the button, so that nobody shows himself by accident. An open dialog makes the page behind it unreachable, so
// each has a small button of its own in its head (dialog.js).

import { post } from "../api.js";
import { h, icon, say, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { Signal } from "../signal.js";
import { link, status } from "../state.js";
import { attempt } from "../toast.js";

export const HOLD_MS = 500;

/** Whether the key is down, and not yet for long enough. */
const held = new Signal(false);

const act = (on, control = null) => attempt(() => post("/v1/panic", { on }, 3000), control);

/** The large button, or a small one without the hint; {element, leave}. */
export function panicButton({ small = false } = {}) {
  const label = h("span", { class: "panic-text" });
  const hint = h("span", { class: "panic-hint" }, h("kbd", {}, "Esc"), " ", t("panic.hold"));
  const sign = h("span", { class: "panic-sign" }, icon("panic"));
  const element = h(
    "button",
    {
      type: "button",
      class: small ? "panic small" : "panic",
      on: { click: () => act(status.value?.panic !== true, element) },
    },
    sign,
    h("span", { class: "panic-words" }, label, small ? null : hint),
    h("span", { class: "panic-fill", "aria-hidden": "true" }),
  );
  const ends = [
    status.watch((now, before) => {
      const on = now?.panic === true;
      if (before !== undefined && on === (before?.panic === true)) return;
      say(label, t(!on ? "panic.begin" : small ? "panic.end_small" : "panic.end"));
      show(hint, !on);
      set(element, "data-on", on ? "yes" : null);
      sign.replaceChildren(icon(on ? "back" : "panic"));
    }),
    held.watch((now) => set(element, "data-held", now ? "yes" : null)),
  ];
  return { element, leave: () => ends.forEach((end) => end()) };
}

let timer = null;
const release = () => {
  clearTimeout(timer);
  timer = null;
  held.value = false;
};
addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape" || event.repeat || timer !== null || link.value === "out") return;
    if (status.value?.panic === true) return;
    held.value = true;
    timer = setTimeout(() => {
      release();
      act(true);
    }, HOLD_MS);
  },
  true,
);
addEventListener(
  "keyup",
  (event) => {
    if (event.key === "Escape") release();
  },
  true,
);
addEventListener("blur", release);
