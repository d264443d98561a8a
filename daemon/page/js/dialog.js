// Modal dialogs on the platform's own <dialog>: focus goes in, stays in, and comes back.

import { button, h, unique } from "./dom.js";
import { t } from "./i18n.js";
import { panicButton } from "./parts/panic.js";
import { link } from "./state.js";
import { toasts } from "./toast.js";

/**
 * Opens a dialog. Gives {element, close}; it is gone from the page when closed, and with the session.
 *
 * All else is out of reach meanwhile: it has a panic button of its own, and messages appear in it.
 */
export function openDialog(title, content, { look = "", closed = () => {} } = {}) {
  const id = unique("dialog");
  const heading = h("h2", { id, tabindex: "-1" }, title);
  const panic = panicButton({ small: true });
  const element = h(
    "dialog",
    { class: `dialog ${look}`, "aria-labelledby": id },
    h(
      "header",
      { class: "dialog-head" },
      heading,
      panic.element,
      button({ label: t("dialog.close"), name: "close", look: "quiet", on: () => element.close() }),
    ),
    h("div", { class: "dialog-body" }, content),
  );
  const ends = [panic.leave];
  element.addEventListener("close", () => {
    ends.forEach((end) => end());
    element.remove();
    closed();
  });
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close(); // beside it
  });
  document.body.append(element);
  element.showModal();
  ends.push(toasts.moveInto(element));
  heading.focus();
  ends.push(
    link.watch((now) => {
      if (now === "out") element.close(); // it would cover the door
    }),
  );
  return { element, close: () => element.close() };
}

/** Asks yes or no; true if yes. */
export function confirmed(title, what, yes, look = "danger") {
  return new Promise((answer) => {
    let said = false;
    const { close } = openDialog(
      title,
      [
        h("p", {}, what),
        h(
          "div",
          { class: "row end" },
          button({ text: t("dialog.cancel"), on: () => close() }),
          button({
            text: yes,
            look,
            on: () => {
              said = true;
              close();
            },
          }),
        ),
      ],
      { look: "small", closed: () => answer(said) },
    );
  });
}
