// The streamer's own camera picture. Only when asked for, clearly marked, and gone again as soon as nobody looks.

import { picture, post } from "../api.js";
import { button, foreign, h, icon, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { whileSeen } from "../ticker.js";
import { attempt, toasts } from "../toast.js";
import { codeForm } from "./sign_in.js";

const FRAME_MS = 120;
const RENEW_MS = 25000; // the daemon forgets that it was asked after a minute

/** @returns {{element: HTMLElement, button: HTMLElement, leave: function(): void}} */
export function cameraPreview() {
  const image = h("img", { alt: t("camera.alt"), hidden: true, draggable: "false" });
  const mark = h("figcaption", { class: "camera-mark" }, h("span", { class: "lamp" }), t("camera.mark"));
  const figure = h("figure", { class: "camera", hidden: true }, image, mark);
  const why = h("p", { class: "note warn", role: "alert" });
  const door = h("div", { class: "camera-door", hidden: true });
  const element = h("div", { class: "camera-holder" }, figure, door);
  let wish = 0; // what was under way when somebody changed their mind is of a wish that has passed
  let on = false;
  let asked = 0;
  let ticking = null;
  let told = Promise.resolve();

  // One after the other: a permission that is renewed must not arrive after the one that ends it.
  const allow = (now, mine = wish) => {
    const next = told.then(() => (now && mine !== wish ? null : post("/v1/preview/camera", { on: now })));
    told = next.catch(() => {});
    return next;
  };
  const look = async () => {
    const mine = wish;
    try {
      if (performance.now() - asked > RENEW_MS) {
        asked = performance.now();
        await allow(true);
      }
      if (mine !== wish) return;
      const blob = await picture("/v1/preview/camera");
      if (mine !== wish) return;
      const old = image.src;
      if (blob !== null) image.src = URL.createObjectURL(blob);
      if (old) URL.revokeObjectURL(old);
      show(image, blob !== null);
    } catch (refusal) {
      if (refusal.status === 429 || mine !== wish) return;
      off();
      if (refusal.signIn) askWho(refusal);
      else toasts.tell(refusal.message, "bad", refusal.lang);
    }
  };
  const off = () => {
    if (!on) return;
    wish += 1;
    on = false;
    ticking?.stop();
    ticking = null;
    if (image.src) URL.revokeObjectURL(image.src);
    image.removeAttribute("src");
    show(figure, false);
    draw();
    allow(false).catch(() => {}); // it ends by itself in a minute
  };
  const start = async () => {
    wish += 1;
    const mine = wish;
    on = true;
    show(door, false);
    draw();
    try {
      asked = performance.now();
      await allow(true);
      if (mine !== wish) return;
      show(image, false);
      show(figure, true);
      ticking = whileSeen(figure, () => FRAME_MS, look);
    } catch (refusal) {
      if (mine !== wish) return;
      off();
      if (refusal.signIn) askWho(refusal);
      else throw refusal;
    }
  };
  /** A browser that was signed in long ago shows who it is before it shows a face. */
  const askWho = (refusal) => {
    const form = codeForm(() => {
      control.focus();
      attempt(start, control);
    });
    door.replaceChildren(
      foreign(why, refusal.message, refusal.lang),
      h("p", { class: "hint" }, t("camera.code"), " ", h("code", {}, "obs-portrait dock")),
      form.element,
    );
    show(door, true);
    form.element.querySelector("input").focus();
  };
  const control = button({ text: t("camera.show"), name: "camera", on: () => (on ? off() : attempt(start, control)) });
  const draw = () => {
    set(control, "aria-pressed", String(on));
    control.replaceChildren(icon(on ? "close" : "camera"), h("span", {}, t(on ? "camera.hide" : "camera.show")));
  };
  const hidden = () => {
    if (document.visibilityState === "hidden") off();
  };
  document.addEventListener("visibilitychange", hidden);
  draw();
  return {
    element,
    button: control,
    leave() {
      off();
      wish += 1;
      document.removeEventListener("visibilitychange", hidden);
    },
  };
}
