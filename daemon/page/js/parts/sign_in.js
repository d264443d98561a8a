// For a browser that is not signed in: what to type, and a field for the code.

import { signIn } from "../api.js";
import { button, field, foreign, h, icon, show } from "../dom.js";
import { t } from "../i18n.js";
import { link } from "../state.js";

/**
 * A field for a code; {element, enter(text), tell(sentence, lang)}.
 * @param {function(boolean): void} entered is called after a sign-in; true: it is the first of all.
 */
export function codeForm(entered) {
  const code = h("input", {
    type: "text",
    class: "code",
    autocomplete: "one-time-code",
    autocapitalize: "characters",
    spellcheck: "false",
    placeholder: "XXXX-XXXX-XXXX",
    maxlength: 80,
    required: true,
  });
  const problem = h("p", { class: "note bad", role: "alert", hidden: true });
  const tell = (sentence, lang) => {
    foreign(problem, sentence, lang);
    show(problem, true);
  };
  const enter = async (text) => {
    show(problem, false);
    try {
      entered(await signIn(text));
      code.value = "";
    } catch (refusal) {
      tell(refusal.message, refusal.lang);
    }
  };
  const element = h(
    "form",
    {
      class: "code-form",
      on: {
        submit: (event) => {
          event.preventDefault();
          enter(code.value.replace(/^.*#/, "").trim());
        },
      },
    },
    field(t("signin.code"), code),
    problem,
    button({ text: t("signin.enter"), look: "primary wide", type: "submit", name: "key" }),
  );
  return { element, enter, tell };
}

/**
 * @param {function(boolean): void} entered as `codeForm` has it.
 * `tell(sentence, lang)` shows why a code was refused, `enter(code)` tries one. `spare`: a code to try once if the
 * session has ended.
 */
export function signInView(entered) {
  const form = codeForm(entered);
  const view = h(
    "main",
    { class: "door", hidden: true },
    h(
      "div",
      { class: "door-card" },
      h("img", { src: "/page/icons/mark.svg", alt: "", class: "mark large" }),
      h("h1", {}, t("signin.title")),
      h("p", {}, t("signin.why")),
      h(
        "ol",
        { class: "steps" },
        h("li", {}, t("signin.step_type"), " ", h("code", {}, "obs-portrait dock --open")),
        h("li", {}, t("signin.step_code")),
      ),
      form.element,
      h("p", { class: "hint" }, icon("info"), t("signin.kept")),
    ),
  );
  view.tell = form.tell;
  view.enter = form.enter;
  view.spare = null;
  link.watch((now) => {
    if (now !== "out" || view.spare === null) return;
    const spare = view.spare;
    view.spare = null;
    form.enter(spare);
  });
  return view;
}
