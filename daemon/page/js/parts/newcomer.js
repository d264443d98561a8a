// A new persona from a picture: dropped or chosen, looked at, corrected by hand, agreed to.

import { post, Refusal } from "../api.js";
import { button, card, field, foreign, h, icon, own, say, set, show } from "../dom.js";
import { t } from "../i18n.js";
import { attempt, toasts } from "../toast.js";
import { landmarkEditor } from "./landmarks.js";
import { forgetPicture } from "./personas.js";

const LARGEST_BYTES = 6 * 1024 * 1024;
const KINDS = ["image/png", "image/jpeg", "image/webp"];
const CONSENTS = ["fictional", "self", "licensed", "public-domain"];
const LONG_MS = 60000;
const NAME = "[\\p{L}\\p{N}\\p{M}_\\-]([\\p{L}\\p{N}\\p{M} ._\\-]*[\\p{L}\\p{N}\\p{M}_\\-])?"; // obs_portrait/persona/names.py

export function newcomerView() {
  let shown = null; // {base64, url, editor, found}: always all of one picture, the one that is seen
  let asked = 0; // pictures so far: answers about any but the last one come too late

  const problem = h("p", { class: "note bad", role: "alert", hidden: true });
  const clear = () => {
    own(problem, "");
    show(problem, false);
  };
  const fail = (sentence, lang = null) => {
    if (lang === null) own(problem, sentence);
    else foreign(problem, sentence, lang);
    show(problem, true);
  };
  const refuse = (error) => {
    if (error.absent) fail(t("newcomer.unavailable"));
    else if (error instanceof Refusal) fail(error.message, error.lang);
    else fail(t("newcomer.unreadable"));
  };
  const chooser = h("input", {
    type: "file",
    accept: KINDS.join(","),
    class: "hidden-text",
    id: "newcomer-file",
    on: { change: () => take(chooser.files[0]) },
  });
  const drop = h(
    "label",
    { class: "drop", for: "newcomer-file" },
    icon("upload"),
    h("span", { class: "drop-title" }, t("newcomer.drop")),
    h("span", { class: "hint" }, t("newcomer.drop_what")),
  );
  for (const event of ["dragenter", "dragover"])
    drop.addEventListener(event, (over) => {
      over.preventDefault();
      set(drop, "data-over", "yes");
    });
  for (const event of ["dragleave", "drop"]) drop.addEventListener(event, () => set(drop, "data-over", null));
  drop.addEventListener("drop", (dropped) => {
    dropped.preventDefault();
    take(dropped.dataTransfer.files[0]);
  });

  /** Shows another picture instead, or none. */
  function commit(next) {
    if (shown !== null) URL.revokeObjectURL(shown.url);
    shown = next;
    show(holder, shown !== null);
    show(details, shown !== null);
  }

  async function take(file) {
    if (file === undefined) return;
    clear();
    if (!KINDS.includes(file.type)) fail(t("newcomer.wrong_kind"));
    else if (file.size > LARGEST_BYTES) fail(t("newcomer.too_large"));
    else await look(file);
    chooser.value = ""; // so that the same one can be chosen again
  }

  async function look(file) {
    asked += 1;
    const number = asked;
    const url = URL.createObjectURL(file);
    let next = null;
    set(drop, "data-busy", "yes");
    set(make, "disabled", true);
    try {
      const base64 = await encoded(file);
      const looked = await post("/v1/landmarks", { picture: base64 }, LONG_MS);
      const editor = await landmarkEditor(url, looked.points, looked.names ?? []);
      next = { base64, url, editor, found: looked.found };
    } catch (error) {
      if (number === asked) refuse(error);
    }
    if (number !== asked || next === null) URL.revokeObjectURL(url);
    if (number !== asked) return;
    set(drop, "data-busy", null);
    set(make, "disabled", false);
    commit(next);
    if (next === null) return;
    holder.replaceChildren(
      h(
        "p",
        { class: `note ${next.found ? "good" : "warn"}`, role: "status" },
        t(next.found ? "newcomer.found" : "newcomer.not_found"),
      ),
      next.editor.element,
    );
    agreed.checked = false; // it was said of another picture
    if (name.value === "") name.value = suggested(file.name);
    say(drop.querySelector(".drop-title"), t("newcomer.another"));
  }

  const holder = h("div", { class: "landmark-holder", hidden: true });
  const name = h("input", {
    type: "text",
    required: true,
    maxlength: 60,
    pattern: NAME,
    spellcheck: "false",
    autocapitalize: "none",
  });
  const kind = h(
    "select",
    { required: true },
    h("option", { value: "" }, t("newcomer.choose")),
    CONSENTS.map((one) => h("option", { value: one }, t(`consent.${one}`))),
  );
  kind.value = "";
  const subject = h("input", { type: "text", required: true, maxlength: 200 });
  const statement = h("textarea", { required: true, rows: 2, maxlength: 500 });
  const agreed = h("input", { type: "checkbox", required: true });
  const make = button({ text: t("newcomer.make"), name: "newcomer", look: "primary", type: "submit" });
  const submit = (event) => {
    event.preventDefault();
    clear();
    const { base64, editor, found } = shown;
    attempt(async () => {
      const body = {
        name: name.value,
        picture: base64,
        consent: { kind: kind.value, subject: subject.value, statement: statement.value },
      };
      if (editor.moved() || !found) body.landmarks = editor.points();
      try {
        const made = await post("/v1/personas", body, LONG_MS);
        forgetPicture(made.persona);
        toasts.tell(t("newcomer.made", { name: made.persona }), "good");
        location.hash = "#/live";
      } catch (error) {
        refuse(error);
      }
    }, make);
  };
  const details = h(
    "form",
    { class: "fields", hidden: true, on: { submit } },
    field(t("newcomer.name"), name, t("newcomer.name_what")),
    h(
      "fieldset",
      { class: "consent" },
      h("legend", {}, t("consent.title")),
      h("p", { class: "hint" }, t("consent.what")),
      field(t("consent.kind"), kind),
      field(t("consent.subject"), subject, t("consent.subject_what")),
      field(t("consent.statement"), statement, t("consent.statement_what")),
      h("label", { class: "check" }, agreed, h("span", {}, t("consent.agree"))),
    ),
    h("div", { class: "row end" }, make),
  );
  const element = h(
    "div",
    { class: "grid" },
    card(
      t("newcomer.title"),
      { name: "newcomer", wide: true },
      h("p", { class: "hint" }, t("newcomer.what")),
      chooser,
      drop,
      problem,
      holder,
      details,
    ),
  );
  return {
    element,
    leave() {
      asked += 1;
      commit(null);
    },
  };
}

/** A file's content in base64. */
function encoded(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => failed(reader.error));
    reader.readAsDataURL(file);
  });
}

/** A name that is allowed, from a file's. */
function suggested(file) {
  return file
    .replace(/\.[^.]*$/, "")
    .toLowerCase()
    .normalize("NFC")
    .replace(/[^\p{L}\p{N}\p{M}_]+/gu, "-")
    .slice(0, 60)
    .replace(/^[-_]+|[-_]+$/g, "");
}
