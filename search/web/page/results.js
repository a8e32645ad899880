/** The answer to a line: its first page, and the next ones by cursor as somebody scrolls to them. */

import { wasDropped } from "./api.js";
import { inPageWords } from "./wording.js";

const FIRST = 60;
const NEXT = 120;
/** Where somebody jumps far ahead, pages are as large as the server gives them. */
const MOST = 1000;
/** An index that cannot be read just now is asked again after so long, and then ever more seldom. */
const AGAIN_MS = 4000;
const SELDOM_MS = 60_000;

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
 * @property {boolean} same it is the very image that was asked with
 */

/**
 * @typedef {Object} Answer
 * @property {string} line
 * @property {Photo[]} photos
 * @property {number|null} total how many there are in all; null of a ranking, which everything belongs to
 * @property {number|null} distinct how many photographs these are without copies, where copies are shown each and it is known
 * @property {boolean} more whether there are further ones to fetch
 * @property {boolean} listing
 * @property {boolean} nothingMatches
 * @property {boolean} uncounted there are more than `total`
 * @property {number|null} cut the least probability, where it has left something out of what is sorted
 * @property {string[]} notes
 * @property {string|null} reason
 */

/**
 * @param {import("./api.js").Api} api
 * @param {{begun: () => void, calm: () => Promise<void>, first: (answer: Answer) => void, next: (answer: Answer) => void, total: (answer: Answer) => void, failed: (error: Error, stale: boolean) => void}} told
 * `begun`: an answer is on its way; `calm`: when there is time for what nobody waits for; `total`: how many there are is
 * known now; `failed`: `stale` where what is shown answers another line
 */
export function createResults(api, told) {
  let running = new AbortController();
  /** @type {Answer|null} */
  let answer = null;
  /** @type {string|null} */
  let cursor = null;
  let wanted = 0;
  let fetching = false;
  let asking = false;
  let again = 0;
  let patience = AGAIN_MS;
  /** @type {Promise<void>} ends when what is wanted is there */
  let going = Promise.resolve();
  /** @type {Promise<any>|null} of this answer: ends when its first pictures are there, or when somebody does not wait */
  let calm = null;
  let hurry = () => {};
  const calmed = () => (calm ??= Promise.race([told.calm(), new Promise((resolve) => (hurry = () => resolve(undefined)))]));

  function page(line, after, most, signal) {
    if (line) return api.get("/search", { q: line, k: most, after }, signal);
    return api.get("/items", { sort: "-date", kind: "image", limit: most, cursor: after }, signal);
  }

  async function run(line) {
    clearTimeout(again);
    running.abort();
    running = new AbortController();
    const { signal } = running;
    fetching = true; // no next page of what is on its way out
    asking = true;
    told.begun();
    try {
      const got = await page(line, undefined, FIRST, signal);
      cursor = got.cursor ?? null;
      const photos = (got.hits ?? got.items).map(kept);
      answer = {
        line,
        photos,
        total: cursor === null && photos.length ? photos.length : got.matches ?? null,
        distinct: null,
        more: cursor !== null,
        listing: !line || got.matches !== undefined,
        nothingMatches: got.nothing_matches ?? false,
        uncounted: got.more_matches ?? false,
        cut: photos.length && got.matches !== undefined && got.left_out ? got.min_probability ?? null : null,
        notes: (got.notes ?? []).map(inPageWords),
        reason: got.reason ? inPageWords(got.reason) : null,
      };
      wanted = 0;
      calm = null;
      patience = AGAIN_MS;
      fetching = false;
      asking = false;
      told.first(answer);
      if (!line && photos.length) count(answer, signal);
    } catch (error) {
      if (wasDropped(error)) return;
      fetching = false;
      asking = false;
      told.failed(error, answer !== null && answer.line !== line);
      if (error.status !== 503) return;
      again = setTimeout(() => run(line), patience);
      patience = Math.min(SELDOM_MS, 2 * patience);
    }
  }

  /** How many there are in all; the first of them wait for it no longer. */
  async function count(mine, signal) {
    try {
      await calmed();
      const { images, photographs } = await api.get("/status", {}, signal);
      if (mine !== answer) return;
      mine.distinct = photographs;
      if (mine.more) mine.total = images;
      told.total(mine);
    } catch (error) {
      if (!wasDropped(error)) told.failed(error, false);
    }
  }

  /** Fetch pages until the photograph at this place is there. `early`: nobody looks there yet. */
  function ensure(index, early = false) {
    wanted = Math.max(wanted, index);
    if (!fetching && answer !== null) going = fetchOn(answer, early);
    if (!early) hurry();
    return going;
  }

  async function fetchOn(mine, early) {
    const { signal } = running;
    fetching = true;
    try {
      if (early) await calmed();
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
      if (!wasDropped(error)) told.failed(error, false);
    } finally {
      if (mine === answer && !signal.aborted) fetching = false;
    }
  }

  return { run, ensure, get asking() { return asking; }, get fetching() { return fetching; }, get answer() { return answer; } };
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
    same: hit.same ?? false,
  };
}
