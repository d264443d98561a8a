// Short messages that go by themselves; screen readers hear them, and they never take the focus.
//
// What stands behind an open dialog is neither seen nor spoken: while one is open, the region lives in it.

import { button, foreign, h, icon, own } from "./dom.js";
import { t } from "./i18n.js";

const STAY_MS = 6000;
const MOST = 4;
const region = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

const homes = []; // of the region: the page, then the dialogs that are open, the last one on top

/** The region in which they appear. */
export function toasts() {
  return region;
}

/** The region lives in a dialog from now on. Returns what gives it back. */
toasts.moveInto = (dialog) => {
  if (homes.length === 0) homes.push(region.parentElement ?? document.body);
  homes.push(dialog);
  dialog.append(region);
  return () => {
    homes.splice(homes.lastIndexOf(dialog), 1);
    homes.at(-1).append(region);
  };
};

/** Whether the page is behind a dialog now, and its banners with it. */
toasts.covered = () => homes.length > 1;

/** Shows a sentence. tone: "good", "bad" or "". lang: of one that is the daemon's; else it is our own. */
toasts.tell = (sentence, tone = "", lang = null) => {
  const words = h("p", {});
  const toast = h(
    "div",
    { class: "toast", "data-tone": tone },
    icon(tone === "bad" ? "alert" : tone === "good" ? "check" : "info"),
    lang === null ? own(words, sentence) : foreign(words, sentence, lang),
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
    toasts.tell(refusal.message, "bad", refusal.lang ?? "en");
    return undefined;
  } finally {
    pressed?.removeAttribute("aria-busy");
  }
}
