// Short messages that go by themselves; screen readers hear them, and they never take the focus.

import { button, h, icon } from "./dom.js";
import { t } from "./i18n.js";

const STAY_MS = 6000;
const MOST = 4;
const region = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

/** The region in which they appear. */
export function toasts() {
  return region;
}

/** Shows a sentence. tone: "good", "bad" or "". foreign: it is the daemon's, in English. */
toasts.tell = (sentence, tone = "", foreign = false) => {
  const toast = h(
    "div",
    { class: "toast", "data-tone": tone },
    icon(tone === "bad" ? "alert" : tone === "good" ? "check" : "info"),
    h("p", { lang: foreign ? "en" : null }, sentence),
    button({ label: t("toast.close"), name: "close", look: "quiet small", on: () => toast.remove() }),
  );
  region.append(toast);
  while (region.childElementCount > MOST) region.firstElementChild.remove();
  const go = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(go, STAY_MS);
    else toast.remove();
  };
  setTimeout(go, tone === "bad" ? 2 * STAY_MS : STAY_MS);
};

/** Runs what a button does: the button rests meanwhile, and a refusal is told. Gives what `work` gives, or undefined. */
export async function attempt(work, pressed = null) {
  if (pressed?.getAttribute("aria-busy") === "true") return undefined;
  pressed?.setAttribute("aria-busy", "true");
  try {
    return await work();
  } catch (refusal) {
    toasts.tell(refusal.message, "bad", true);
    return undefined;
  } finally {
    pressed?.removeAttribute("aria-busy");
  }
}
