/**
 * A line of the query language in its parts, as chips show them. The server reads the line for good
 * (search/query/lexer.py); this finds where its filters, minuses and images stand, so that one can be taken away.
 */

const CLOSING = { '"': '"', "“": '”“"', "„": '“”"', "”": "”", "«": "»", "»": "«»" };
const FIELD = /^([A-Za-z]+):(?=[^\s)|])/;
const DATES = /^\d{4}(-\d{2}(-\d{2})?)?\.\.\d{4}(-\d{2}(-\d{2})?)?$/;
const IMAGE = /^(upload:[0-9a-f]{32}|#\d+)$/;

/**
 * @typedef {Object} Part
 * @property {"words"|"filter"|"minus"|"image"} kind
 * @property {string} text as it stands in the line
 * @property {number} start
 * @property {number} end
 * @property {string} [field] of a filter
 * @property {string} [value] without quotation marks
 * @property {boolean} [negated]
 * @property {string} [image] "upload:NAME" or "#ID"
 */

/**
 * @param {string} line
 * @param {Set<string>} known names of fields
 * @returns {Part[]}
 */
export function parts(line, known) {
  /** @type {Part[]} */
  const found = [];
  let at = 0;
  let subtracts = -1;
  while (at < line.length) {
    if (/\s/.test(line[at])) {
      at += 1;
      continue;
    }
    const start = at;
    const grouped = line[at] === "(" || line.startsWith("-(", at);
    at = grouped ? groupEnd(line, at) : tokenEnd(line, at);
    const text = line.slice(start, at);
    if (text === "-" || text === "+") {
      subtracts = text === "-" ? start : -1;
      if (text === "+") found.push({ kind: "words", text, start, end: at });
      continue;
    }
    const part = grouped ? group(text, start, at, known) : single(text, start, at, known);
    if (part.kind === "words" && subtracts >= 0) {
      const last = found.at(-1); // `- at night`: all its words are one term
      if (last?.kind === "minus" && last.start === subtracts) {
        Object.assign(last, { end: at, text: line.slice(subtracts, at), value: line.slice(subtracts + 1, at).trim() });
      } else {
        found.push({ kind: "minus", text: line.slice(subtracts, at), value: text, start: subtracts, end: at });
      }
    } else {
      found.push(part);
    }
  }
  return found;
}

function single(text, start, end, known) {
  const negated = text.startsWith("-");
  const bare = negated ? text.slice(1) : text;
  const weight = /^\d+(\.\d+)?\*/.exec(bare)?.[0] ?? "";
  const field = FIELD.exec(bare.slice(weight.length))?.[1].toLowerCase();
  const value = unquoted(field ? bare.slice(weight.length + field.length + 1) : bare);
  const place = { text, start, end, negated };
  if (field === "like" && IMAGE.test(value)) return { kind: negated ? "minus" : "image", image: value, value, ...place };
  if (field && known.has(field)) return { kind: field === "not" ? "minus" : "filter", field, value, ...place };
  if (DATES.test(text)) return { kind: "filter", field: "in", value: text, ...place };
  return { kind: negated && bare ? "minus" : "words", value, ...place };
}

function group(text, start, end, known) {
  const inner = text.replace(/^-?\(/, "").replace(/\)$/, "");
  const filters = parts(inner.replaceAll("|", " "), known).some((part) => part.kind === "filter");
  return { kind: filters ? "filter" : "words", text, value: inner, negated: text.startsWith("-"), start, end };
}

function tokenEnd(line, at) {
  while (at < line.length && !/\s/.test(line[at])) {
    const closing = CLOSING[line[at]];
    if (closing === undefined) at += 1;
    else at = quoteEnd(line, at + 1, closing);
  }
  return at;
}

function quoteEnd(line, at, closing) {
  while (at < line.length && !closing.includes(line[at])) at += line[at] === "\\" ? 2 : 1;
  return Math.min(at + 1, line.length);
}

function groupEnd(line, at) {
  let depth = 0;
  while (at < line.length) {
    const closing = CLOSING[line[at]];
    if (closing !== undefined) {
      at = quoteEnd(line, at + 1, closing);
      continue;
    }
    if (line[at] === "(") depth += 1;
    if (line[at] === ")" && --depth === 0) return at + 1;
    at += 1;
  }
  return at;
}

const unquoted = (value) => {
  const closing = CLOSING[value[0]];
  if (closing === undefined || value.length < 2) return value;
  const end = quoteEnd(value, 1, closing);
  return (value.slice(1, end - 1) + value.slice(end)).replaceAll('\\"', '"').replaceAll("\\\\", "\\");
};

/** The line without what stands from `start` to `end`. */
export function without(line, { start, end }) {
  return `${line.slice(0, start).trimEnd()} ${line.slice(end).trimStart()}`.trim();
}

/**
 * The line without what is begun at the caret, a field whose value is still to come, or a minus: `a dog in:` is a dog so
 * far.
 * @param {string} line
 * @param {number} caret
 * @param {Set<string>} known names of fields
 */
export function begun(line, caret, known) {
  const [whole, name] = /(?:^|(?<=\s))(?:-?(?:\d+(?:\.\d+)?\*)?([A-Za-z]+):["“”„«»]?|[-+])$/u.exec(line.slice(0, caret)) ?? [];
  if (whole === undefined || (name !== undefined && !known.has(name.toLowerCase())) || /^[^\s]/.test(line.slice(caret))) return line;
  return without(line, { start: caret - whole.length, end: caret });
}

/** The line with one part more at its end. */
export const and = (line, part) => `${line.trimEnd()} ${part}`.trim();

/** The line with `part` in the place of all that its filters of these fields say. */
export function instead(line, known, fields, part) {
  let kept = line;
  for (const old of parts(line, known).reverse()) {
    if (old.kind === "filter" && old.field !== undefined && fields.includes(old.field) && !old.negated) kept = without(kept, old);
  }
  return part ? and(kept, part) : kept;
}

/** Only its filters, but those of the fields that are left out: what a listing or a histogram is asked with. */
export function filters(line, known, leftOut = []) {
  const settings = ["sort", "min", "to", ...leftOut];
  const kept = parts(line, known).filter((part) => part.kind === "filter" && !settings.includes(part.field ?? ""));
  return kept.map((part) => part.text).join(" ");
}

/** How many photographs a filter names by their ids; 0 where it is another, or names one. @param {Part} part */
export const chosen = (part) => (part.field === "id" && /^\d+(,\d+)+$/.test(part.value ?? "") ? (part.value ?? "").split(",").length : 0);

/** A line as the box shows it, and what stands beside the box as chips alone: images, and photographs that were chosen. */
export function split(line, known) {
  const images = parts(line, known).filter((part) => part.image !== undefined || chosen(part));
  const text = images.reduceRight((kept, part) => without(kept, part), line);
  return { text: images.length ? text : line, images: images.map((part) => part.text) };
}

/** A value as the language writes it: in quotation marks where it would be read as something else. */
export function quoted(value) {
  return /[\s()|[{\\"“”„«»]/.test(value) || value === "" ? `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : value;
}
