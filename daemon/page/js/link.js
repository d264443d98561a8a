// The WebSocket: what changes comes by itself, and a daemon that goes is noticed and found again.

import { call, isOut } from "./api.js";
import { bindings, kept, link, personas, status, trouble } from "./state.js";

const SILENT_MS = 5000; // the status has a clock in it: something comes four times a second
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 3000;

let socket = null;
let wait = FIRST_WAIT_MS;
let lastHeard = 0;
let heard = false; // by the socket of now
let shown = null; // the page key that it has shown
let timer = null;

/** Whether nothing that is pressed can be answered. One that is silent may hear us yet. */
export const unanswered = (now) => now === "gone" || now === "starting";

/** Connects, and keeps doing so until the page is closed or the session ends. */
export function connect() {
  clearTimeout(timer);
  socket?.close();
  heard = false;
  shown = kept.get("key");
  if (link.value === "starting") lastHeard = performance.now();
  const made = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/events`);
  socket = made;
  const key = shown ?? "";
  made.addEventListener("open", () => made.send(JSON.stringify({ key })));
  made.addEventListener("message", (event) => hear(event.data));
  made.addEventListener("close", (event) => {
    if (made === socket) ended(event.code);
  });
}

function hear(text) {
  if (link.value === "out") return; // the last words of a session that has ended
  lastHeard = performance.now();
  if (!heard || link.value !== "up") trouble.value = null; // what still troubles it, it says again
  heard = true;
  wait = FIRST_WAIT_MS;
  const { event, data } = JSON.parse(text);
  if (event === "status") status.value = data;
  else if (event === "personas") personas.value = data.personas;
  else if (event === "bindings") bindings.value = data.bindings;
  else if (event === "problem") trouble.value = data; // null: it is over
  link.value = "up";
}

async function ended(code) {
  socket = null;
  if (code === 4401) {
    if (isOut(shown)) link.value = "out";
    else timer = setTimeout(connect, FIRST_WAIT_MS); // signed in anew
    return;
  }
  try {
    // A refused handshake looks like a daemon that is gone: a request tells them apart.
    await call("GET", "/v1", undefined, 3000);
    if (!heard && link.value !== "out") link.value = "silent"; // it is there, but its events do not come
  } catch (refusal) {
    // That nothing goes out is said only of what cannot be reached: whoever refuses, or is slow, may well be on air.
    if (refusal.status !== 401 && link.value !== "out") link.value = refusal.unreached ? "gone" : "silent";
  }
  if (link.value === "out" || socket !== null) return;
  clearTimeout(timer);
  timer = setTimeout(connect, wait * (0.8 + 0.4 * Math.random()));
  wait = Math.min(wait * 1.6, LONGEST_WAIT_MS);
}

link.watch((now) => {
  if (now !== "out") return;
  clearTimeout(timer);
  const old = socket;
  socket = null;
  old?.close();
});

const seen = () => document.visibilityState === "visible";

// A stopped daemon keeps its sockets open and says nothing; one that hung before we came does not even open them.
setInterval(() => {
  const waiting = link.value === "up" || link.value === "starting";
  if (waiting && seen() && performance.now() - lastHeard > SILENT_MS) link.value = "silent";
}, 1000);

document.addEventListener("visibilitychange", () => {
  // Timers of hidden pages sleep: look at once when somebody looks.
  if (!seen()) return;
  lastHeard = Math.max(lastHeard, performance.now() - SILENT_MS + 1500);
  if ((link.value === "gone" || link.value === "silent") && socket === null) connect();
});
