/** When what is typed is asked: at once where no answer is on its way; else when that has come, or has taken too long. */

/** The beginning of a word means little: it waits for the next letter. */
const FEWEST = 3;
const PATIENCE_MS = 120;

/** @param {{ask: () => void, busy: () => boolean}} events `busy`: whether an answer is on its way */
export function createPace(events) {
  let timer = 0;
  let held = false;

  function drop() {
    clearTimeout(timer);
    held = false;
  }

  function now() {
    drop();
    events.ask();
  }

  return {
    /** Another letter. @param {number} length of the line */
    typed(length) {
      drop();
      if (length >= FEWEST && !events.busy()) return now();
      held = length >= FEWEST;
      timer = setTimeout(now, PATIENCE_MS);
    },
    /** An answer has come: what was typed meanwhile is next. */
    free: () => held && now(),
    drop,
  };
}
