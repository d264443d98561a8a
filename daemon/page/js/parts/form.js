// A form made from a JSON schema: what the daemon's settings are, the daemon says.
//
// Objects are groups, "anyOf" with null is a value that may be left out, maps of strings are rows of key and value. What
// changed is given back as a partial object of the same shape; a kind of value that is not known here is shown as JSON
// that cannot be changed.

import { button, h, icon, set, unique } from "../dom.js";
import { t, tOr } from "../i18n.js";

/** @returns {{element: HTMLElement, changes: function(): Object}} `changed` is called at every input. */
export function schemaForm(schema, values, changed) {
  const definitions = schema.$defs ?? schema.definitions ?? {};
  const root = group({ schema, definitions, changed }, schema, values ?? {}, []);
  return { element: h("div", { class: "schema-root" }, root.element), changes: () => root.changes() ?? {} };
}

/**
 * What is open in a form and where the focus was last, for the form that is made anew in its place.
 * @returns {function(): void} opens and focuses the same; the focus only if nothing else has it.
 */
export function placeIn(holder, last) {
  const open = new Set([...holder.querySelectorAll("details[open]")].map((section) => section.dataset.path));
  const path = last?.closest("[data-path]")?.dataset.path;
  return () => {
    for (const section of holder.querySelectorAll("details")) section.open = open.has(section.dataset.path);
    const now = document.activeElement; // a button that hid itself still has the focus for a moment
    if (path === undefined || (now !== document.body && now.getClientRects().length > 0)) return;
    const same = holder.querySelector(`[data-path="${CSS.escape(path)}"]`);
    const control = same?.matches("fieldset") ? same.querySelector("input, button") : same;
    control?.focus({ preventScroll: true });
  };
}

/** The schema behind references and single wrappers; {schema, optional}. */
export function resolved(schema, definitions) {
  let optional = false;
  let now = schema;
  for (let depth = 0; depth < 16; depth += 1) {
    if (now.$ref) {
      const { $ref, ...rest } = now;
      now = { ...definitions[$ref.split("/").at(-1)], ...rest };
    } else if (now.allOf?.length === 1) {
      const { allOf, ...rest } = now;
      now = { ...allOf[0], ...rest };
    } else if (now.anyOf ?? now.oneOf) {
      const { anyOf, oneOf, ...rest } = now;
      const some = (anyOf ?? oneOf).filter((one) => one.type !== "null");
      optional ||= some.length < (anyOf ?? oneOf).length;
      if (some.length !== 1) return { schema: { ...rest, type: "unknown" }, optional };
      now = { ...some[0], ...rest };
    } else break;
  }
  return { schema: now, optional };
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const words = (name) => name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());

/** The reader's words for an entry, else the schema's own. `lang` marks what stayed English. */
function named(path, schema, what) {
  const key = `setting.${path.join(".")}${what === "description" ? ".what" : ""}`;
  const own =
    what === "title" ? words(path.at(-1) ?? "") : (schema.description ?? "").split("\n\n")[0].replaceAll("\n", " ");
  return tOr(key, own);
}

function group(context, schema, values, path) {
  const simple = [];
  const groups = [];
  const parts = [];
  for (const [name, raw] of Object.entries(schema.properties ?? {})) {
    const at = [...path, name];
    const found = resolved(raw, context.definitions);
    const isGroup = found.schema.type === "object" && found.schema.properties !== undefined && !found.optional;
    const made = isGroup
      ? section(context, found.schema, values[name] ?? {}, at)
      : entry(context, found, values[name], at);
    parts.push([name, made]);
    (isGroup ? groups : simple).push(made.element);
  }
  return {
    element: h(
      "div",
      { class: "schema-group" },
      simple.length ? h("div", { class: "fields columns" }, simple) : null,
      groups,
    ),
    changes() {
      const found = {};
      for (const [name, part] of parts) {
        const change = part.changes();
        if (change !== undefined) found[name] = change;
      }
      return Object.keys(found).length > 0 ? found : undefined;
    },
  };
}

function section(context, schema, values, path) {
  const inner = group(context, schema, values, path);
  const what = named(path, schema, "description");
  const element = h(
    "details",
    { class: "schema-section", "data-path": path.join(".") },
    h("summary", {}, icon("next"), h("span", {}, named(path, schema, "title"))),
    what ? h("p", { class: "hint" }, what) : null,
    inner.element,
  );
  return { element, changes: inner.changes };
}

function entry(context, { schema, optional }, value, path) {
  const label = named(path, schema, "title");
  const what = named(path, schema, "description");
  const made = (EDITORS[kindOf(schema)] ?? EDITORS.unknown)({
    schema,
    optional,
    value,
    label,
    changed: context.changed,
  });
  set(made.control, "data-path", path.join("."));
  const id = unique("setting");
  const hint = what ? h("p", { class: "hint", id: `${id}-what` }, what) : null;
  if (hint) set(made.control, "aria-describedby", hint.id);
  if (made.labelled)
    return { element: h("div", { class: "field" }, made.element, hint), changes: () => made.change(value) };
  made.control.id = id;
  return {
    element: h("div", { class: "field" }, h("label", { for: id }, label), made.element, hint),
    changes: () => made.change(value),
  };
}

function kindOf(schema) {
  if (schema.enum) return "choice";
  if (schema.type === "array" && ["string", undefined].includes(schema.items?.type) && !schema.items?.properties)
    return "lines";
  if (schema.type === "object" && schema.additionalProperties) return "map";
  if (schema.type === "integer" || schema.type === "number") return "number";
  return schema.type;
}

