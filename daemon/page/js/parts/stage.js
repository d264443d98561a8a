// The stage: who one is now, as it goes out, and what ends it at once. Always on the page.

import { picture, post } from "../api.js";
import { button, h, icon, say, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { unanswered } from "../link.js";
import { link, status } from "../state.js";
import { calm, whileSeen } from "../ticker.js";
import { attempt, toasts } from "../toast.js";
import { panicButton } from "./panic.js";
import { stateMeaning, stateText, stateTone } from "./words.js";

const PREVIEW_MS = 110;
const CALM_MS = 1000;
const EAGER_MS = 200;
const IDLE_MS = 1500; // while there is nothing to see

/** The stage as a section. */
export function stagePart() {
  const name = h("p", { class: "stage-name" });
  const words = h("p", { class: "stage-state", role: "status" });
  const means = h("p", { class: "hint" });
  status.watch((now) => {
    if (now === null) return;
    say(name, now.persona || t("stage.nobody"));
    say(words, stateText(now));
    set(words, "data-tone", stateTone(now));
    say(means, stateMeaning(now));
    show(means, means.textContent !== "");
  });
  const title = h("h2", { class: "hidden-text", id: "stage-title" }, t("stage.title"));
  const seen = preview();
  const rest = [switches(), quick()];
  // What cannot be answered cannot be pressed, but for panic: it is tried whatever we believe.
  link.watch((now) => [seen, ...rest].forEach((part) => set(part, "inert", unanswered(now))));
  return h(
    "section",
    { class: "stage", "aria-labelledby": "stage-title" },
    title,
    seen,
    h("div", { class: "stage-words" }, name, words, means),
    panicButton().element,
    rest,
  );
}

function preview() {
  const image = h("img", { class: "preview-image", alt: "", hidden: true, draggable: "false" });
  const nothing = h("div", { class: "preview-nothing" }, icon("face"), h("p", {}, t("preview.nothing")));
  const paused = { value: false };
  const pause = button({
    label: t("preview.pause"),
    name: "pause",
    look: "quiet small over",
    on: () => {
      paused.value = !paused.value;
      const label = t(paused.value ? "preview.resume" : "preview.pause");
      set(pause, "aria-label", label);
      set(pause, "title", label);
      pause.replaceChildren(icon(paused.value ? "play" : "pause"));
    },
  });
  const rate = h("span", { class: "preview-rate", "aria-hidden": "true" });
  const figure = h("figure", { class: "preview" }, image, nothing, rate, pause);
  let pictured = false;
  let absent = false;
  let ticking = null;
  const swap = (blob) => {
    const old = image.src;
    if (blob !== null) image.src = URL.createObjectURL(blob);
    if (old) URL.revokeObjectURL(old);
    pictured = blob !== null;
    show(image, pictured);
    show(nothing, !pictured);
    show(pause, pictured || paused.value);
  };
  show(pause, false);
  status.watch((now, before) => {
    if (now === null) return;
    if (before && (before.panic !== now.panic || before.state !== now.state || before.persona !== now.persona))
      ticking?.soon();
    set(image, "alt", t("preview.alt", { persona: now.persona, state: stateText(now) }));
    set(figure, "data-tone", now.panic ? "bad" : stateTone(now));
    say(rate, typeof now.fps === "number" && now.state === "live" ? t("unit.fps", { n: Math.round(now.fps) }) : "");
  });
  let empty = 0; // the daemon encodes nothing before somebody asks, so the first answers are empty
  const interval = () =>
    absent ? 10000 : !pictured ? (empty < 8 ? EAGER_MS : IDLE_MS) : calm() ? CALM_MS : PREVIEW_MS;
  ticking = whileSeen(figure, interval, async () => {
    if (paused.value || status.value === null) return;
    try {
      const blob = await picture("/v1/preview");
      absent = false;
      empty = blob === null ? empty + 1 : 0;
      swap(blob);
    } catch (refusal) {
      absent = refusal.absent === true;
      if (pictured && refusal.status !== 429) swap(null);
    }
  });
  return figure;
}

/** Face, voice and rest: each is there if the daemon tells of it. */
function switches() {
  const rows = [
    ["face_on", "face", "/v1/face", "face"],
    ["voice_on", "voice", "/v1/voice", "voice"],
    ["off", "rest", "/v1/off", "power"],
  ].map(([entry, name, path, sign]) => {
    const control = h(
      "button",
      {
        type: "button",
        class: "switch-tile",
        role: "switch",
        "aria-checked": "false",
        title: t(`switch.${name}_what`),
        on: {
          click: () => attempt(() => post(path, { on: control.getAttribute("aria-checked") !== "true" }), control),
        },
      },
      icon(sign),
      h("span", {}, t(`switch.${name}`)),
    );
    return { entry, control };
  });
  const group = h(
    "div",
    { class: "switches", role: "group", "aria-label": t("switch.label") },
    rows.map((row) => row.control),
  );
  status.watch((now) => {
    for (const { entry, control } of rows) {
      const known = typeof now?.[entry] === "boolean";
      show(control, known);
      if (known) set(control, "aria-checked", String(now[entry]));
    }
    show(
      group,
      rows.some((row) => !row.control.hidden),
    );
  });
  return group;
}

/** What is pressed often: a clip of the last seconds, and a new reference frame. */
function quick() {
  const clip = button({
    text: t("quick.clip"),
    name: "clips",
    look: "small",
    on: () =>
      attempt(async () => {
        const made = await post("/v1/clip", { action: "save" }, 32000);
        toasts.tell(made.message ?? t("clips.saved"), "good", made.message ? "en" : null);
      }, clip),
  });
  const reference = h(
    "a",
    { class: "button small", href: "#/live" },
    icon("target"),
    h("span", {}, t("quick.reference")),
  );
  reference.addEventListener("click", () =>
    setTimeout(() => document.getElementById("reference")?.scrollIntoView({ block: "start" }), 60),
  );
  return h("div", { class: "quick" }, clip, reference);
}
