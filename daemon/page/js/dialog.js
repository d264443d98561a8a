// Modal dialogs on the platform's own <dialog>: focus goes in, stays in, and comes back.

import { button, h, unique } from "./dom.js";
import { t } from "./i18n.js";

/** Opens a dialog. Gives {element, close}; it is gone from the page when closed. */
export function openDialog(title, content, { look = "", closed = () => {} } = {}) {
  const id = unique("dialog");
  const heading = h("h2", { id, tabindex: "-1" }, title);
  const element = h(
    "dialog",
    { class: `dialog ${look}`, "aria-labelledby": id },
    h(
      "header",
      { class: "dialog-head" },
      heading,
      button({ label: t("dialog.close"), name: "close", look: "quiet", on: () => element.close() }),
    ),
    h("div", { class: "dialog-body" }, content),
  );
  element.addEventListener("close", () => {
    element.remove();
    closed();
  });
  element.addEventListener("click", (event) => {
    if (event.target === element) element.close(); // beside it
  });
  document.body.append(element);
  element.showModal();
  heading.focus();
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
