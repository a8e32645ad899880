/** Photographs as zips to save: one for each press, as browsers let a page save no more by itself. */

import { saveAs } from "./saving.js";

/** The text in a zip that names what is not there (search/web/archive.py); names of files stand at the end of a zip. */
const LEFT_OUT = "left out.txt";
const END_BYTES = 65_536;
/** Problems of a zip that would have no photograph: the next one is another matter. */
const GONE = new Set(["no-item", "photograph-gone"]);

/**
 * @typedef {Object} Saved
 * @property {number} number of the zip
 * @property {number} all zips, as far as that is known
 * @property {number} leftOut photographs that are not in it, as far as the server said so
 * @property {boolean} named whether a text in it names some that are not there
 */

/**
 * @param {import("./api.js").Api} api
 * @param {number[]} ids
 * @param {number} most photographs of one zip
 */
export function createZips(api, ids, most) {
  const parts = Array.from({ length: Math.ceil(ids.length / most) }, (_, at) => ids.slice(most * at, most * (at + 1)));
  let number = 0;
  return {
    /** Save the next one. What the server finds too large comes in two. @returns {Promise<Saved>} */
    async next() {
      for (;;) {
        try {
          const { content, leftOut } = await api.zip(parts[number]);
          number += 1;
          saveAs(content, parts.length > 1 ? `photographs-${number}.zip` : "photographs.zip");
          const named = leftOut > 0 || (await content.slice(-END_BYTES).text()).includes(LEFT_OUT);
          return { number, all: parts.length, leftOut, named };
        } catch (error) {
          const part = parts[number];
          if (error.kind !== "too-large" || part.length < 2) {
            if (GONE.has(error.kind)) number += 1;
            throw error;
          }
          const half = Math.ceil(part.length / 2);
          parts.splice(number, 1, part.slice(0, half), part.slice(half));
        }
      }
    },
    /** How many have been saved, or had nothing to save. */
    get done() {
      return number;
    },
    get all() {
      return parts.length;
    },
  };
}
