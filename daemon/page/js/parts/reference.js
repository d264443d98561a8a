// The reference frame: how good it is, taking it anew with a countdown, and the camera with what is measured on it.

import { post } from "../api.js";
import { button, card, foreign, h, say, set, show } from "../dom.js";
import { number, t } from "../i18n.js";
import { status } from "../state.js";
import { attempt, toasts } from "../toast.js";
import { cameraPreview } from "./camera.js";

const COUNT = 3;
const SPOKEN_MS = 3000;

/** Calls `speak` with what is new, at most every three seconds: then with the newest. */
function seldom(speak) {
  let last = null;
  let newest = null;
  let timer = null;
  const now = () => {
    timer = null;
    if (newest === last) return;
    last = newest;
    speak(newest);
    timer = setTimeout(now, SPOKEN_MS);
  };
  return (said) => {
    newest = said;
    if (timer === null) now();
  };
}

export function referencePart() {
  const score = h(
    "div",
    {
      class: "gauge",
      role: "meter",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
      "aria-label": t("reference.quality"),
    },
    h("span", { class: "gauge-fill" }),
  );
  const figure = h("span", { class: "figure" });
  const advice = h("p", { class: "hint" });
  // What is measured changes four times a second: only the kind of advice is spoken, and not often.
  const spoken = h("p", { class: "hidden-text", role: "status" });
  const announce = seldom((kind) => foreign(spoken, kind));
  const quality = h(
    "div",
    { class: "quality" },
    h("div", { class: "row spread" }, h("span", {}, t("reference.quality")), figure),
    score,
    advice,
    spoken,
  );
  const found = h("p", { class: "hint", hidden: true });
  const searches = h("p", { class: "hidden-text", role: "status" });
  const count = h("span", { class: "countdown", role: "status" });

  const take = button({
    text: t("reference.take"),
    name: "target",
    look: "primary",
    on: () =>
      attempt(async () => {
        for (let left = COUNT; left > 0; left -= 1) {
          say(count, t("reference.count", { n: left }));
          await new Promise((done) => setTimeout(done, 1000));
          if (!element.isConnected) return;
        }
        say(count, t("reference.still"));
        try {
          await post("/v1/calibrate", {}, 12000);
          toasts.tell(t("reference.taken"), "good");
        } finally {
          say(count, "");
        }
      }, take),
  });
  const search = button({
    text: t("reference.search"),
    name: "search",
    on: () => attempt(() => post("/v1/search"), search),
  });
  const camera = cameraPreview();
  const element = card(
    t("reference.title"),
    { name: "target", id: "reference" },
    h("p", { class: "hint" }, t("reference.what")),
    quality,
    camera.element,
    h("div", { class: "row wrap" }, take, search, camera.button),
    count,
    found,
    searches,
  );

  const leave = status.watch((now) => {
    const measured = now?.quality ?? null;
    show(quality, measured !== null);
    if (measured !== null) {
      const percent = Math.round(100 * measured.score);
      set(score, "aria-valuenow", percent);
      set(score, "data-tone", percent >= 75 ? "good" : percent >= 45 ? "warn" : "bad");
      score.firstElementChild.style.inlineSize = `${percent}%`;
      say(figure, t("unit.percent", { n: percent }));
      foreign(advice, measured.advice ?? "");
      show(advice, Boolean(measured.advice));
      announce((measured.advice ?? "").replace(/\d+([.,]\d+)?/g, "").replace(/: [^:]*$/, "."));
    }
    const searching = now?.reference ?? null;
    set(search, "aria-pressed", String(searching !== null));
    show(found, searching !== null);
    say(searches, searching !== null ? t("reference.searching") : "");
    if (searching !== null) {
      say(found, t("reference.found", { now: number(searching.current, 2), best: number(searching.best, 2) }));
    }
  });
  return {
    element,
    leave() {
      leave();
      camera.leave();
    },
  };
}
