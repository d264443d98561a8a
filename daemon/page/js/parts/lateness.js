// Blocks of sound that came later than 60 ms, against the bar that the voice is held to.

import { h, say, set, show } from "../dom.js";
import { number, t } from "../i18n.js";
import { status } from "../state.js";

const BAR_PERCENT = 0.2;
const SCALE_PERCENT = 2 * BAR_PERCENT;

const percents = (value) => t("unit.percent", { n: number(value, value > 0 && value < 0.01 ? 3 : 2) });

/** {percent, good, short, full} of a status, null where no sound was counted yet. */
export function lateness(now) {
  const { blocks, blocks_over_60_ms: late } = now ?? {};
  if (!(blocks > 0) || typeof late !== "number") return null;
  const percent = (100 * late) / blocks;
  const bar = t("unit.percent", { n: number(BAR_PERCENT, 1) });
  return {
    percent,
    good: percent <= BAR_PERCENT,
    short: t("late.short", { percent: percents(percent), bar }),
    full: t("late.full", { n: number(late), of: number(blocks), percent: percents(percent) }),
    bar: t("late.bar", { bar }),
  };
}

/** How many, how much of all, and the bar; {element, leave}. */
export function latenessPart() {
  const fill = h("span", { class: "gauge-fill" });
  const gauge = h(
    "div",
    { class: "gauge barred", role: "meter", "aria-label": t("late.title"), "aria-valuemin": "0" },
    fill,
    h("span", { class: "gauge-bar" }),
  );
  gauge.style.setProperty("--bar", `${(100 * BAR_PERCENT) / SCALE_PERCENT}%`);
  const figure = h("span", { class: "figure" });
  const bar = h("p", { class: "hint" });
  const element = h(
    "div",
    { class: "level lateness" },
    h("div", { class: "row spread wrap" }, h("span", {}, t("late.title")), figure),
    gauge,
    bar,
  );
  const leave = status.watch((now) => {
    const late = lateness(now);
    show(element, late !== null);
    if (late === null) return;
    fill.style.inlineSize = `${Math.min(100, (100 * late.percent) / SCALE_PERCENT)}%`;
    set(gauge, "aria-valuemax", SCALE_PERCENT);
    set(gauge, "aria-valuenow", Math.min(SCALE_PERCENT, Math.round(late.percent * 1000) / 1000));
    set(gauge, "aria-valuetext", late.full);
    set(gauge, "data-tone", late.good ? "good" : "bad");
    say(figure, late.full);
    say(bar, late.bar);
  });
  return { element, leave };
}
