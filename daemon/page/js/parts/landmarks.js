// Landmark points on a picture, corrected by hand: with the mouse, a finger or the keyboard.
//
// A face mesh has 478 points; nobody moves each. Some thirty that a person can name are handles, and what lies near
// follows softly, as far as "reach" says. Where there are only few points, each is a handle and moves alone.

import { button, field, h, s, say, set } from "../dom.js";
import { has, number, t } from "../i18n.js";

const MANY = 80;
const MOST_UNDO = 100;
const DOT_PX = 5;
/** Handles of MediaPipe's face mesh: corners and middles that a person can find in any face, also a cat's. */
const HANDLES = [
  10, 152, 234, 454, 172, 397, 54, 284, 70, 105, 107, 336, 334, 300, 33, 159, 133, 145, 468, 362, 386, 263, 374, 473,
  168, 1, 98, 327, 2, 61, 0, 291, 17, 13, 14, 50, 280,
];

/** Where points go if one moves by (dx, dy): those within `reach` follow, the nearer the more. */
export function moved(points, at, dx, dy, reach) {
  const [x0, y0] = points[at];
  return points.map(([x, y, ...rest], index) => {
    const near = index === at ? 1 : reach > 0 ? Math.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * (reach / 2) ** 2)) : 0;
    return near < 0.01 ? [x, y, ...rest] : [x + near * dx, y + near * dy, ...rest];
  });
}

/**
 * @param {string} url of the picture
 * @param {number[][]} given points in the picture's pixels
 * @param {string[]} names of the points, as far as the daemon has some
 */
