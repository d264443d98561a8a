// The frame: bar, banners, the stage that is always there, and the view that the address names.

import { foreign, h, icon, say, set, show } from "./dom.js";
import { t } from "./i18n.js";
import { unanswered } from "./link.js";
import { clipsView } from "./parts/clips.js";
import { liveView } from "./parts/live.js";
import { metersView } from "./parts/meters.js";
import { newcomerView } from "./parts/newcomer.js";
import { scenesView } from "./parts/scenes.js";
import { settingsView } from "./parts/settings.js";
import { stagePart } from "./parts/stage.js";
import { stateText, stateTone } from "./parts/words.js";
import { link, status, trouble } from "./state.js";
import { toasts } from "./toast.js";

const VIEWS = {
  live: liveView,
  meters: metersView,
  scenes: scenesView,
  clips: clipsView,
  newcomer: newcomerView,
  settings: settingsView,
};

/** Views in which somebody may have typed something: they are not made anew when the daemon comes back. */
const EDITED = new Set(["newcomer", "settings"]);

/** The name of the view that the address asks for. */
export function wanted() {
  const name = location.hash.replace(/^#\//, "");
  return Object.hasOwn(VIEWS, name) ? name : "live";
}

/** The whole page for who is signed in. */
export function frame() {
  const links = new Map();
  const nav = h(
    "nav",
    { class: "nav", "aria-label": t("nav.label") },
    h(
      "ul",
      {},
      Object.keys(VIEWS).map((name) => {
        const label = t(`nav.${name}`);
        links.set(name, h("a", { href: `#/${name}`, title: label }, icon(name), h("span", {}, label)));
        return h("li", {}, links.get(name));
      }),
    ),
  );
  const view = h("div", { class: "view", id: "view", tabindex: "-1" });
  const body = h("div", { class: "body" }, stagePart(), view);
  const skip = h(
    "a",
    {
      class: "skip",
      href: "#view",
      on: {
        click: (event) => {
          event.preventDefault();
          view.focus();
        },
      },
    },
    t("nav.skip"),
  );
  const main = h("main", { class: "main" }, panicBanner(), body);

  let leave = () => {};
  const open = (name) => {
    leave();
    for (const [other, anchor] of links) set(anchor, "aria-current", other === name ? "page" : null);
    const made = VIEWS[name]();
    leave = made.leave ?? (() => {});
    view.replaceChildren(h("h1", { class: "hidden-text" }, t(`nav.${name}`)), made.element ?? made);
    body.dataset.view = name;
    document.title = t("title", { view: t(`nav.${name}`) });
  };
  addEventListener("hashchange", () => {
    open(wanted());
    view.focus({ preventScroll: true });
    scrollTo(0, 0);
  });
  open(wanted());

  link.watch((now, before) => {
    set(view, "inert", unanswered(now)); // the stage looks after itself: its panic button stays alive
    if (now === "up" && before === "gone" && !EDITED.has(wanted())) open(wanted());
  });
  return [skip, bar(nav), linkBanner(), main, toasts()];
}

function bar(nav) {
  const pill = h("span", { class: "pill" });
  const obs = h("span", { class: "pill quiet obs" });
  status.watch((now) => {
    if (now === null) {
      show(pill, false);
      show(obs, false);
      return;
    }
    show(pill, true);
    say(pill, stateText(now));
    set(pill, "data-tone", stateTone(now));
    show(obs, true);
    const connected = now.obs?.connected === true;
    set(obs, "data-tone", connected ? (now.obs.streaming ? "air" : "good") : "off");
    say(obs, connected ? (now.obs.streaming ? t("obs.on_air") : t("obs.connected")) : t("obs.away"));
  });
  return h(
    "header",
    { class: "bar" },
    h(
      "div",
      { class: "brand" },
      h("img", { src: "/page/icons/mark.svg", alt: "", class: "mark" }),
      h("span", { class: "name" }, t("app")),
    ),
    h("div", { class: "pills" }, pill, obs),
    nav,
  );
}

function linkBanner() {
  const title = h("strong", {});
  const text = h("span", {});
  const command = h("code", {}, "obs-portrait run");
  const banner = h(
    "div",
    { class: "banner warn", role: "alert", hidden: true },
    icon("plug"),
    h("p", {}, title, " ", text, " ", command),
  );
  let was = "starting";
  link.watch((now) => {
    show(banner, now === "gone" || now === "silent");
    show(command, now === "gone");
    if (now === "gone" || now === "silent") {
      say(title, t(`link.${now}`));
      say(text, t(`link.${now}_what`));
      if (toasts.covered()) toasts.tell(t(`link.${now}`), "bad");
    }
    if (now === "up" && (was === "gone" || was === "silent")) toasts.tell(t("link.back"), "good");
    if (now === "up" || now === "gone" || now === "silent") was = now;
  });
  const problem = h("p", {});
  const troubled = h("div", { class: "banner warn", role: "alert", hidden: true }, icon("alert"), problem);
  trouble.watch((sentence) => {
    show(troubled, sentence !== null);
    foreign(problem, sentence ?? "");
  });
  return [banner, troubled];
}

function panicBanner() {
  const banner = h(
    "div",
    { class: "banner alarm", role: "alert", hidden: true },
    icon("panic"),
    h("p", {}, h("strong", {}, t("panic.banner")), " ", t("panic.banner_what")),
  );
  status.watch((now) => show(banner, now?.panic === true));
  return banner;
}
