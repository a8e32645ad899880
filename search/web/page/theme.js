/** Light, dark, or what the system says; kept on this machine. */

import { keep } from "./kept.js";

const ORDER = ["system", "light", "dark"];
const SAID = { system: "as the system", light: "light", dark: "dark" };

/** @param {HTMLElement} button */
export function createTheme(button) {
  const root = document.documentElement;
  const chosen = () => root.dataset.theme ?? "system";

  function label() {
    const next = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
    const says = `Colours: ${SAID[chosen()]}. Change to ${SAID[next]}`;
    button.setAttribute("aria-label", says);
    button.title = says;
  }

  function turn() {
    const next = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    keep("theme", next);
    label();
    dispatchEvent(new Event("theme"));
  }

  button.addEventListener("click", turn);
  label();
}

/** A colour of the theme as it is now, for canvases. @param {string} name @returns {string} */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
