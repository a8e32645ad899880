/**
 * What is asked and which photograph is open, in the address, so that the back button and a kept link work. Each step of
 * the history knows the place in the grid, too.
 */

/** @typedef {{index: number, offset: number}} Place the photograph that is seen first, and where: pixels from the top */

/**
 * @typedef {Object} State
 * @property {string} line the whole line, images included
 * @property {number|null} open the id of the photograph in the viewer
 * @property {(line: string, typing?: boolean) => void} ask
 * @property {(id: number|null) => void} show
 * @property {() => void} remember the place in the grid, for who comes back to this step
 * @property {() => Place|null} arrived the place that was left there, once for each step that somebody comes back to
 * @property {(listener: (what: "line"|"open") => void) => void} onChange
 */

/** Browsers write few addresses a second: that of a line which is being typed waits for a pause. */
const SETTLED_MS = 250;

/** @param {() => Place|null} placeNow @returns {State} */
export function createState(placeNow) {
  history.scrollRestoration = "manual"; // a browser does so before the photographs are there
  /** @type {Place|null} */
  let back = history.state?.place ?? null;
  /** @type {Array<(what: "line"|"open") => void>} */
  const listeners = [];
  const read = () => {
    const asked = new URLSearchParams(location.search);
    const id = Number(asked.get("photo") ?? Number.NaN);
    return { line: asked.get("q") ?? "", open: Number.isSafeInteger(id) && id >= 0 ? id : null };
  };
  let { line, open } = read();
  const tell = (what) => listeners.forEach((listener) => listener(what));

  let later = 0;
  /** Write what is asked into the address. All that is typed in one go is one step of the history. */
  function keep(typing) {
    clearTimeout(later);
    later = 0;
    const entry = { typing };
    if (history.state?.typing) history.replaceState(entry, "", address());
    else history.pushState(entry, "", address());
  }
  const remember = () => !later && history.replaceState({ ...history.state, place: placeNow() }, "");
  const flush = () => later && keep(true);

  function address() {
    const said = new URLSearchParams();
    if (line) said.set("q", line);
    if (open !== null) said.set("photo", String(open));
    return said.size ? `/?${said}` : "/";
  }

  window.addEventListener("pagehide", flush);
  window.addEventListener("popstate", () => {
    clearTimeout(later);
    later = 0;
    const now = read();
    back = now.line === line ? null : history.state?.place ?? null;
    const changed = [now.line !== line && "line", now.open !== open && "open"].filter(Boolean);
    ({ line, open } = now);
    changed.forEach((what) => tell(what));
  });

  return {
    get line() {
      return line;
    },
    get open() {
      return open;
    },
    ask(asked, typing = false) {
      if (asked === line) {
        if (open !== null) this.show(null);
        else if (!typing) {
          flush();
          if (history.state?.typing) history.replaceState({ typing }, "", address());
        }
        return;
      }
      remember();
      back = null;
      const closes = open !== null; // its step of the history stays: back goes to that photograph
      line = asked;
      open = null;
      if (typing && !closes) {
        clearTimeout(later);
        later = setTimeout(flush, SETTLED_MS);
      } else {
        keep(typing);
      }
      tell("line");
      if (closes) tell("open");
    },
    show(id) {
      if (id === open) return;
      flush();
      remember();
      const closing = id === null && history.state?.viewer;
      const moving = id !== null && open !== null;
      open = id;
      if (closing) {
        history.back(); // the step that opened it goes, too
        tell("open");
        return;
      }
      if (moving || id === null) history.replaceState(history.state, "", address());
      else history.pushState({ viewer: true }, "", address());
      tell("open");
    },
    remember,
    arrived() {
      const place = back;
      back = null;
      return place;
    },
    onChange: (listener) => void listeners.push(listener),
  };
}