/** Compares with what was there; undefined where nothing changed. */
const differs = (now, before) => (same(now, before ?? null) ? undefined : now);

const EDITORS = {
  boolean({ value, label, changed }) {
    const control = h("input", {
      type: "checkbox",
      role: "switch",
      class: "toggle",
      checked: value === true,
      on: { change: changed },
    });
    return {
      control,
      labelled: true,
      element: h("label", { class: "check" }, control, h("span", {}, label)),
      change: (before) => differs(control.checked, before),
    };
  },

  string({ schema, optional, value, changed }) {
    const choice = /^\^?\(((?:[\w-]+\|)+[\w-]+)\)\$?$/.exec(schema.pattern ?? "");
    if (choice) return EDITORS.choice({ schema: { enum: choice[1].split("|") }, optional, value, changed });
    // Taken out, an entry has its default again; where that is not "nothing", nothing has to be said.
    const empty = (schema.default ?? null) === null ? null : "";
    const control = h("input", {
      type: "text",
      value: value ?? "",
      maxlength: schema.maxLength,
      required: !optional && schema.minLength > 0,
      pattern: plain(schema.pattern),
      placeholder: optional ? t("form.none") : null,
      spellcheck: "false",
      on: { input: changed },
    });
    return {
      control,
      element: control,
      change: (before) => differs(control.value === "" && optional ? empty : control.value, before),
    };
  },

  number({ schema, optional, value, changed }) {
    const low = schema.minimum ?? schema.exclusiveMinimum;
    const high = schema.maximum ?? schema.exclusiveMaximum;
    const control = h("input", {
      type: "number",
      min: low,
      max: high,
      step: schema.type === "integer" ? 1 : "any",
      value: value === null || value === undefined ? "" : String(value),
      required: !optional,
      placeholder: optional ? t("form.none") : null,
      on: { input: changed },
    });
    const range =
      low !== undefined && high !== undefined ? h("span", { class: "range" }, t("form.range", { low, high })) : null;
    const change = (before) => {
      if (control.value === "") return optional ? differs(null, before) : undefined;
      return differs(Number(control.value), before);
    };
    return { control, element: h("div", { class: "row" }, control, range), change };
  },

  choice({ schema, optional, value, changed }) {
    const control = h(
      "select",
      { on: { change: changed } },
      optional ? h("option", { value: "" }, t("form.none")) : null,
      schema.enum.map((one) => h("option", { value: String(one) }, tOr(`choice.${one}`, String(one)))),
    );
    control.value = value === null || value === undefined ? "" : String(value);
    const read = () => schema.enum.find((one) => String(one) === control.value) ?? null;
    return { control, element: control, change: (before) => differs(read(), before) };
  },

  lines({ schema, value, changed }) {
    const control = h("textarea", {
      rows: Math.min(6, Math.max(2, (value ?? []).length + 1)),
      spellcheck: "false",
      placeholder: t("form.lines"),
      on: { input: changed },
    });
    control.value = (value ?? []).join("\n");
    const read = () =>
      control.value
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "")
        .slice(0, schema.maxItems ?? Infinity);
    return { control, element: control, change: (before) => differs(read(), before ?? []) };
  },

  map({ value, label, changed }) {
    const rows = h("div", { class: "map-rows" });
    const row = (name, text) => {
      const made = h(
        "div",
        { class: "map-row" },
        h("input", {
          type: "text",
          value: name,
          "aria-label": t("form.map_key", { label }),
          spellcheck: "false",
          on: { input: changed },
        }),
        h("input", {
          type: "text",
          value: text,
          "aria-label": t("form.map_value", { label }),
          spellcheck: "false",
          on: { input: changed },
        }),
        button({
          label: t("form.map_remove", { name: name || label }),
          name: "close",
          look: "quiet small",
          on: () => {
            made.remove();
            changed();
            add.focus();
          },
        }),
      );
      rows.append(made);
      return made;
    };
    for (const [name, text] of Object.entries(value ?? {})) row(name, String(text));
    const add = button({
      text: t("form.map_add"),
      name: "plus",
      look: "small",
      on: () => row("", "").querySelector("input").focus(),
    });
    const control = h("fieldset", { class: "map" }, h("legend", {}, label), rows, add);
    const read = () =>
      Object.fromEntries(
        [...rows.children]
          .map((made) => [...made.querySelectorAll("input")].map((input) => input.value.trim()))
          .filter(([name, text]) => name !== "" && text !== ""),
      );
    // What is sent is laid over what is there: null takes an entry away.
    const change = (before) => {
      const now = read();
      const gone = Object.keys(before ?? {}).filter((name) => !Object.hasOwn(now, name));
      const other = Object.entries(now).filter(([name, text]) => !same(text, before?.[name] ?? null));
      const changes = [...other, ...gone.map((name) => [name, null])];
      return changes.length > 0 ? Object.fromEntries(changes) : undefined;
    };
    return { control, labelled: true, element: control, change };
  },

  unknown({ value }) {
    const control = h("output", { class: "raw" }, JSON.stringify(value ?? null));
    return { control, element: control, change: () => undefined };
  },
};

/** A pattern that an input understands: it is always whole there. */
const plain = (pattern) => pattern?.replace(/^\^/, "").replace(/\$$/, "");
