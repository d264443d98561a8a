// The page begins here: language, then sign-in, then the frame with its views.

import { signIn } from "./api.js";
import { h } from "./dom.js";
import { frame } from "./frame.js";
import { loadLanguage } from "./i18n.js";
import { connect } from "./link.js";
import { signInView } from "./parts/sign_in.js";
import { openWizard } from "./parts/wizard.js";
import { kept, link } from "./state.js";

const CODE = /^#([A-Za-z0-9]{4}-?){3}$/;

/** The one-time code in the address, which is taken out of it at once. */
function takeCode() {
  if (!CODE.test(location.hash)) return null;
  const code = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  return code;
}

async function begin() {
  await loadLanguage();
  const root = document.getElementById("root");
  const enter = (first) => {
    link.value = "starting";
    connect();
    if (first) openWizard();
  };
  const door = signInView(enter);
  root.append(door);
  let built = null;
  link.watch((now) => {
    if (built === null && now !== "out" && kept.get("key") !== null) {
      built = h("div", { class: "app" }, frame());
      root.prepend(built);
    }
    if (built !== null) built.hidden = now === "out";
    door.hidden = now !== "out";
  });

  // Somebody pastes a link into the address of the page that is open.
  addEventListener("hashchange", () => {
    const code = takeCode();
    if (code !== null && link.value === "out") door.enter(code);
  });

  // A file that is dropped beside the place for it would be opened instead of the page.
  for (const event of ["dragover", "drop"])
    document.addEventListener(event, (over) => {
      if (over.defaultPrevented || !over.dataTransfer?.types.includes("Files")) return;
      over.preventDefault();
      over.dataTransfer.dropEffect = "none";
    });

  // A dock keeps its address with the old code in it: the session counts, the code is for who has none.
  const code = takeCode();
  if (kept.get("key") !== null) {
    door.spare = code;
    connect();
    return;
  }
  if (code === null) {
    link.value = "out";
    return;
  }
  try {
    enter(await signIn(code));
  } catch (refusal) {
    link.value = "out";
    door.tell(refusal.message, refusal.lang);
  }
}

begin();
