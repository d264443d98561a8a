// Clips: making them, looking at them, cutting them.

import { get, picture, post, remove } from "../api.js";
import { confirmed } from "../dialog.js";
import { button, card, foreign, h, icon, own, say, show } from "../dom.js";
import { bytes, duration, moment, t } from "../i18n.js";
import { status } from "../state.js";
import { attempt, toasts } from "../toast.js";
import { openTrimmer } from "./trim.js";

const LONG_MS = 32000;
const AGAIN_MS = 1200; // after "too many requests"

export function clipsView() {
  const list = h("ul", { class: "clips" });
  const none = h("p", { class: "empty", hidden: true }, icon("clips"), h("span", {}, t("clips.none")));
  const unavailable = h("p", { class: "note", hidden: true });
  const pictures = thumbnails();
  const rowOf = new Map(); // id -> {element, frame, told}: what did not change stays, with its picture and its focus

  const act = (action, control, sentence) =>
    attempt(async () => {
      const made = await post("/v1/clip", { action }, LONG_MS);
      toasts.tell(made.message ?? t(sentence), "good", made.message ? "en" : null);
      await look();
    }, control);
  const save = button({
    text: t("clips.save"),
    name: "save",
    look: "primary",
    on: () => act("save", save, "clips.saved"),
  });
  const start = button({ text: t("clips.start"), name: "record", on: () => act("start", start, "clips.started") });
  const stop = button({
    text: t("clips.stop"),
    name: "stop",
    look: "danger",
    on: () => act("stop", stop, "clips.stopped"),
  });
  const outputs = h("p", { class: "hint" });
  const again = button({
    label: t("clips.refresh"),
    name: "refresh",
    look: "quiet small",
    on: () => attempt(look, again),
  });

  async function look() {
    try {
      const { clips } = await get("/v1/clips");
      show(unavailable, false);
      show(none, clips.length === 0);
      draw(clips);
    } catch (refusal) {
      show(unavailable, true);
      show(none, false);
      draw([]);
      if (refusal.absent) own(unavailable, t("clips.unavailable"));
      else foreign(unavailable, refusal.message, refusal.lang);
    }
  }

  function draw(clips) {
    const told = new Map(clips.map((clip) => [clip.id, JSON.stringify(clip)]));
    for (const [id, row] of rowOf) {
      if (told.get(id) === row.told) continue;
      row.element.remove();
      rowOf.delete(id);
      pictures.leave(row.frame);
      if (!told.has(id)) pictures.forget(id);
    }
    clips.forEach((clip, at) => {
      if (!rowOf.has(clip.id)) rowOf.set(clip.id, { ...row(clip), told: told.get(clip.id) });
      const { element } = rowOf.get(clip.id);
      if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null);
    });
  }

  const row = (clip) => {
    const frame = h(
      "span",
      { class: "clip-frame" },
      icon("clips"),
      clip.seconds === null ? null : h("span", { class: "clip-length" }, duration(clip.seconds)),
    );
    pictures.show(clip.id, frame);
    const discard = button({
      label: t("clips.delete", { name: clip.name }),
      name: "trash",
      look: "quiet small",
      on: async () => {
        if (
          !(await confirmed(
            t("clips.delete_title"),
            t("clips.delete_what", { name: clip.name }),
            t("clips.delete_yes"),
          ))
        )
          return;
        await attempt(async () => {
          await remove(`/v1/clips/${encodeURIComponent(clip.id)}`);
          toasts.tell(t("clips.deleted"), "good");
          await look();
        });
      },
    });
    const element = h(
      "li",
      { class: "clip" },
      h(
        "button",
        {
          type: "button",
          class: "clip-open",
          "aria-label": t("clips.open", { name: clip.name }),
          on: { click: () => openTrimmer(clip, look) },
        },
        frame,
      ),
      h(
        "div",
        { class: "clip-words" },
        h("p", { class: "clip-name" }, clip.name),
        h("p", { class: "hint" }, [clip.persona, moment(clip.made), bytes(clip.size)].filter(Boolean).join(" · ")),
      ),
      discard,
    );
    return { element, frame };
  };

  const leave = status.watch((now) => {
    const obs = now?.obs ?? {};
    show(stop, obs.recording === true);
    show(start, obs.recording !== true);
    say(outputs, obs.connected ? t(obs.replay ? "clips.replay_on" : "clips.replay_off") : t("clips.obs_away"));
  });
  look();
  const element = h(
    "div",
    { class: "grid" },
    card(
      t("clips.title"),
      { name: "clips", actions: again, wide: true },
      h("div", { class: "row wrap" }, save, start, stop),
      outputs,
      unavailable,
      none,
      list,
    ),
  );
  return {
    element,
    leave() {
      leave();
      pictures.close();
    },
  };
}

/**
 * Pictures of clips: asked for when their place comes into view, kept until their clip is gone.
 * show(id, frame) puts one into a frame; leave(frame): that one is there no more; forget(id), close(): gives memory back.
 */
function thumbnails() {
  const urls = new Map(); // id -> promise of an object URL, or of null
  const ids = new WeakMap();
  let closed = false;
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        watcher.unobserve(target);
        fill(ids.get(target), target);
      }
    },
    { rootMargin: "200px" },
  );
  const load = async (id, tries = 2) => {
    try {
      const blob = await picture(`/v1/clips/${encodeURIComponent(id)}/thumbnail`, 2 * LONG_MS);
      return blob === null || closed ? null : URL.createObjectURL(blob);
    } catch (refusal) {
      if (refusal.status !== 429 || tries === 1 || closed) return null; // the sign of a film stays
      await new Promise((done) => setTimeout(done, AGAIN_MS));
      return load(id, tries - 1);
    }
  };
  const fill = async (id, frame) => {
    if (!urls.has(id)) urls.set(id, load(id));
    const url = await urls.get(id);
    if (url !== null && urls.has(id))
      frame.querySelector(".icon")?.replaceWith(h("img", { src: url, alt: "", draggable: "false" }));
  };
  const forget = (id) => {
    urls.get(id)?.then((url) => url !== null && URL.revokeObjectURL(url));
    urls.delete(id);
  };
  return {
    show(id, frame) {
      ids.set(frame, id);
      watcher.observe(frame);
    },
    leave: (frame) => watcher.unobserve(frame),
    forget,
    close() {
      closed = true;
      watcher.disconnect();
      [...urls.keys()].forEach(forget);
    },
  };
}
