// Looking at a clip, and cutting it: two sliders, the ends at the moment that is shown, and the keyboard's own ways.

import { post } from "../api.js";
import { openDialog } from "../dialog.js";
import { button, h, say, set, show } from "../dom.js";
import { number, t } from "../i18n.js";
import { attempt, toasts } from "../toast.js";

const STEP_S = 0.1;
const SHORTEST_S = 0.2;
const LONG_MS = 125000;

/** Opens a clip. `changed` is called when there is a new one. */
export function openTrimmer(clip, changed) {
  const video = h("video", {
    src: `/v1/clips/${encodeURIComponent(clip.id)}/video`,
    controls: true,
    preload: "metadata",
    class: "trim-video",
    "aria-label": clip.name,
  });
  const unplayable = h("p", { class: "note", hidden: true }, t("trim.unplayable"));
  video.addEventListener("error", () => {
    unplayable.hidden = false;
  });
  let length = clip.seconds ?? 0; // a file whose length nobody could read: the player may know
  let [start, end] = [0, length];

  const slider = (label, value, moved) => {
    const made = h("input", {
      type: "range",
      min: "0",
      max: String(length),
      step: String(STEP_S),
      value: String(value),
      "aria-label": label,
      class: "trim-slider",
    });
    made.addEventListener("input", () => moved(Number(made.value)));
    return made;
  };
  const from = slider(t("trim.start"), 0, (value) => {
    start = Math.min(value, end - SHORTEST_S);
    draw();
    video.currentTime = start;
  });
  const to = slider(t("trim.end"), length, (value) => {
    end = Math.max(value, start + SHORTEST_S);
    draw();
    video.currentTime = end;
  });
  const kept = h("div", { class: "trim-kept" });
  const summary = h("p", { class: "trim-summary", role: "status" });
  const draw = () => {
    start = Math.max(0, start);
    end = Math.min(length, end);
    for (const [control, value] of [
      [from, start],
      [to, end],
    ]) {
      set(control, "value", String(value));
      set(control, "aria-valuetext", t("unit.s", { n: number(value, 1) }));
    }
    kept.style.insetInlineStart = `${(100 * start) / (length || 1)}%`;
    kept.style.insetInlineEnd = `${100 - (100 * end) / (length || 1)}%`;
    say(summary, t("trim.summary", { from: number(start, 1), to: number(end, 1), length: number(end - start, 1) }));
  };
  const here = (label, take) =>
    button({
      text: label,
      look: "small",
      on: () => {
        take(video.currentTime);
        draw();
      },
    });
  const play = button({
    text: t("trim.play"),
    name: "play",
    look: "small",
    on: () => {
      video.currentTime = start;
      video.play().catch(() => {});
    },
  });
  video.addEventListener("timeupdate", () => {
    if (!video.paused && video.currentTime > end && end < length) video.pause();
  });
  const save = button({
    text: t("trim.save"),
    name: "trim",
    look: "primary",
    on: () =>
      attempt(async () => {
        const made = await post(
          `/v1/clips/${encodeURIComponent(clip.id)}/trim`,
          { start_s: round(start), end_s: round(end) },
          LONG_MS,
        );
        toasts.tell(made.message ?? t("trim.saved"), "good", made.message ? "en" : null);
        close();
        changed();
      }, save),
  });
  draw();
  video.addEventListener("loadedmetadata", () => {
    if (length > 0 || !Number.isFinite(video.duration)) return;
    length = video.duration;
    end = length;
    for (const control of [from, to]) set(control, "max", String(length));
    draw();
    show(save, true);
  });
  show(save, length > 0);
  const { close } = openDialog(
    clip.name,
    [
      video,
      unplayable,
      h("div", { class: "trim-bar" }, h("div", { class: "trim-rail" }), kept, from, to),
      summary,
      h(
        "div",
        { class: "row wrap" },
        here(t("trim.start_here"), (now) => {
          start = Math.min(now, end - SHORTEST_S);
        }),
        here(t("trim.end_here"), (now) => {
          end = Math.max(now, start + SHORTEST_S);
        }),
        play,
      ),
      h("p", { class: "hint" }, t("trim.what")),
      h("div", { class: "row end" }, save),
    ],
    {
      closed: () => {
        video.removeAttribute("src");
        video.load();
      },
    },
  );
}

const round = (seconds) => Math.round(seconds * 1000) / 1000;
