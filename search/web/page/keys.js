/** Keys that work anywhere on the page but in a field. */

const writes = (element) => element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));

/** @param {Object<string, () => void>} keys */
export function listenForKeys(keys) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (writes(event.target) || document.querySelector("dialog[open]")) return;
    const key = keys[event.key];
    if (!key) return;
    event.preventDefault();
    key();
  });
}
