// Clips: making them, looking at them, cutting them.

import { get, picture, post, remove } from "../api.js";
import { confirmed } from "../dialog.js";
import { button, card, foreign, h, icon, own, say, show } from "../dom.js";
import { bytes, duration, moment, t } from "../i18n.js";
import { status } from "../state.js";
import { attempt, toasts } from "../toast.js";
import { openTrimmer } from "./trim.js";

const LONG_MS = 32000;

export function clipsView() {
  const list = h("ul", { class: "clips" });
  const none = h("p", { class: "empty", hidden: true }, icon("clips"), h("span", {}, t("clips.none")));
  const unavailable = h("p", { class: "note", hidden: true });
  const urls = [];

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
      list.replaceChildren(...clips.map(row));
    } catch (refusal) {
      show(unavailable, true);
      show(none, false);
      list.replaceChildren();
      if (refusal.absent) own(unavailable, t("clips.unavailable"));
      else foreign(unavailable, refusal.message, refusal.lang);
    }
  }

  const row = (clip) => {
    const frame = h(
      "span",
      { class: "clip-frame" },
      icon("clips"),
      clip.seconds === null ? null : h("span", { class: "clip-length" }, duration(clip.seconds)),
    );
    picture(`/v1/clips/${encodeURIComponent(clip.id)}/thumbnail`, 2 * LONG_MS)
      .then((blob) => {
        if (blob === null) return;
        const url = URL.createObjectURL(blob);
        urls.push(url);
        frame.querySelector(".icon").replaceWith(h("img", { src: url, alt: "", draggable: "false" }));
      })
      .catch(() => {}); // the sign of a film stays
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
    return h(
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
      urls.forEach((url) => URL.revokeObjectURL(url));
    },
  };
}
