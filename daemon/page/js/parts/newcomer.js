// A new persona from a picture: dropped or chosen, looked at, corrected by hand, agreed to.

import { post } from "../api.js";
import { button, card, field, h, icon, say, set, show } from "../dom.js";
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
  let picture = null; // {base64, url}
  let editor = null;
  let found = false;

  const problem = h("p", { class: "note bad", role: "alert", hidden: true });
  const fail = (sentence, foreign = false) => {
    say(problem, sentence);
    set(problem, "lang", foreign ? "en" : null);
    show(problem, sentence !== "");
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

  async function take(file) {
    if (file === undefined) return;
    fail("");
    if (!KINDS.includes(file.type)) return fail(t("newcomer.wrong_kind"));
    if (file.size > LARGEST_BYTES) return fail(t("newcomer.too_large"));
    const base64 = await encoded(file);
    if (picture !== null) URL.revokeObjectURL(picture.url);
    picture = { base64, url: URL.createObjectURL(file) };
    set(drop, "data-busy", "yes");
    try {
      const looked = await post("/v1/landmarks", { picture: base64 }, LONG_MS);
      found = looked.found;
      editor = await landmarkEditor(picture.url, looked.points, looked.names ?? []);
      holder.replaceChildren(
        h(
          "p",
          { class: `note ${found ? "good" : "warn"}`, role: "status" },
          t(found ? "newcomer.found" : "newcomer.not_found"),
        ),
        editor.element,
      );
      show(holder, true);
      show(details, true);
      if (name.value === "") name.value = suggested(file.name);
      say(drop.querySelector(".drop-title"), t("newcomer.another"));
    } catch (refusal) {
      fail(refusal.absent ? t("newcomer.unavailable") : refusal.message, !refusal.absent);
    } finally {
      set(drop, "data-busy", null);
      chooser.value = "";
    }
    return undefined;
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
    fail("");
    attempt(async () => {
      const body = {
        name: name.value,
        picture: picture.base64,
        consent: { kind: kind.value, subject: subject.value, statement: statement.value },
      };
      if (editor.moved() || !found) body.landmarks = editor.points();
      try {
        const made = await post("/v1/personas", body, LONG_MS);
        forgetPicture(made.persona);
        toasts.tell(t("newcomer.made", { name: made.persona }), "good");
        location.hash = "#/live";
      } catch (refusal) {
        fail(refusal.absent ? t("newcomer.unavailable") : refusal.message, !refusal.absent);
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
      if (picture !== null) URL.revokeObjectURL(picture.url);
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
