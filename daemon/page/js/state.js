// What the page knows, in one place.

import { Signal } from "./signal.js";

/** "starting" | "up" | "silent" (connected, but nothing is heard) | "gone" | "out" (not signed in). */
export const link = new Signal("starting");

/** As GET /v1/status tells it, null until it is known. */
export const status = new Signal(null);

/** Rows as GET /v1/personas tells them. */
export const personas = new Signal([]);

/** Rows as GET /v1/bindings tells them. */
export const bindings = new Signal([]);

/** A sentence of the daemon's about itself, null while all is well. */
export const trouble = new Signal(null);

/** Kept in the browser, under names of our own; a browser that keeps nothing is no fault. */
export const kept = {
  get(name) {
    try {
      return localStorage.getItem(`obs-portrait.${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      if (value === null) localStorage.removeItem(`obs-portrait.${name}`);
      else localStorage.setItem(`obs-portrait.${name}`, value);
    } catch {
      // It lasts until the page is closed, then.
    }
  },
};
