// The first view: who one can become, the reference frame, the voice, and what is wrong.

import { h } from "../dom.js";
import { personasPart } from "./personas.js";
import { problemsPart } from "./problems.js";
import { referencePart } from "./reference.js";
import { voicePart } from "./voice.js";

export function liveView() {
  const parts = [problemsPart(), personasPart(), referencePart(), voicePart()];
  return {
    element: h(
      "div",
      { class: "grid" },
      parts.map((part) => part.element),
    ),
    leave: () => parts.forEach((part) => part.leave()),
  };
}
