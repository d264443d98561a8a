// How well it goes: the last three minutes of everything that is measured.

import { get } from "../api.js";
import { card, h, say, set, show } from "../dom.js";
import { duration, number, t } from "../i18n.js";
import { status } from "../state.js";
import { calm, whileSeen } from "../ticker.js";
import { latenessPart } from "./lateness.js";
import { plot } from "./plot.js";

const LOOK_MS = 1000;
const KEPT = 180;

const SERIES = {
  fps: { unit: "unit.fps", good: 24, atLeast: true },
  picture_ms: { unit: "unit.ms", good: 120 },
  voice_ms: { unit: "unit.ms", good: 120 },
  skew_ms: { unit: "unit.ms", good: 40, signed: true },
  dropped: { unit: "unit.count", sums: true },
  late_blocks: { unit: "unit.count", sums: true },
  track_ms: { unit: "unit.ms", digits: 1 },
  render_ms: { unit: "unit.ms", digits: 1 },
  cpu_percent: { unit: "unit.percent" },
  memory_mb: { unit: "unit.mb" },
};

/** What the page saw itself, for what the daemon keeps no history of. Counters become what they grew by. */
const seen = Object.fromEntries(Object.keys(SERIES).map((name) => [name, []]));
let last = 0;
let before = {};
status.watch((now) => {
  if (now === null || performance.now() - last < 1000) return;
  last = performance.now();
  const grew = (name) => Math.max(0, (now[name] ?? 0) - (before[name] ?? now[name] ?? 0));
  const values = {
    fps: now.fps,
    ...now.latency,
    dropped: grew("dropped"),
    late_blocks: grew("late_blocks"),
    track_ms: now.stage_ms?.track,
    render_ms: now.stage_ms?.render,
  };
  before = now;
  for (const [name, list] of Object.entries(seen)) {
    list.push(values[name] ?? null);
    if (list.length > KEPT) list.shift();
  }
});

export function metersView() {
  const plots = Object.entries(SERIES).map(([name, what]) => [name, plot({ title: t(`meters.${name}`), ...what })]);
  const stages = stagesPart();
  const grid = h(
    "div",
    { class: "plots" },
    plots.map(([, made]) => made.element),
  );
  const facts = factsPart();
  const element = h(
    "div",
    { class: "grid" },
    card(t("meters.title"), { name: "meters", wide: true }, grid),
    card(t("meters.stages"), { name: "wand" }, stages.element),
    card(t("meters.facts"), { name: "info" }, facts.element),
  );
  let absent = false;
  const ticking = whileSeen(
    element,
    () => (calm() ? 3 * LOOK_MS : LOOK_MS),
    async () => {
      let series = seen;
      let step = 1;
      if (!absent) {
        try {
          const told = await get("/v1/history");
          ({ series } = told);
          step = told.step_s ?? 1;
        } catch (refusal) {
          absent = refusal.absent === true;
        }
      }
      for (const [name, made] of plots) {
        const values = series[name] ?? seen[name];
        show(
          made.element,
          values.some((value) => value !== null),
        );
        made.update(values, step);
      }
    },
  );
  return {
    element,
    leave() {
      ticking.stop();
      stages.leave();
      facts.leave();
    },
  };
}

/** How long each stage of a picture takes, as bars of one scale. */
function stagesPart() {
  const rows = new Map();
  const list = h("div", { class: "stages" });
  const none = h("p", { class: "hint" }, t("meters.no_stages"));
  const element = h("div", {}, list, none);
  const leave = status.watch((now) => {
    const stages = Object.entries(now?.stage_ms ?? {}).filter(([, ms]) => typeof ms === "number");
    show(none, stages.length === 0);
    const longest = Math.max(33.4, ...stages.map(([, ms]) => ms));
    for (const [name, ms] of stages) {
      if (!rows.has(name)) {
        const fill = h("span", { class: "gauge-fill" });
        const figure = h("span", { class: "figure" });
        const gauge = h(
          "div",
          { class: "gauge", role: "meter", "aria-label": stageName(name), "aria-valuemin": "0" },
          fill,
        );
        rows.set(name, { fill, figure, gauge });
        list.append(
          h(
            "div",
            { class: "level" },
            h("div", { class: "row spread" }, h("span", {}, stageName(name)), figure),
            gauge,
          ),
        );
      }
      const row = rows.get(name);
      row.fill.style.inlineSize = `${(100 * ms) / longest}%`;
      set(row.gauge, "aria-valuemax", Math.ceil(longest));
      set(row.gauge, "aria-valuenow", Math.round(ms * 10) / 10);
      set(row.gauge, "data-tone", ms > 33.4 ? "warn" : "good");
      say(row.figure, t("unit.ms", { n: number(ms, 1) }));
    }
  });
  return { element, leave };
}

const KNOWN_STAGES = new Set(["track", "render"]);
const stageName = (name) => (KNOWN_STAGES.has(name) ? t(`stage_time.${name}`) : name);

function factsPart() {
  const rows = {
    uptime: (now) => (typeof now.uptime_s === "number" ? duration(now.uptime_s) : null),
    restarts: (now) => now.restarts ?? null,
    dropped: (now) => now.dropped ?? null,
    late: (now) => now.late_blocks ?? null,
    prepared: (now) => now.prepared?.length ?? null,
    obs: (now) => now.obs?.version ?? null,
  };
  const cells = Object.keys(rows).map((name) => [name, h("dt", {}, t(`facts.${name}`)), h("dd", {})]);
  const late = latenessPart();
  const element = h(
    "div",
    { class: "stages" },
    h(
      "dl",
      { class: "facts" },
      cells.map(([, term, what]) => [term, what]),
    ),
    late.element,
  );
  const leave = status.watch((now) => {
    for (const [name, term, what] of cells) {
      const value = now === null ? null : rows[name](now);
      show(term, value !== null);
      show(what, value !== null);
      say(what, value === null ? "" : typeof value === "number" ? number(value) : value);
    }
  });
  return {
    element,
    leave() {
      leave();
      late.leave();
    },
  };
}
