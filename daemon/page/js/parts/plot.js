// A small plot over time with its figures in words: what a screen reader says is what one sees.

import { h, s, say, set } from "../dom.js";
import { number, t } from "../i18n.js";

const WIDTH = 180;
const HEIGHT = 44;

/** The next round number above a value: 1, 2 or 5 times a power of ten. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((step) => step * power >= value);
}

/** Median of numbers, null of none. */
export function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {Object} what
 * @param {string} what.title
 * @param {string} what.unit key of a string with {n}
 * @param {number} [what.digits]
 * @param {number} [what.good] below it all is well; a line is drawn there
 * @param {boolean} [what.atLeast] good means above, not below
 * @param {boolean} [what.signed] zero stands in the middle
 * @param {boolean} [what.sums] steps of a counter: the figure is their sum
 */
export function plot({ title, unit, digits = 0, good = null, atLeast = false, signed = false, sums = false }) {
  const area = s("path", { class: "plot-area" });
  const line = s("path", { class: "plot-line" });
  const bound = s("path", { class: "plot-bound" });
  const drawing = s(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", class: "plot-drawing" },
    bound,
    area,
    line,
  );
  const now = h("span", { class: "plot-now" });
  const spread = h("span", { class: "plot-spread" });
  const element = h(
    "div",
    { class: "plot" },
    h("div", { class: "row spread" }, h("span", { class: "plot-title" }, title), now),
    drawing,
    spread,
  );
  const written = (value) => (value === null ? "–" : t(unit, { n: number(value, digits) }));

  /** Draws numbers or nulls, the newest last, one every `step` s. */
  const update = (values, step = 1) => {
    const known = values.filter((value) => value !== null);
    const last = sums ? known.reduce((sum, value) => sum + value, 0) : (values.at(-1) ?? null);
    const largest = Math.max(0, ...known.map((value) => (signed ? Math.abs(value) : value)));
    const top = roundUp(Math.max(largest * 1.05, good ?? 0));
    const y = (value) =>
      signed ? HEIGHT / 2 - (value / top) * (HEIGHT / 2 - 2) : HEIGHT - 1.5 - (value / top) * (HEIGHT - 4);
    const x = (at) => WIDTH - ((values.length - 1 - at) * WIDTH) / 179;
    set(line, "d", trace(values, x, y));
    set(area, "d", trace(values, x, y, signed ? HEIGHT / 2 : HEIGHT));
    set(
      bound,
      "d",
      good === null
        ? null
        : [good, ...(signed ? [-good] : [])].map((value) => `M0 ${y(value).toFixed(1)}H${WIDTH}`).join(""),
    );
    const ill =
      last !== null && good !== null && (atLeast ? last < good : signed ? Math.abs(last) > good : last > good);
    set(element, "data-tone", last === null ? "off" : ill ? "warn" : "good");
    say(now, written(last));
    const figures =
      known.length === 0
        ? t("plot.unknown")
        : t("plot.spread", {
            low: written(Math.min(...known)),
            median: written(median(known)),
            high: written(Math.max(...known)),
          });
    say(spread, sums ? t("plot.over", { n: Math.round((values.length * step) / 60) || 1 }) : figures);
    set(
      drawing,
      "aria-label",
      t("plot.label", { title, now: written(last), figures, n: Math.round((values.length * step) / 60) || 1 }),
    );
  };
  update([]);
  return { element, update };
}

/** A path through what is known; `ground`: closed down to there. */
function trace(values, x, y, ground = null) {
  const parts = [];
  let begun = null;
  values.forEach((value, at) => {
    if (value === null) {
      if (begun !== null && ground !== null)
        parts.push(`L${x(at - 1).toFixed(1)} ${ground}L${x(begun).toFixed(1)} ${ground}Z`);
      begun = null;
      return;
    }
    parts.push(`${begun === null ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
    begun ??= at;
  });
  if (begun !== null && ground !== null)
    parts.push(`L${x(values.length - 1).toFixed(1)} ${ground}L${x(begun).toFixed(1)} ${ground}Z`);
  return parts.join("");
}
