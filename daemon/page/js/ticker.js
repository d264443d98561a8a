// Repeated work that stops while nobody sees it, or nobody answers.

import { link } from "./state.js";

const seen = new WeakMap();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) seen.set(entry.target, entry.isIntersecting);
});

/** Whether somebody can see an element: the page is in front, and the element in view. */
export function visible(element) {
  return document.visibilityState === "visible" && element.isConnected && seen.get(element) !== false;
}

/**
 * Calls `work` every `interval()` ms, never twice at once, while `element` can be seen.
 * @returns {{stop: function(): void, soon: function(): void}} soon: the next turn is now
 */
export function whileSeen(element, interval, work) {
  let running = true;
  let timer = null;
  let busy = false;
  watcher.observe(element);
  const turn = async () => {
    if (!running || busy) return;
    busy = true;
    const begun = performance.now();
    if (link.value === "up" && visible(element)) await work();
    busy = false;
    if (running) timer = setTimeout(turn, Math.max(20, interval() - (performance.now() - begun)));
  };
  timer = setTimeout(turn, 0);
  return {
    soon() {
      clearTimeout(timer);
      if (!busy) timer = setTimeout(turn, 0);
    },
    stop() {
      running = false;
      clearTimeout(timer);
      watcher.unobserve(element);
    },
  };
}

/** Whether the reader asked for less motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
