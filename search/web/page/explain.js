/** Why a photograph was found: a heat map over it, and the words, each of which shows its own place. */

import { el, fill } from "./dom.js";
import { around, between, levels, paint } from "./heat.js";

/**
 * @typedef {Object} Explanation
 * @property {{word: string, weight: number, similarity: number, box?: number[], attention?: number[][]}[]} words
 * @property {boolean} found whether any of the words was
 * @property {{rows: number, columns: number, area: number[], values: number[][]}} grid
 */

/**
 * @param {HTMLElement} frame of the picture
 * @param {HTMLElement} panel where the words are listed
 */
export function createExplain(frame, panel) {
  const canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { class: "heat", "aria-hidden": "true", hidden: true }));
  const outline = el("div", { class: "outline", hidden: true });
  frame.append(canvas, outline);
  /** @type {Explanation|null} */
  let shown = null;
  let aspect = 1;
  let pinned = -1;

  function draw(number) {
    if (!shown) return;
    const word = shown.words[number];
    const area = shown.grid.area;
    if (word?.attention) paint(canvas, aspect, between(levels(word.attention), area));
    else if (word?.box) paint(canvas, aspect, around(word.box));
    else if (word || !shown.found) paint(canvas, aspect, () => 0); // found nowhere
    else paint(canvas, aspect, between(levels(shown.grid.values), area));
    outline.hidden = !word?.box;
    if (word?.box) {
      const [left, upper, right, lower] = word.box.map((side) => 100 * side);
      Object.assign(outline.style, { left: `${left}%`, top: `${upper}%`, width: `${right - left}%`, height: `${lower - upper}%` });
    }
    for (const chip of panel.querySelectorAll(".word")) {
      const mine = Number(/** @type {HTMLElement} */ (chip).dataset.word);
      chip.setAttribute("aria-pressed", String(mine === pinned));
      chip.classList.toggle("lit", mine === number);
    }
  }

  function chip(word, number, most) {
    const found = word.box !== undefined;
    const says = found ? `${Math.round(100 * word.weight)} %` : "not found";
    const button = el("button", {
      type: "button", class: found ? "word" : "word absent", "aria-pressed": "false", data: { word: String(number) },
      title: found ? `${says} of the whole; what is there fits it by ${word.similarity.toFixed(2)}` : "Nothing here fits this word",
      on: {
        pointerenter: (event) => event.pointerType === "mouse" && draw(number),
        pointerleave: (event) => event.pointerType === "mouse" && draw(pinned),
        focus: () => draw(number),
        blur: () => draw(pinned),
        click: () => {
          pinned = pinned === number ? -1 : number;
          draw(pinned);
        },
      },
    }, word.word, el("small", {}, says));
    button.style.setProperty("--share", String(found ? Math.max(0, word.weight) / most : 0));
    return button;
  }

  return {
    /** @param {Explanation} explanation @param {number} shape width by height of the picture */
    show(explanation, shape) {
      shown = explanation;
      aspect = shape;
      pinned = -1;
      const most = Math.max(1e-6, ...explanation.words.map((word) => word.weight));
      fill(panel, el("h3", {}, "Where each word was found"),
        el("div", { class: "words" }, ...explanation.words.map((word, number) => chip(word, number, most))),
        el("p", { class: "soft" }, explanation.found ? "Point at a word, or tap it, to see its place." : "No word was found in this picture."));
      panel.hidden = false;
      canvas.hidden = false;
      draw(-1);
    },
    /** Why there is nothing to show. @param {string} sentence */
    refuse(sentence) {
      this.clear();
      fill(panel, el("h3", {}, "Why it was found"), el("p", { class: "soft" }, sentence));
      panel.hidden = false;
    },
    clear() {
      shown = null;
      canvas.hidden = true;
      outline.hidden = true;
      panel.hidden = true;
      fill(panel);
    },
    get there() {
      return shown !== null;
    },
  };
}
