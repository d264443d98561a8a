// Scenes of OBS, and who one becomes in each.

import { get, put } from "../api.js";
import { button, card, foreign, h, icon, own, show } from "../dom.js";
import { t } from "../i18n.js";
import { bindings, personas, status } from "../state.js";
import { attempt, toasts } from "../toast.js";

const LOOK_MS = 5000;

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
  let drawn = "";

  const look = async () => {
    ({ scenes } = await get("/v1/scenes"));
    draw();
  };
  const draw = () => {
    const bound = new Map(
      bindings.value.filter((rule) => scenes.includes(rule.scene)).map((rule) => [rule.scene, rule]),
    );
    const names = personas.value.map((one) => one.name);
    const now = JSON.stringify([scenes, names, bindings.value, status.value?.obs?.scene]);
    if (now === drawn) return;
    drawn = now;
    const focused = document.activeElement?.dataset?.scene;
    rows.replaceChildren(...scenes.map((scene) => row(scene, bound.get(scene), names)));
    if (focused !== undefined) rows.querySelector(`[data-scene="${CSS.escape(focused)}"]`)?.focus();
    show(none, scenes.length === 0);
    const rest = bindings.value.filter((rule) => !bound.has(rule.scene));
    show(othersCard, rest.length > 0);
    others.replaceChildren(
      ...rest.map((rule) =>
        h(
          "li",
          {},
          h("code", {}, rule.scene),
          h("span", {}, rule.persona === null ? t("scenes.leave") : rule.persona),
          h("span", { class: "hint" }, rule.where),
        ),
      ),
    );
  };

  const row = (scene, rule, names) => {
    const here = status.value?.obs?.scene === scene;
    const choices = [...names];
    if (rule?.persona && !choices.includes(rule.persona)) choices.push(rule.persona);
    const choose = h(
      "select",
      { "aria-label": t("scenes.persona_in", { scene }), "data-scene": scene },
      h("option", { value: "" }, t(rule && rule.persona === null ? "scenes.leave" : "scenes.nobody")),
      choices.map((name) => h("option", { value: name }, name)),
    );
    choose.value = rule?.persona ?? "";
    choose.addEventListener("change", () =>
      attempt(async () => {
        await put("/v1/bindings", { scene, persona: choose.value === "" ? null : choose.value });
        toasts.tell(
          choose.value === "" ? t("scenes.unbound", { scene }) : t("scenes.bound", { scene, persona: choose.value }),
          "good",
        );
      }, choose).then(() => {
        drawn = "";
        draw();
      }),
    );
    return h(
      "div",
      { class: "scene-row", "data-here": here ? "yes" : null },
      h(
        "div",
        { class: "scene-name" },
        h("span", {}, scene),
        here ? h("span", { class: "chip good" }, t("scenes.here")) : null,
        rule && rule.where !== "bindings.toml" ? h("span", { class: "hint" }, rule.where) : null,
      ),
      choose,
    );
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
