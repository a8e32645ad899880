/** The list under the box: fields, and values that the collection has. It never takes Enter from who did not choose. */

import { wasDropped } from "./api.js";
import { el, fill } from "./dom.js";

const PATIENCE_MS = 90;

/**
 * @param {HTMLInputElement} input a combobox
 * @param {HTMLElement} list its listbox
 * @param {{suggest: (word: string, signal: AbortSignal) => Promise<import("./fields.js").Suggestion[]>}} fields
 * @param {(whole: boolean) => void} chosen
 */
export function createCompletion(input, list, fields, chosen) {
  /** @type {import("./fields.js").Suggestion[]} */
  let offered = [];
  let at = -1;
  let running = new AbortController();
  let timer = 0;

  /** Where the word at the caret stands: quotation marks keep it together. */
  function word() {
    const end = input.selectionStart ?? input.value.length;
    let start = 0;
    let quoted = false;
    for (let here = 0; here < end; here += 1) {
      if (input.value[here] === '"') quoted = !quoted;
      else if (!quoted && /[\s(|]/.test(input.value[here])) start = here + 1;
    }
    const after = /^[^\s)|]*/.exec(input.value.slice(end))?.[0].length ?? 0;
    return { start, end: quoted ? end : end + after, text: input.value.slice(start, end) };
  }

  function close() {
    clearTimeout(timer);
    running.abort();
    offered = [];
    at = -1;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function refresh() {
    clearTimeout(timer);
    running.abort();
    const { text } = word();
    if (!text || document.activeElement !== input) return close();
    timer = setTimeout(() => ask(text), PATIENCE_MS);
  }

  async function ask(text) {
    running = new AbortController();
    const { signal } = running;
    try {
      const got = await fields.suggest(text, signal);
      if (signal.aborted || document.activeElement !== input) return;
      offered = got.filter((each) => each.insert !== text).slice(0, 10);
      at = -1;
      draw();
    } catch (error) {
      if (!wasDropped(error)) close(); // the search itself says what is wrong
    }
  }

  function draw() {
    if (!offered.length) return close();
    fill(list, ...offered.map((each, index) =>
      el("li", {
        role: "option", id: `offer-${index}`, "aria-selected": String(index === at),
        on: { pointerdown: (event) => event.preventDefault(), click: () => take(index) },
      }, el("span", { class: "offer", dir: "auto" }, each.label), el("span", { class: "says" }, each.says))));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    if (at >= 0) input.setAttribute("aria-activedescendant", `offer-${at}`);
    else input.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }

  function take(index) {
    const { start, end } = word();
    const each = offered[index];
    const rest = input.value.slice(end);
    const space = each.whole && !rest.startsWith(" ") ? " " : "";
    input.value = input.value.slice(0, start) + each.insert + space + rest;
    const caret = start + each.insert.length + space.length;
    input.setSelectionRange(caret, caret);
    input.focus();
    close();
    chosen(each.whole);
    if (!each.whole) refresh();
  }

  /** @returns {boolean} whether the key was for the list */
  function onKey(event) {
    if (list.hidden) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      at = (at + 1 + step + offered.length + 1) % (offered.length + 1) - 1;
      draw();
    } else if ((event.key === "Enter" && at >= 0) || (event.key === "Tab" && !event.shiftKey && at >= 0)) {
      take(at);
    } else if (event.key === "Escape") {
      close();
    } else {
      return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  return { refresh, close, onKey };
}
