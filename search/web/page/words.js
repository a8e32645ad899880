/** Numbers and dates as people read them. */

const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hour12: false });
const COUNT = new Intl.NumberFormat("en");

/** @param {number} number */
export const count = (number) => COUNT.format(number);

/** "1 photograph", "2,269 photographs". */
export const photographs = (number) => `${count(number)} photograph${number === 1 ? "" : "s"}`;

/** "1 file", "2,269 files". */
export const files = (number) => `${count(number)} file${number === 1 ? "" : "s"}`;

/** Below this a hit is weak (WEAK in search/results.py). */
const WEAK = 0.05;

/**
 * A probability as the product tells it everywhere (`percent` in search/results.py): never "0 %" or "100 %", which
 * nobody knows, and below the weak mark never the number of that mark.
 */
export function percent(probability) {
  if (probability < 0.005) return "<1 %";
  if (probability < WEAK && Math.round(100 * probability) >= 100 * WEAK) return `${100 * WEAK - 1} %`;
  return probability >= 0.995 ? ">99 %" : `${Math.round(100 * probability)} %`;
}

/** How well a hit matches, in a percentage or a word; "" where nobody knows. */
export function strength(hit) {
  if (typeof hit.probability === "number") return percent(hit.probability);
  return hit.match ?? "";
}

/** "3 May 2024", with the time where one is known. Dates are those of the clock where the photograph was taken. */
export function date(iso) {
  const taken = new Date(iso.slice(0, 19)); // without an offset: shown as clocks showed it there
  if (Number.isNaN(taken.valueOf())) return { day: iso, time: "" };
  const midnight = /T00:00(:00)?/.test(iso) || !iso.includes("T");
  return { day: DATE.format(taken), time: midnight ? "" : TIME.format(taken) };
}

/** "Lisbon, Portugal". */
export function place(named) {
  if (!named) return "";
  const city = named.near && named.city ? `${named.city} (${named.near})` : named.city;
  return [city, named.region !== named.city ? named.region : null, named.country].filter(Boolean).join(", ");
}

const TURNS = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/**
 * A name inside of a sentence that is no element (a label, a tooltip): what runs from right to left in it, or turns what
 * follows by a control character, turns nothing outside. In elements `<bdi>` and `dir="auto"` do that.
 */
export const isolated = (name) => (TURNS.test(name) ? `\u2068${name}\u2069` : name);

/** "4.2 MB". */
export function bytes(size) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}
