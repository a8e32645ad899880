/** Files that are saved by the browser, from what the page has fetched. */

import { el } from "./dom.js";

/** How long a browser may take to begin. */
const KEPT_MS = 60_000;

/** @param {Blob} content @param {string} name */
export function saveAs(content, name) {
  const address = URL.createObjectURL(content);
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
