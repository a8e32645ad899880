/** The search box: what is typed is asked as it comes, and kept as a step of the history with Enter. */

import { createCompletion } from "./completion.js";
import { el, fill, icon, iconButton } from "./dom.js";
import { begun, split } from "./line.js";
import { createPace } from "./pace.js";
import { count } from "./words.js";

/** Characters of a query that the server takes. */
const MOST = 10_000;

/**
 * @param {HTMLElement} form
 * @param {ReturnType<typeof import("./fields.js").createFields>} fields
 * @param {{ask: (line: string, typing: boolean) => void, failed: (error: Error) => void, busy: () => boolean, down: () => void, image: () => void}} events
 */
export function createBox(form, fields, events) {
  /** @type {string[]} images of the line: they stand beside the box as chips */
  let images = [];
  /** @type {string|null} what it was last asked for or shown: what is typed since then stays */
  let last = null;
  const input = /** @type {HTMLInputElement} */ (el("input", {
    type: "text", id: "line", dir: "auto", name: "q", role: "combobox", "aria-label": "What to look for", "aria-autocomplete": "list",
    "aria-expanded": "false", "aria-controls": "offers", autocomplete: "off", autocapitalize: "off", autocorrect: "off",
    spellcheck: "false", enterkeyhint: "search", placeholder: "A red car at night, camera:pixel, in:2021 …",
  }));
  const list = el("ul", { class: "offers", id: "offers", role: "listbox", "aria-label": "Completions", hidden: true });
  const clear = iconButton("close", "Clear the search", () => {
    input.value = "";
    images = [];
    now(false);
    input.focus();
  }, { class: "tool clear", hidden: true });
  const image = iconButton("image", "Search with an image", () => events.image());
  fill(form, el("span", { class: "glass" }, icon("search")), input, clear, image, list);

  const completion = createCompletion(input, list, fields, (finished) => finished && now(false));
  const whole = (text) => [text.trim(), ...images].filter(Boolean).join(" ");
  const line = () => whole(input.value);
  /** What can be asked of a line while it is typed. */
  const typed = () => whole(begun(input.value, input.selectionStart ?? input.value.length, fields.known));

  const pace = createPace({ ask: () => now(true), busy: events.busy });

  function now(typing) {
    ask(typing ? typed() : line(), typing);
  }

  function ask(asked, typing) {
    pace.drop();
    clear.hidden = !input.value && !images.length;
    last = asked;
    const length = [...asked].length; // what is too long for a query is not asked, and said
    if (length <= MOST) events.ask(asked, typing);
    else events.failed(new Error(`The query has ${count(length)} characters, more than ${count(MOST)}; say it shorter.`));
  }

  input.addEventListener("input", (event) => {
    clear.hidden = !input.value && !images.length;
    pace.drop();
    completion.refresh();
    if (/** @type {InputEvent} */ (event).isComposing) return; // half a character of a Chinese or Japanese keyboard
    pace.typed(line().length);
  });
  input.addEventListener("compositionend", () => now(true));
  input.addEventListener("click", () => completion.refresh());
  input.addEventListener("blur", (event) => {
    completion.close();
    const onChip = /** @type {Element|null} */ (event.relatedTarget)?.closest(".chips"); // it stays until it is clicked
    if (line()) ask(onChip ? typed() : line(), false);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || completion.onKey(event)) return;
    if (event.key === "ArrowDown") {
      event.preventDefault();
      events.down();
    } else if (event.key === "Escape") {
      if (input.value) input.select();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    completion.close();
    now(false);
  });

  return {
    /** Show a line that came from elsewhere: the history, a chip, an example. */
    show(given) {
      if (given === last || given === line()) return;
      last = given;
      pace.drop();
      const told = split(given, fields.known);
      images = told.images;
      input.value = told.text;
      clear.hidden = !given;
    },
    /** Begin a filter: its value is completed next. */
    begin(text) {
      input.value = `${input.value.trimEnd()} ${text}`.trimStart();
      input.focus();
      input.setSelectionRange(input.value.length, input.value.length);
      clear.hidden = false;
      completion.refresh();
    },
    focus() {
      input.focus();
      input.select();
    },
    /** Go on typing behind what is there. */
    resume() {
      input.focus();
      input.setSelectionRange(input.value.length, input.value.length);
    },
    /** An answer has come. */
    free: pace.free,
    /** Whether it offers how to go on. */
    get completing() {
      return !list.hidden;
    },
    get line() {
      return line();
    },
  };
}
