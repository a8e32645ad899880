/** The answer to a line: its first page, and the next ones by cursor as somebody scrolls to them. */

import { wasDropped } from "./api.js";

const FIRST = 60;
const NEXT = 120;
/** Where somebody jumps far ahead, pages are as large as the server gives them. */
const MOST = 1000;

/**
 * What is kept of a hit: a collection of 200,000 has to fit.
 * @typedef {Object} Photo
 * @property {number} id
 * @property {"image"|"text"} kind
 * @property {string} name
 * @property {string} folder
 * @property {number} aspect width by height
 * @property {number} width in pixels; 0 where unknown
 * @property {number} [probability]
 * @property {string} [match]
 * @property {boolean} weak
 * @property {boolean} missing
 * @property {string} [text]
 * @property {string} [date] ISO
 * @property {string} [foundBy]
 */

/**
 * @typedef {Object} Answer
 * @property {string} line
 * @property {Photo[]} photos
 * @property {number|null} total how many there are in all; null of a ranking, which everything belongs to
 * @property {boolean} more whether there are further ones to fetch
 * @property {boolean} listing
 * @property {boolean} nothingMatches
 * @property {boolean} uncounted there are more than `total`
 * @property {string[]} notes
 * @property {string|null} reason
 * @property {number} ms from the request to the answer
 */

/**
 * @param {import("./api.js").Api} api
 * @param {{first: (answer: Answer) => void, next: (answer: Answer) => void, failed: (error: Error) => void}} told
 */
export function createResults(api, told) {
  let running = new AbortController();
  /** @type {Answer|null} */
  let answer = null;
  /** @type {string|null} */
  let cursor = null;
  let wanted = 0;
  let fetching = false;

  function page(line, after, most, signal) {
    if (line) return api.get("/search", { q: line, k: most, after }, signal);
    return api.get("/items", { sort: "-date", kind: "image", limit: most, cursor: after }, signal);
  }

  async function run(line) {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    const began = performance.now();
    fetching = true; // no next page of what is on its way out
    try {
      const [got, status] = await Promise.all([
        page(line, undefined, FIRST, signal),
        line ? null : api.get("/status", {}, signal),
      ]);
      cursor = got.cursor ?? null;
      const photos = (got.hits ?? got.items).map(kept);
      const total = got.matches ?? status?.images ?? null;
      answer = {
        line,
        photos,
        total: cursor === null && photos.length ? photos.length : total,
        more: cursor !== null,
        listing: !line || got.matches !== undefined,
        nothingMatches: got.nothing_matches ?? false,
        uncounted: got.more_matches ?? false,
        notes: got.notes ?? [],
        reason: got.reason ?? null,
        ms: performance.now() - began,
      };
      wanted = 0;
      fetching = false;
      told.first(answer);
    } catch (error) {
      if (wasDropped(error)) return;
      fetching = false;
      told.failed(error);
    }
  }

  /** Fetch pages until the photograph at this place is there. */
  async function ensure(index) {
    wanted = Math.max(wanted, index);
    if (fetching || answer === null) return;
    const { signal } = running;
    const mine = answer;
    fetching = true;
    try {
      while (mine === answer && cursor !== null && mine.photos.length <= wanted) {
        const most = Math.min(MOST, Math.max(NEXT, wanted - mine.photos.length + NEXT));
        const got = await page(mine.line, cursor, most, signal);
        if (mine !== answer) return;
        cursor = got.cursor ?? null;
        for (const hit of got.hits ?? got.items) mine.photos.push(kept(hit));
        mine.more = cursor !== null;
        if (!mine.more) mine.total = mine.photos.length;
        told.next(mine);
      }
    } catch (error) {
      if (!wasDropped(error)) told.failed(error);
    } finally {
      if (mine === answer && !signal.aborted) fetching = false;
    }
  }

  return { run, ensure, get answer() { return answer; } };
}

/** @returns {Photo} */
export function kept(hit) {
  const sized = hit.width > 0 && hit.height > 0;
  return {
    id: hit.id,
    kind: hit.kind ?? "image",
    name: hit.name ?? "",
    folder: hit.folder ?? "",
    aspect: sized ? hit.width / hit.height : 1.5,
    width: sized ? hit.width : 0,
    probability: hit.probability,
    match: hit.match,
    weak: hit.weak ?? false,
    missing: hit.missing ?? false,
    text: hit.text,
    date: hit.date,
    foundBy: hit.found_by,
  };
}
