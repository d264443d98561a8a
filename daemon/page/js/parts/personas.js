// Who one can become: cards with pictures and keys.

import { picture, post } from "../api.js";
import { card, foreign, h, icon, set } from "../dom.js";
import { t } from "../i18n.js";
import { personas } from "../state.js";
import { attempt } from "../toast.js";
import { monogram } from "./words.js";

const LONG_MS = 60000; // the first one is drawn by a process that has to start
const pictures = new Map(); // name -> promise of an object URL or null; they last as long as the page

function pictureOf(name) {
  if (!pictures.has(name)) {
    const made = picture(`/v1/personas/${encodeURIComponent(name)}/picture`, LONG_MS)
      .then((blob) => (blob === null ? null : URL.createObjectURL(blob)))
      .catch((refusal) => {
        if (!refusal.absent) pictures.delete(name); // another time, perhaps
        return null;
      });
    pictures.set(name, made);
  }
  return pictures.get(name);
}

/** Forgets a persona's picture: it has another one now. */
export function forgetPicture(name) {
  pictures.delete(name);
}

export function personasPart() {
  const list = h("ul", { class: "personas" });
  const none = h("p", { class: "hint", hidden: true }, t("personas.none"));
  const add = h("a", { class: "button small", href: "#/newcomer" }, icon("plus"), h("span", {}, t("personas.new")));
  const element = card(t("personas.title"), { name: "face", actions: add, wide: true }, list, none);
  const rows = new Map();

  const leave = personas.watch((all) => {
    none.hidden = all.length > 0;
    for (const [name, row] of rows) {
      if (!all.some((one) => one.name === name)) {
        row.element.remove();
        rows.delete(name);
      }
    }
    all.forEach((one, at) => {
      if (!rows.has(one.name)) rows.set(one.name, personaCard(one.name));
      const row = rows.get(one.name);
      row.update(one);
      // Cards stay where they are if they can: moving one would take the focus away.
      if (list.children[at] !== row.element) list.insertBefore(row.element, list.children[at] ?? null);
    });
  });
  return { element, leave };
}

function personaCard(name) {
  const face = h(
    "span",
    { class: "persona-face" },
    h("span", { class: "monogram", "aria-hidden": "true" }, monogram(name)),
  );
  const description = h("span", { class: "persona-what" });
  const marks = h("span", { class: "persona-marks" });
  const control = h(
    "button",
    {
      type: "button",
      class: "persona",
      on: { click: () => attempt(() => post("/v1/switch", { persona: name }), control) },
    },
    face,
    h("span", { class: "persona-words" }, h("span", { class: "persona-name" }, name), description),
    marks,
  );
  pictureOf(name).then((url) => {
    if (url !== null) face.replaceChildren(h("img", { src: url, alt: "", draggable: "false" }));
  });
  let shown = "";
  return {
    element: h("li", {}, control),
    update(one) {
      set(control, "aria-pressed", String(one.on_stage));
      const now = JSON.stringify(one);
      if (now === shown) return;
      shown = now;
      // A description is in whatever language the owner of the profile writes.
      foreign(description, one.problem ?? one.description, one.problem ? "en" : "");
      set(control, "title", description.textContent);
      set(control, "data-problem", one.problem ? "yes" : null);
      marks.replaceChildren(
        ...[
          one.on_stage ? h("span", { class: "chip good" }, icon("check"), h("span", {}, t("personas.on_stage"))) : null,
          one.reveals ? h("span", { class: "chip bad" }, t("personas.reveals")) : null,
          one.problem ? h("span", { class: "chip bad" }, t("personas.broken")) : null,
          !one.ready && !one.problem ? h("span", { class: "chip" }, t("personas.cold")) : null,
          one.hotkey ? h("kbd", {}, one.hotkey) : null,
        ].filter((mark) => mark !== null),
      );
    },
  };
}
