// The voice: how loud it goes in and out, and which pitch becomes which.

import { card, h, say, set, show } from "../dom.js";
import { number, t } from "../i18n.js";
import { status } from "../state.js";
import { lateness } from "./lateness.js";
import { counted } from "./words.js";

const QUIET_DB = -60;
const LOWEST_HZ = 60;
const HIGHEST_HZ = 600;

/** Where a level stands between silence and full scale, 0 to 100. */
const share = (db) => Math.max(0, Math.min(100, (100 * (db - QUIET_DB)) / -QUIET_DB));

/** Where a pitch stands on a scale of equal steps to the ear, 0 to 100. */
const height = (hz) => Math.max(0, Math.min(100, (100 * Math.log(hz / LOWEST_HZ)) / Math.log(HIGHEST_HZ / LOWEST_HZ)));

export function voicePart() {
  const [into, out] = ["in", "out"].map((way) => level(t(`voice.${way}`)));
  const from = h("span", { class: "pitch-mark from" });
  const to = h("span", { class: "pitch-mark to" });
  const strip = h("div", { class: "pitch", "aria-hidden": "true" }, h("span", { class: "pitch-scale" }), from, to);
  const pitch = h("p", { class: "figure" });
  const late = h("p", { class: "hint" });
  const meters = h(
    "div",
    { class: "levels" },
    into.element,
    out.element,
    h("div", { class: "level" }, h("div", { class: "row spread" }, h("span", {}, t("voice.pitch")), pitch), strip),
  );
  const none = h("p", { class: "hint" }, t("voice.none"));
  const element = card(t("voice.title"), { name: "voice" }, meters, late, none);

  const leave = status.watch((now) => {
    const voice = now?.voice ?? null;
    show(meters, voice !== null);
    show(none, voice === null && (now?.latency?.voice_ms ?? null) === null);
    const over = lateness(now);
    if (now !== null) say(late, over?.short ?? counted("voice.late", now.late_blocks ?? 0));
    set(late, "data-tone", over?.good === false ? "bad" : null);
    show(late, over !== null || (now?.latency?.voice_ms ?? null) !== null);
    if (voice === null) return;
    into.update(voice.in_db ?? null);
    out.update(voice.out_db ?? null);
    place(from, voice.pitch_hz ?? null);
    place(to, voice.pitch_out_hz ?? null);
    say(pitch, pitchText(voice));
  });
  return { element, leave };
}

function pitchText({ pitch_hz: from = null, pitch_out_hz: to = null }) {
  if (from === null && to === null) return t("voice.silent");
  const written = (hz) => (hz === null ? "–" : number(hz));
  return t("voice.from_to", { from: written(from), to: written(to) });
}

function place(mark, hz) {
  show(mark, hz !== null);
  if (hz !== null) mark.style.insetInlineStart = `${height(hz)}%`;
}

function level(label) {
  const fill = h("span", { class: "gauge-fill" });
  const gauge = h(
    "div",
    {
      class: "gauge",
      role: "meter",
      "aria-label": label,
      "aria-valuemin": String(QUIET_DB),
      "aria-valuemax": "0",
      "aria-valuenow": String(QUIET_DB),
    },
    fill,
  );
  const figure = h("span", { class: "figure" });
  return {
    element: h("div", { class: "level" }, h("div", { class: "row spread" }, h("span", {}, label), figure), gauge),
    update(db) {
      const value = db ?? QUIET_DB;
      fill.style.inlineSize = `${share(value)}%`;
      set(gauge, "aria-valuenow", Math.round(Math.max(QUIET_DB, Math.min(0, value))));
      set(gauge, "aria-valuetext", db === null ? t("voice.silent") : t("unit.db", { n: number(db) }));
      set(gauge, "data-tone", value > -1 ? "bad" : value > -6 ? "warn" : "good");
      say(figure, db === null ? "–" : t("unit.db", { n: number(db) }));
    },
  };
}
