/** The query language in twenty lines, each to be tried with a click, and the keys. */

import { el, fill, iconButton } from "./dom.js";

const KEYS = [
  ["/", "to the search box"], ["← ↑ → ↓", "move over the photographs"], ["Enter", "open"], ["Esc", "close"],
  ["Space", "select"], ["Shift Space", "select up to here"], ["Ctrl A", "select all"], ["s", "similar photographs"], ["e", "why it was found"],
  ["+ −  0", "zoom in the viewer"], ["m", "the map"], ["?", "this help"],
];

/** What names a file of an image in a line; a server opens none by its name. */
const FILE = /\S+\.(jpe?g|png|heic)\b/i;

/**
 * @param {ReturnType<typeof import("./fields.js").createFields>} fields
 * @param {{ask: (line: string) => void, photograph: () => number|null}} events `photograph`: the number of one that is shown
 */
export function createHelp(fields, events) {
  const body = el("div", { class: "sheet-body" });
  const dialog = /** @type {HTMLDialogElement} */ (el("dialog", { class: "sheet help", "aria-labelledby": "help-title" },
    el("header", {}, el("h2", { id: "help-title" }, "How to ask"), iconButton("close", "Close", () => dialog.close())), body));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);

  function line(example) {
    const run = () => {
      dialog.close();
      events.ask(example.line);
    };
    return el("li", {}, el("button", { type: "button", class: "example", on: { click: run } },
      el("code", {}, example.line), el("span", {}, example.says)));
  }

  /** Those that work here: of a file, one with a photograph that is shown takes its place. */
  function working() {
    const number = events.photograph();
    return fields.examples
      .filter((example) => number !== null || !FILE.test(example.line))
      .map((example) => ({ ...example, line: example.line.replace(FILE, `like:#${number}`) }));
  }

  return {
    open() {
      fill(body,
        el("p", { class: "soft" }, "Say what a photograph shows, and what is known of it. What is no field is words, and words are looked for by their meaning. Paste or drop an image to look for what is like it."),
        el("ul", { class: "examples" }, ...working().map(line)),
        el("h3", {}, "Keys"),
        el("dl", { class: "keys" }, ...KEYS.map(([key, says]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, says)))));
      dialog.showModal();
      body.scrollTop = 0;
    },
  };
}