export async function landmarkEditor(url, given, names) {
  const probe = new Image();
  probe.src = url;
  await probe.decode();
  const [width, height] = [probe.naturalWidth, probe.naturalHeight];
  const mesh = given.length > MANY;
  const handles = mesh ? HANDLES.filter((index) => index < given.length) : given.map((_, index) => index);
  const limit = ([x, y, ...rest]) => [Math.max(0, Math.min(width, x)), Math.max(0, Math.min(height, y)), ...rest];
  const size = Math.max(
    1,
    Math.hypot(
      ...[0, 1].map((axis) => Math.max(...given.map((p) => p[axis])) - Math.min(...given.map((p) => p[axis]))),
    ),
  );

  let points = given.map((point) => [...point]);
  let active = handles[0];
  const undone = [];

  const nameOf = (index) =>
    has(`landmark.${index}`) && mesh ? t(`landmark.${index}`) : names[index] || t("landmarks.point", { n: index + 1 });
  const image = s("image", { href: url, width, height });
  const cloud = s("g", { class: "cloud" }, mesh ? points.map(() => s("circle", {})) : []);
  const dots = new Map(
    handles.map((index) => [
      index,
      s(
        "g",
        { class: "handle", role: "button", tabindex: "-1", "aria-roledescription": t("landmarks.role") },
        s("circle", { class: "handle-area" }),
        s("circle", { class: "handle-dot" }),
      ),
    ]),
  );
  const drawing = s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "landmarks", role: "application", "aria-label": t("landmarks.label") },
    image,
    cloud,
    [...dots.values()],
  );
  const spoken = h("p", { class: "hint", role: "status" });
  const choose = h(
    "select",
    { on: { change: () => select(Number(choose.value), true) } },
    handles.map((index) => h("option", { value: String(index) }, nameOf(index))),
  );
  const reach = h("input", { type: "range", min: "0", max: "60", value: "22", step: "1" });
  const zoom = h("input", {
    type: "range",
    min: "1",
    max: "5",
    value: "1",
    step: "0.25",
    on: {
      input: () => {
        drawing.style.inlineSize = `${100 * Number(zoom.value)}%`;
        select(active, false);
      },
    },
  });
  const undo = button({ text: t("landmarks.undo"), name: "back", look: "small", disabled: true, on: () => back() });
  const reset = button({
    text: t("landmarks.reset"),
    name: "refresh",
    look: "small",
    on: () => {
      remember();
      points = given.map((point) => [...point]);
      draw();
    },
  });

  function remember() {
    undone.push(points);
    if (undone.length > MOST_UNDO) undone.shift();
    set(undo, "disabled", false);
  }
  function back() {
    if (undone.length === 0) return;
    points = undone.pop();
    set(undo, "disabled", undone.length === 0);
    draw();
  }
  function shift(index, dx, dy) {
    points = moved(points, index, dx, dy, mesh ? (Number(reach.value) / 100) * size : 0).map(limit);
    draw();
  }
  function draw() {
    const scale = width / (drawing.clientWidth || width); // picture's pixels a pixel of the screen
    if (mesh) {
      [...cloud.children].forEach((dot, index) => {
        set(dot, "cx", points[index][0].toFixed(1));
        set(dot, "cy", points[index][1].toFixed(1));
        set(dot, "r", (1.3 * scale).toFixed(2));
      });
    }
    for (const [index, dot] of dots) {
      const [x, y] = points[index];
      set(dot, "transform", `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
      set(dot.firstElementChild, "r", (12 * scale).toFixed(2));
      set(dot.lastElementChild, "r", (DOT_PX * scale).toFixed(2));
      set(dot, "tabindex", index === active ? "0" : "-1");
      set(dot, "data-active", index === active ? "yes" : null);
      set(dot, "aria-label", place(index));
    }
    say(spoken, place(active));
  }
  const place = (index) =>
    t("landmarks.place", { name: nameOf(index), x: number(points[index][0]), y: number(points[index][1]) });
  function select(index, focus) {
    active = index;
    choose.value = String(index);
    draw();
    if (focus) dots.get(index).focus({ preventScroll: false });
    else dots.get(index).scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  function step(by) {
    const at = handles.indexOf(active);
    select(handles[(at + by + handles.length) % handles.length], true);
  }

  drawing.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 10 : 1;
    const way = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    if (way) {
      remember();
      shift(active, ...way);
    } else if (event.key === "PageDown") step(1);
    else if (event.key === "PageUp") step(-1);
    else if (event.key === "Home") select(handles[0], true);
    else if (event.key === "End") select(handles.at(-1), true);
    else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) back();
    else return;
    event.preventDefault();
  });
  for (const [index, dot] of dots) {
    let last = null;
    const at = (event) => {
      const box = drawing.getBoundingClientRect();
      return [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * height) / box.height];
    };
    dot.addEventListener("focus", () => {
      if (active !== index) select(index, false);
    });
    dot.addEventListener("pointerdown", (event) => {
      dot.setPointerCapture(event.pointerId);
      remember();
      last = at(event);
      select(index, true);
      event.preventDefault();
    });
    dot.addEventListener("pointermove", (event) => {
      if (last === null) return;
      const now = at(event);
      shift(index, now[0] - last[0], now[1] - last[1]);
      last = now;
    });
    for (const end of ["pointerup", "pointercancel"])
      dot.addEventListener(end, () => {
        last = null;
      });
  }
  new ResizeObserver(draw).observe(drawing);
  draw();

  const tools = h(
    "div",
    { class: "landmark-tools" },
    field(t("landmarks.choose"), choose),
    mesh ? field(t("landmarks.reach"), reach) : null,
    field(t("landmarks.zoom"), zoom),
    h("div", { class: "row wrap" }, undo, reset),
    spoken,
    h("p", { class: "hint" }, t("landmarks.keys")),
  );
  return {
    element: h("div", { class: "landmark-editor" }, h("div", { class: "landmark-view" }, drawing), tools),
    points: () => points.map((point) => point.map((value) => Math.round(value * 100) / 100)),
    moved: () => points.some((point, index) => point[0] !== given[index][0] || point[1] !== given[index][1]),
  };
}
