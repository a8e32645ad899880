/** Small pictures on their way: a few at a time, so that a search never queues behind them; those that are wanted last
 * come first, and those that nobody wants any more are let go. */

/** A browser opens six connections to a server: one follows the indexing, and one is for what is asked. */
const AT_ONCE = 4;
/** Pictures wait for an answer that is on its way, but not for ever. */
const LONGEST_MS = 500;
/** What waits for pictures waits so long at most. */
const CALM_MS = 1500;

/**
 * @typedef {Object} Wanted
 * @property {HTMLImageElement} image
 * @property {string} address
 * @property {() => boolean} still whether it is wanted yet
 * @property {boolean} last whether it comes behind all others
 */

export function createPictures() {
  /** @type {Wanted[]} */
  let waiting = [];
  /** @type {Wanted[]} added since they were last begun */
  let added = [];
  /** @type {Set<Wanted>} */
  const running = new Set();
  let held = 0;
  /** @type {Array<() => void>} what waits until all are there */
  let waitingForCalm = [];

  function begin() {
    if (added.length) {
      waiting = [...added.filter(({ last }) => !last), ...waiting, ...added.filter(({ last }) => last)];
      added = [];
    }
    for (const each of running) {
      if (each.still()) continue;
      running.delete(each);
      each.image.removeAttribute("src"); // the browser gives its connection free
    }
    while (!held && running.size < AT_ONCE && waiting.length) {
      const next = /** @type {Wanted} */ (waiting.shift());
      if (next.still()) load(next);
    }
    if (isBusy()) return;
    for (const each of waitingForCalm) each();
    waitingForCalm = [];
  }

  const isBusy = () => held || [...running, ...waiting, ...added].some(({ last }) => !last);

  function load(wanted) {
    running.add(wanted);
    const ended = () => running.delete(wanted) && begin();
    wanted.image.addEventListener("load", ended, { once: true });
    wanted.image.addEventListener("error", ended, { once: true });
    wanted.image.src = wanted.address;
  }

  function release() {
    clearTimeout(held);
    held = 0;
    begin();
  }

  return {
    /** It comes when `begin` is called. @param {HTMLImageElement} image @param {string} address */
    want: (image, address) => void added.push({ image, address, still: () => image.isConnected, last: false }),
    /** It comes behind all others. @param {HTMLImageElement} image @param {string} address @param {() => boolean} still */
    wantLast: (image, address, still) => void added.push({ image, address, still, last: true }),
    begin,
    /** An answer is on its way: none begins before it. */
    hold() {
      clearTimeout(held);
      held = setTimeout(release, LONGEST_MS);
    },
    release,
    /** Resolves when no picture is on its way, those that come last left aside; soon in any case. @returns {Promise<void>} */
    calm: () => new Promise((resolve) => {
      setTimeout(resolve, CALM_MS);
      if (isBusy()) waitingForCalm.push(resolve);
      else resolve();
    }),
  };
}
