// What is wrong, the gravest first, each with what to do.

import { get } from "../api.js";
import { card, foreign, h, icon, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { status } from "../state.js";
import { whileSeen } from "../ticker.js";

const LOOK_MS = 4000;

/** A part that shows itself only while something is wrong. */
export function problemsPart() {
  const list = h("ul", { class: "problems", "aria-live": "polite" });
  const element = card(t("problems.title"), { name: "alert", wide: true }, list);
  const anchor = h("div", { class: "wide problems-anchor" }, element);
  let told = null;
  let shown = null;

  const draw = () => {
    const now = status.value;
    const rows = new Map(); // one sentence comes by several ways: the one that knows what to do is shown
    const hints = [...(now?.hints ?? []), ...(told ?? [])];
    const named = (sentence) => hints.some(({ text }) => sentence.startsWith(text.replace(/\.$/, "")));
    for (const { text, fix } of [
      ...hints,
      ...(now?.problems ?? []).filter((sentence) => !named(sentence)).map((text) => ({ text, fix: null })),
    ]) {
      rows.set(text, rows.get(text) ?? fix ?? null);
    }
    const text = JSON.stringify([...rows]);
    if (text === shown) return;
    shown = text;
    show(element, rows.size > 0);
    set(anchor, "data-empty", rows.size === 0 ? "yes" : null);
    list.replaceChildren(...[...rows].map(problem));
  };
  const leave = status.watch(() => {
    if (told !== null && (status.value?.problems ?? []).length === 0) told = null; // what is over is not shown on
    draw();
  });
  const looking = whileSeen(
    anchor,
    () => LOOK_MS,
    async () => {
      try {
        told = (await get("/v1/problems")).problems;
      } catch {
        told = null; // the status names them as well
      }
      draw();
    },
  );
  return {
    element: anchor,
    leave() {
      leave();
      looking.stop();
    },
  };
}

/** One row. */
function problem([text, fix]) {
  return h("li", { class: "problem" }, icon("alert"), h("div", {}, line(text), fix ? line(fix, "fix") : null));
}

function line(text, role) {
  return foreign(h("p", { class: role }), text);
}
