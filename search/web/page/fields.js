/** The fields of the query language as the server tells them, and which of their values it can complete. */

/**
 * @typedef {Object} Field
 * @property {string} name
 * @property {"filter"|"term"|"setting"} role
 * @property {string} value
 * @property {string} says
 * @property {string[]} example
 * @property {string[]} [choices]
 */

import { inPageWords } from "./wording.js";

/** What of a collection is asked for a field's values. */
const VALUES = {
  camera: ["camera"], lens: ["lens"], country: ["country"], near: ["place"], keyword: ["keyword"], path: ["path"],
  type: ["type"], year: ["year"], month: ["month"], in: ["year", "month"],
};
/** Fields of the menu, the most used first, by what people call them. */
export const MENU = [
  ["in", "Date"], ["near", "Place"], ["country", "Country"], ["camera", "Camera"], ["lens", "Lens"], ["path", "Folder"],
  ["keyword", "Keyword"], ["text", "Words in captions"], ["type", "Type of file"], ["orientation", "Orientation"],
  ["has", "That have …"], ["weekday", "Weekday"], ["time", "Time of day"], ["not", "Not like …"], ["min", "At least as probable"],
  ["sort", "Order"],
];

/**
 * @typedef {Object} Suggestion
 * @property {string} insert what takes the place of the word at the caret
 * @property {string} label
 * @property {string} says
 * @property {boolean} whole whether it is finished, or its value comes next
 */

/** @param {import("./api.js").Api} api */
export function createFields(api) {
  /** @type {Map<string, Field>} */
  let fields = new Map();
  /** @type {{line: string, says: string}[]} */
  let examples = [];
  const known = new Set();

  async function load() {
    const told = await api.get("/fields");
    fields = new Map((told.fields ?? told).map((field) => [field.name, { ...field, says: inPageWords(field.says) }]));
    examples = told.examples ?? [];
    fields.forEach((_, name) => known.add(name));
  }

  /**
   * @param {string} word what stands at the caret
   * @param {AbortSignal} signal
   * @returns {Promise<Suggestion[]>}
   */
  async function suggest(word, signal) {
    const minus = word.startsWith("-") ? "-" : "";
    const bare = word.slice(minus.length);
    const [, name, typed] = /^([A-Za-z]+):(.*)$/.exec(bare) ?? [];
    if (name === undefined) return bare ? [...names(bare, minus), ...(await values(["place", "keyword"], bare, minus, 3, signal))] : [];
    const field = fields.get(name.toLowerCase());
    if (!field) return [];
    const prefix = typed.replace(/^["“]/, "").replace(/["”]$/, "");
    const completed = await values(VALUES[field.name] ?? [], prefix, minus, 12, signal);
    return completed.length ? completed : choices(field, prefix, minus);
  }

  function names(typed, minus) {
    const begins = [...fields.values()].filter((field) => field.name.startsWith(typed.toLowerCase()));
    return begins.map((field) => ({ insert: `${minus}${field.name}:`, label: `${field.name}:`, says: field.says, whole: false }));
  }

  async function values(kinds, prefix, minus, most, signal) {
    if (kinds.length && prefix.length < 2 && most < 12) return [];
    const asked = kinds.map((kind) => api.get("/values", { field: kind, prefix, limit: most }, signal));
    const got = (await Promise.all(asked)).flat();
    return got.map((value) => ({
      insert: minus + value.query,
      label: value.query,
      says: value.count === undefined ? "" : `${value.count.toLocaleString("en")}`,
      whole: true,
    }));
  }

  function choices(field, prefix, minus) {
    const given = field.choices ?? field.example ?? [];
    const fitting = given.filter((value) => value.replace(/^"/, "").startsWith(prefix.toLowerCase()) && value !== prefix);
    const label = field.choices ? "" : "for example";
    return fitting.map((value) => ({ insert: `${minus}${field.name}:${value}`, label: `${field.name}:${value}`, says: label, whole: true }));
  }

  return { load, suggest, known, get examples() { return examples; }, get: (name) => fields.get(name) };
}
