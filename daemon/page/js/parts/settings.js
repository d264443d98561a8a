// Settings: devices, settings.toml as a form, and what belongs to this page.

import { get, put, signOut } from "../api.js";
import { confirmed } from "../dialog.js";
import { button, card, field, foreign, h, icon, own, show } from "../dom.js";
import { currentLanguage, LANGUAGES, t } from "../i18n.js";
import { kept } from "../state.js";
import { attempt, toasts } from "../toast.js";
import { devicesPart } from "./devices.js";
import { placeIn, schemaForm } from "./form.js";
import { openWizard } from "./wizard.js";

export function settingsView() {
  const devices = devicesPart();
  return {
    element: h("div", { class: "grid" }, devices.element, pagePart(), filePart()),
    leave: () => devices.leave(),
  };
}

/** settings.toml, as the schema of its daemon describes it. */
function filePart() {
  const place = h("p", { class: "hint" });
  const unavailable = h("p", { class: "note", hidden: true });
  const broken = h("p", { class: "note warn", hidden: true });
  const holder = h("div", { class: "form-holder" });
  const save = button({ text: t("settings.save"), name: "check", look: "primary", type: "submit" });
  const undo = button({ text: t("settings.undo"), on: () => load() });
  const bar = h("div", { class: "row end sticky-bar", hidden: true }, undo, save);
  const problem = h("p", { class: "note bad", role: "alert", hidden: true });
  let form = null;
  let last = null; // where somebody was in the form
  holder.addEventListener("focusin", (event) => {
    last = event.target;
  });

  const dirty = () => show(bar, form !== null && Object.keys(form.changes()).length > 0);
  const load = async () => {
    show(problem, false);
    try {
      const told = await get("/v1/settings");
      const back = placeIn(holder, last);
      form = schemaForm(told.schema, told.settings, dirty);
      holder.replaceChildren(form.element);
      dirty();
      back();
      place.replaceChildren(t("settings.file"), " ", h("code", {}, told.path));
      show(broken, Boolean(told.problem));
      broken.replaceChildren(t("settings.problem"), " ", foreign(h("span", {}), told.problem ?? ""));
      show(unavailable, false);
    } catch (refusal) {
      form = null;
      holder.replaceChildren();
      show(unavailable, true);
      if (refusal.absent) own(unavailable, t("settings.unavailable"));
      else foreign(unavailable, refusal.message, refusal.lang);
    }
    dirty();
  };
  const submit = (event) => {
    event.preventDefault();
    show(problem, false);
    attempt(async () => {
      try {
        await put("/v1/settings", { settings: form.changes() });
      } catch (refusal) {
        foreign(problem, refusal.message, refusal.lang);
        show(problem, true);
        problem.scrollIntoView({ block: "nearest" });
        return;
      }
      toasts.tell(t("settings.saved"), "good");
      await load();
    }, save);
  };
  load();
  return card(
    t("settings.title"),
    { name: "settings", wide: true },
    place,
    unavailable,
    broken,
    h("form", { class: "schema", on: { submit } }, holder, problem, bar),
  );
}

/** Language, the set-up assistant, the dock, and the way out. */
function pagePart() {
  const language = h(
    "select",
    {},
    Object.entries(LANGUAGES).map(([tag, name]) => h("option", { value: tag, lang: tag }, name)),
  );
  language.value = currentLanguage();
  language.addEventListener("change", () => {
    kept.set("language", language.value);
    location.reload();
  });
  const leave = button({
    text: t("page.sign_out"),
    name: "exit",
    on: async () => {
      if (await confirmed(t("page.sign_out"), t("page.sign_out_what"), t("page.sign_out")))
        await attempt(signOut, leave);
    },
  });
  return card(
    t("page.title"),
    { name: "globe" },
    field(t("page.language"), language),
    h("p", { class: "hint" }, t("page.theme")),
    dockHelp(),
    h("div", { class: "row wrap" }, button({ text: t("page.wizard"), name: "wand", on: () => openWizard() }), leave),
  );
}

/** How this page becomes a dock of OBS. */
export function dockHelp() {
  return h(
    "div",
    { class: "dock-help" },
    h("h3", { class: "label" }, icon("screen"), h("span", {}, t("dock.title"))),
    h(
      "ol",
      { class: "steps" },
      h("li", {}, t("dock.step_command"), " ", h("code", {}, "obs-portrait dock")),
      h("li", {}, t("dock.step_menu")),
      h("li", {}, t("dock.step_paste")),
    ),
  );
}
