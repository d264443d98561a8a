// Panic: one large button, and one key that works everywhere on the page, in a field too: Escape, held for half a second.
//
// A short Escape keeps its usual meaning (it closes a dialog). Only a press begins a panic by key; ending one always
// takes the button, so that nobody shows himself by accident.

import { post } from "../api.js";
import { h, icon, say, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { link, status } from "../state.js";
import { attempt } from "../toast.js";

export const HOLD_MS = 500;

export function panicButton() {
  const label = h("span", { class: "panic-text" });
  const hint = h("span", { class: "panic-hint" }, h("kbd", {}, "Esc"), " ", t("panic.hold"));
  const sign = h("span", { class: "panic-sign" }, icon("panic"));
  const control = h(
    "button",
    { type: "button", class: "panic", on: { click: () => act(status.value?.panic !== true) } },
    sign,
    h("span", { class: "panic-words" }, label, hint),
    h("span", { class: "panic-fill", "aria-hidden": "true" }),
  );
  const act = (on) => attempt(() => post("/v1/panic", { on }, 3000), control);
  status.watch((now, before) => {
    const on = now?.panic === true;
    if (before !== undefined && on === (before?.panic === true)) return;
    say(label, t(on ? "panic.end" : "panic.begin"));
    show(hint, !on);
    set(control, "data-on", on ? "yes" : null);
    sign.replaceChildren(icon(on ? "back" : "panic"));
  });

  let timer = null;
  const release = () => {
    clearTimeout(timer);
    timer = null;
    set(control, "data-held", null);
  };
  addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || event.repeat || timer !== null || link.value === "out") return;
      if (status.value?.panic === true) return;
      set(control, "data-held", "yes");
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
  return control;
}
