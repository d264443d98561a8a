// Camera, microphone and where the voice goes: what there is now, and choosing live.

import { get, post } from "../api.js";
import { button, card, field, foreign, h, icon, own, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { whileSeen } from "../ticker.js";
import { attempt, toasts } from "../toast.js";

const LOOK_MS = 4000; // what is plugged in appears by itself
const LONG_MS = 22000; // some drivers take their time
const KINDS = { camera: "cameras", microphone: "microphones", speaker: "speakers" };

/** Fields for some kinds of devices; {element, leave}. The wizard shows one at a time. */
export function deviceFields(kinds = Object.keys(KINDS), { outputs = true } = {}) {
  const unavailable = h("p", { class: "note", hidden: true });
  const rows = kinds.map((kind) => {
    const choose = h("select", { disabled: true });
    choose.addEventListener("change", () =>
      attempt(async () => {
        await post("/v1/devices", { [kind]: choose.value }, LONG_MS);
        toasts.tell(t("devices.chosen", { name: choose.selectedOptions[0].textContent }), "good");
      }, choose).then(() => {
        drawn.delete(kind);
        return look();
      }),
    );
    return { kind, choose, element: field(t(`devices.${kind}`), choose, t(`devices.${kind}_what`)) };
  });
  const drawn = new Map();
  const cameras = h("ul", { class: "plain" });
  const sinks = h("div", { class: "field", hidden: true }, h("h3", { class: "label" }, t("devices.outputs")), cameras);

  async function look() {
    let told;
    try {
      told = await get("/v1/devices", LONG_MS);
    } catch (refusal) {
      show(unavailable, true);
      if (refusal.absent) own(unavailable, t("devices.unavailable"));
      else foreign(unavailable, refusal.message, refusal.lang);
      return;
    }
    show(unavailable, false);
    for (const { kind, choose } of rows) draw(kind, choose, told[KINDS[kind]] ?? []);
    const found = told.virtual_cameras ?? [];
    show(sinks, outputs && found.length > 0);
    cameras.replaceChildren(
      ...found.map((one) =>
        h(
          "li",
          {},
          icon("screen"),
          h("span", {}, one.name),
          one.chosen ? h("span", { class: "chip good" }, t("devices.in_use")) : null,
        ),
      ),
    );
  }
  const draw = (kind, choose, devices) => {
    const now = JSON.stringify(devices);
    if (drawn.get(kind) === now) return;
    drawn.set(kind, now);
    const chosen = devices.find((one) => one.chosen);
    choose.replaceChildren(
      ...(chosen
        ? []
        : [h("option", { value: "", disabled: true }, t(devices.length ? "devices.choose" : "devices.none"))]),
      ...devices.map((one) => h("option", { value: one.spec }, nameOf(one))),
    );
    choose.value = chosen?.spec ?? "";
    set(choose, "disabled", devices.length === 0);
  };
  const element = h(
    "div",
    { class: "fields" },
    unavailable,
    rows.map((row) => row.element),
    sinks,
  );
  const ticking = whileSeen(element, () => LOOK_MS, look);
  return { element, look, leave: () => ticking.stop() };
}

/** What a device is called: what is none, and the usual one, are named by us; all others have names of their own. */
function nameOf({ spec, name }) {
  if (spec === "off") return t("devices.off");
  const usual = ["mic", "speaker"].includes(spec) ? /^Default \((.*)\)$/s.exec(name) : null;
  return usual ? t("devices.default", { name: usual[1] }) : name;
}

export function devicesPart() {
  const fields = deviceFields();
  const again = button({
    label: t("devices.refresh"),
    name: "refresh",
    look: "quiet small",
    on: () => attempt(fields.look, again),
  });
  return { element: card(t("devices.title"), { name: "camera", actions: again }, fields.element), leave: fields.leave };
}
