/** What is asked and which photograph is open, in the address, so that the back button and a kept link work. */

/**
 * @typedef {Object} State
 * @property {string} line the whole line, images included
 * @property {number|null} open the id of the photograph in the viewer
 * @property {(line: string, typing?: boolean) => void} ask
 * @property {(id: number|null) => void} show
 * @property {(listener: (what: "line"|"open") => void) => void} onChange
 */

/** @returns {State} */
export function createState() {
  /** @type {Array<(what: "line"|"open") => void>} */
  const listeners = [];
  const read = () => {
    const asked = new URLSearchParams(location.search);
    const id = Number(asked.get("photo") ?? Number.NaN);
    return { line: asked.get("q") ?? "", open: Number.isSafeInteger(id) && id >= 0 ? id : null };
  };
  let { line, open } = read();
  const tell = (what) => listeners.forEach((listener) => listener(what));

  function address() {
    const said = new URLSearchParams();
    if (line) said.set("q", line);
    if (open !== null) said.set("photo", String(open));
    return said.size ? `/?${said}` : "/";
  }

  window.addEventListener("popstate", () => {
    const now = read();
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
      const entry = { typing };
      if (asked === line) {
        if (open !== null) this.show(null);
        else if (!typing && history.state?.typing) history.replaceState(entry, "", address());
        return;
      }
      const closes = open !== null; // its step of the history stays: back goes to that photograph
      line = asked;
      open = null;
      // All that is typed in one go is one step of the history.
      if (history.state?.typing) history.replaceState(entry, "", address());
      else history.pushState(entry, "", address());
      tell("line");
      if (closes) tell("open");
    },
    show(id) {
      if (id === open) return;
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
    onChange: (listener) => void listeners.push(listener),
  };
}
