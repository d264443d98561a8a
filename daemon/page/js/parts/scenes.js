// Scenes of OBS, and who one becomes in each.

import { get, put } from "../api.js";
import { button, card, foreign, h, icon, own, say, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { bindings, personas, status } from "../state.js";
import { attempt, toasts } from "../toast.js";

const LOOK_MS = 5000;
const IN_FILE = "bindings.toml";

export function scenesView() {
  const state = h("p", { class: "hint" });
  const rows = h("div", { class: "rows" });
  const none = h("p", { class: "empty" }, icon("scenes"), h("span", {}, t("scenes.none")));
  const others = h("ul", { class: "rules" });
  const othersCard = card(
    t("scenes.others"),
    { name: "info", wide: true },
    h("p", { class: "hint" }, t("scenes.others_what")),
    others,
  );
  const again = button({
    label: t("scenes.refresh"),
    name: "refresh",
    look: "quiet small",
    on: () => attempt(look, again),
  });
  let scenes = [];
  const rowOf = new Map(); // scene -> row; they stay: remaking one would close its list under the reader's finger

  const look = async () => {
    ({ scenes } = await get("/v1/scenes"));
    draw();
  };
  const draw = () => {
    const bound = new Map(); // the first one that fits is in force
    for (const rule of bindings.value)
      if (scenes.includes(rule.scene) && !bound.has(rule.scene)) bound.set(rule.scene, rule);
    const names = personas.value.map((one) => one.name);
    for (const [scene, row] of rowOf) {
      if (scenes.includes(scene)) continue;
      row.element.remove();
      rowOf.delete(scene);
    }
    scenes.forEach((scene, at) => {
      if (!rowOf.has(scene)) rowOf.set(scene, sceneRow(scene, draw));
      const row = rowOf.get(scene);
      row.update(bound.get(scene), names, status.value?.obs?.scene === scene);
      if (rows.children[at] !== row.element) rows.insertBefore(row.element, rows.children[at] ?? null);
    });
    show(none, scenes.length === 0);
    drawOthers(bindings.value.filter((rule) => bound.get(rule.scene) !== rule));
  };

  let othersDrawn = "";
  const drawOthers = (rest) => {
    const now = JSON.stringify(rest);
    if (now === othersDrawn) return;
    othersDrawn = now;
    show(othersCard, rest.length > 0);
    others.replaceChildren(...rest.map(otherRule));
  };

  const ends = [
    bindings.watch(draw),
    personas.watch(draw),
    status.watch((now) => {
      const obs = now?.obs ?? {};
      if (obs.connected) own(state, t("scenes.connected", { version: obs.version ?? "" }));
      else if (obs.problem) foreign(state, obs.problem);
      else own(state, t("scenes.away"));
      draw();
    }),
  ];
  const first = look().catch(() => {});
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") look().catch(() => {});
  }, LOOK_MS);
  const element = h(
    "div",
    { class: "grid" },
    card(
      t("scenes.title"),
      { name: "scenes", actions: again, wide: true },
      state,
      h("p", { class: "hint" }, t("scenes.what")),
      rows,
      none,
    ),
    othersCard,
  );
  return {
    element,
    ready: first,
    leave() {
      clearInterval(timer);
      ends.forEach((end) => end());
    },
  };
}

/** A scene of OBS and its select; {element, update(rule, names, here)}. `undo` draws anew what is in force. */
function sceneRow(scene, undo) {
  const chip = h("span", { class: "chip good", hidden: true }, t("scenes.here"));
  const where = h("span", { class: "hint", hidden: true });
  const choose = h("select", { "aria-label": t("scenes.persona_in", { scene }) });
  const element = h(
    "div",
    { class: "scene-row" },
    h("div", { class: "scene-name" }, h("span", {}, scene), chip, where),
    choose,
  );
  let shown = "";
  let last = null;
  const options = (force = false) => {
    const [rule, names] = last;
    const now = JSON.stringify([rule?.persona, rule === undefined, names]);
    if (now === shown && !force) return;
    if (document.activeElement === choose && shown !== "" && !force) return; // it may be open: when it is left
    shown = now;
    const choices = rule?.persona && !names.includes(rule.persona) ? [...names, rule.persona] : names;
    choose.replaceChildren(
      h("option", { value: "" }, t(rule && rule.persona === null ? "scenes.leave" : "scenes.nobody")),
      ...choices.map((name) => h("option", { value: name }, name)),
    );
    choose.value = rule?.persona ?? "";
  };
  choose.addEventListener("blur", () => options());
  choose.addEventListener("change", () =>
    attempt(async () => {
      const persona = choose.value === "" ? null : choose.value;
      await put("/v1/bindings", { scene, persona });
      toasts.tell(
        persona === null ? t("scenes.unbound", { scene }) : t("scenes.bound", { scene, persona }),
        "good",
      );
      return true;
    }, choose).then((done) => {
      if (done === true) return;
      undo();
      options(true);
    }),
  );
  return {
    element,
    update(rule, names, here) {
      set(element, "data-here", here ? "yes" : null);
      show(chip, here);
      const elsewhere = rule !== undefined && rule.where !== IN_FILE;
      show(where, elsewhere);
      say(where, elsewhere ? rule.where : "");
      last = [rule, names];
      options();
    },
  };
}

/** A rule of a scene that OBS does not have now, or of many; those of the file can be taken away. */
function otherRule(rule) {
  const away = button({
    label: t("scenes.remove", { scene: rule.scene }),
    name: "trash",
    look: "quiet small",
    on: () =>
      attempt(async () => {
        await put("/v1/bindings", { scene: rule.scene, persona: null });
        bindings.value = (await get("/v1/bindings")).bindings;
        const stays = bindings.value.some((one) => one.scene === rule.scene && one.where === IN_FILE);
        if (stays) toasts.tell(t("scenes.stays", { scene: rule.scene }), "bad");
        else toasts.tell(t("scenes.unbound", { scene: rule.scene }), "good");
      }, away),
  });
  return h(
    "li",
    {},
    h(
      "div",
      { class: "rule-words" },
      h("code", {}, rule.scene),
      h("span", {}, rule.persona === null ? t("scenes.leave") : rule.persona),
      h("span", { class: "hint" }, rule.where),
    ),
    rule.where === IN_FILE ? away : null,
  );
}
