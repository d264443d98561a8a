// The streamer's own camera picture. Only when asked for, clearly marked, and gone again as soon as nobody looks.

import { picture, post } from "../api.js";
import { button, h, icon, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { whileSeen } from "../ticker.js";
import { attempt, toasts } from "../toast.js";

const FRAME_MS = 120;
const RENEW_MS = 25000; // the daemon forgets that it was asked after a minute

/** @returns {{element: HTMLElement, button: HTMLElement, leave: function(): void}} */
export function cameraPreview() {
  const image = h("img", { alt: t("camera.alt"), hidden: true, draggable: "false" });
  const mark = h("figcaption", { class: "camera-mark" }, h("span", { class: "lamp" }), t("camera.mark"));
  const element = h("figure", { class: "camera", hidden: true }, image, mark);
  let on = false;
  let asked = 0;
  let ticking = null;

  const look = async () => {
    try {
      if (performance.now() - asked > RENEW_MS) {
        asked = performance.now();
        await post("/v1/preview/camera", { on: true });
      }
      const blob = await picture("/v1/preview/camera");
      if (!on) return;
      const old = image.src;
      if (blob !== null) image.src = URL.createObjectURL(blob);
      if (old) URL.revokeObjectURL(old);
      show(image, blob !== null);
    } catch (refusal) {
      if (refusal.status === 429) return;
      if (on) toasts.tell(refusal.message, "bad", true);
      off();
    }
  };
  const off = () => {
    if (!on) return;
    on = false;
    ticking?.stop();
    if (image.src) URL.revokeObjectURL(image.src);
    image.removeAttribute("src");
    show(element, false);
    draw();
    post("/v1/preview/camera", { on: false }).catch(() => {}); // it ends by itself in a minute
  };
  const start = () =>
    attempt(async () => {
      asked = performance.now();
      await post("/v1/preview/camera", { on: true });
      on = true;
      show(image, false);
      show(element, true);
      draw();
      ticking = whileSeen(element, () => FRAME_MS, look);
    }, control);
  const control = button({ text: t("camera.show"), name: "camera", on: () => (on ? off() : start()) });
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
      document.removeEventListener("visibilitychange", hidden);
    },
  };
}
