// The set-up assistant: one thing at a time, each of which can be left for later.

import { call } from "../api.js";
import { openDialog } from "../dialog.js";
import { button, foreign, h, icon, own, say, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { kept, status } from "../state.js";
import { cameraPreview } from "./camera.js";
import { deviceFields } from "./devices.js";
import { personasPart } from "./personas.js";
import { dockHelp } from "./settings.js";
import { voicePart } from "./voice.js";

const STEPS = { welcome, camera, microphone, persona, obs, virtual_mic: virtualMicrophone, dock };
const SIGNS = {
  welcome: "wand",
  camera: "camera",
  microphone: "voice",
  persona: "face",
  obs: "plug",
  virtual_mic: "speaker",
  dock: "screen",
};

/** Whether this browser has been through it. */
export const wizardDone = () => kept.get("set-up") === "done";

/** Opens the assistant at its first step. */
export function openWizard() {
  const names = Object.keys(STEPS);
  let at = 0;
  let leave = () => {};
  const marks = h(
    "ol",
    { class: "wizard-marks", "aria-hidden": "true" },
    names.map(() => h("li", {})),
  );
  const where = h("p", { class: "hint", role: "status" });
  const title = h("h3", { tabindex: "-1" });
  const sign = h("span", { class: "wizard-sign" });
  const body = h("div", { class: "wizard-body" });
  const back = button({ text: t("wizard.back"), name: "previous", on: () => go(at - 1) });
  const next = button({
    text: t("wizard.next"),
    look: "primary",
    on: () => (at === names.length - 1 ? finish() : go(at + 1)),
  });

  function go(to, first = false) {
    leave();
    at = to;
    const name = names[at];
    const made = STEPS[name]();
    leave = made.leave ?? (() => {});
    sign.replaceChildren(icon(SIGNS[name]));
    say(title, t(`wizard.${name}`));
    body.replaceChildren(h("p", {}, t(`wizard.${name}_what`)), made.element);
    say(where, t("wizard.where", { n: at + 1, of: names.length }));
    [...marks.children].forEach((mark, index) =>
      set(mark, "data-state", index < at ? "done" : index === at ? "now" : null),
    );
    show(back, at > 0);
    say(next.firstElementChild, t(at === names.length - 1 ? "wizard.finish" : "wizard.next"));
    if (!first) title.focus();
  }
  function finish() {
    kept.set("set-up", "done");
    close();
  }
  const content = h(
    "div",
    { class: "wizard" },
    marks,
    where,
    h("div", { class: "wizard-title" }, sign, title),
    body,
    h("div", { class: "row spread wizard-foot" }, back, next),
  );
  go(0, true);
  const { close } = openDialog(t("wizard.title"), content, {
    look: "wizard-dialog",
    closed: () => {
      kept.set("set-up", "done");
      leave();
    },
  });
}

function welcome() {
  return {
    element: h(
      "ul",
      { class: "promises" },
      ["closed", "local", "panic"].map((one) => h("li", {}, icon("check"), h("span", {}, t(`wizard.promise_${one}`)))),
    ),
  };
}

function camera() {
  const devices = deviceFields(["camera"], { outputs: false });
  const seen = cameraPreview();
  return {
    element: h("div", {}, devices.element, seen.element, h("div", { class: "row" }, seen.button)),
    leave: () => {
      devices.leave();
      seen.leave();
    },
  };
}

function microphone() {
  const devices = deviceFields(["microphone"], { outputs: false });
  const levels = voicePart();
  return {
    element: h("div", {}, devices.element, levels.element),
    leave: () => {
      devices.leave();
      levels.leave();
    },
  };
}

function persona() {
  const part = personasPart();
  return { element: part.element, leave: part.leave };
}

function obs() {
  const line = h("p", { class: "note" });
  const leave = status.watch((now) => {
    const link = now?.obs ?? {};
    if (link.connected) own(line, t("wizard.obs_there", { version: link.version ?? "" }));
    else if (link.problem) foreign(line, link.problem);
    else own(line, t("wizard.obs_away"));
    set(line, "class", `note ${link.connected ? "good" : "warn"}`);
  });
  const steps = h(
    "ol",
    { class: "steps" },
    h("li", {}, t("wizard.obs_socket")),
    h("li", {}, t("wizard.obs_setup"), " ", h("code", {}, "obs-portrait obs setup")),
    h("li", {}, t("wizard.obs_scenes")),
  );
  return { element: h("div", {}, line, steps), leave };
}

function virtualMicrophone() {
  const devices = deviceFields(["speaker"], { outputs: true });
  const line = h("p", { class: "note", hidden: true });
  call("GET", "/v1/settings")
    .then(({ settings }) => {
      const on = (settings.show?.audio_sinks ?? []).some((spec) => spec.startsWith("virtualmic"));
      say(line, t(on ? "wizard.virtual_mic_on" : "wizard.virtual_mic_off"));
      set(line, "class", `note ${on ? "good" : ""}`);
      show(line, true);
    })
    .catch(() => {}); // an older daemon: the explanation above stands alone
  return { element: h("div", {}, line, devices.element), leave: devices.leave };
}

function dock() {
  return { element: dockHelp() };
}
