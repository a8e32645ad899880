/** Photographs as zips to save: as many as it takes, one after another. */

import { saveAs } from "./saving.js";

/** The text in a zip that names what is not there (search/web/archive.py); names of files stand at the end of a zip. */
const LEFT_OUT = "left out.txt";
const END_BYTES = 65_536;
/** Problems of a zip that would have no photograph. */
const GONE = new Set(["no-item", "photograph-gone"]);

/**
 * @typedef {Object} Saved
 * @property {number} zips
 * @property {number} leftOut photographs that a text in a zip names instead, as far as the server said so
 * @property {boolean} named whether a text in a zip names some that are not there
 * @property {number} lost photographs of zips that would have had none
 * @property {Error|null} problem why it ended early, or has saved nothing
 */

/**
 * Save them. What the server finds too large for one zip comes in two.
 * @param {import("./api.js").Api} api
 * @param {number[]} ids
 * @param {number} most photographs of one zip
 * @param {(number: number, all: number) => void} begins the zip of this number, of so many as far as that is known
 * @param {() => boolean} goesOn asked between two zips
 * @returns {Promise<Saved>}
 */
export async function saveZips(api, ids, most, begins, goesOn) {
  const parts = Array.from({ length: Math.ceil(ids.length / most) }, (_, at) => ids.slice(most * at, most * (at + 1)));
  /** @type {Saved} */
  const saved = { zips: 0, leftOut: 0, named: false, lost: 0, problem: null };
  /** @type {Error|null} */
  let none = null;
  while (parts.length && !saved.problem && goesOn()) {
    begins(saved.zips + 1, saved.zips + parts.length);
    const part = /** @type {number[]} */ (parts.shift());
    try {
      const { content, leftOut } = await api.zip(part);
      const alone = !saved.zips && !parts.length;
      saved.zips += 1;
      saveAs(content, alone ? "photographs.zip" : `photographs-${saved.zips}.zip`);
      saved.leftOut += leftOut;
      saved.named ||= leftOut > 0 || (await content.slice(-END_BYTES).text()).includes(LEFT_OUT);
    } catch (error) {
      if (error.kind === "too-large" && part.length > 1) {
        const half = Math.ceil(part.length / 2);
        parts.unshift(part.slice(0, half), part.slice(half));
      } else if (GONE.has(error.kind)) {
        saved.lost += part.length;
        none = error;
      } else {
        saved.problem = error;
      }
    }
  }
  return saved.zips ? saved : { ...saved, problem: saved.problem ?? none };
}
