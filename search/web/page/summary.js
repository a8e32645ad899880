/** One line over the photographs: how many, in what order, how well they match; and what is said where there are none. */

import { el, fill } from "./dom.js";
import { count, files, photographs } from "./words.js";

/** A line that is still being typed is wrong for a moment; that is not told at once. */
const PATIENCE_MS = 700;
const NOTHING_MATCHES = "Nothing here matches well; these are the nearest.";

/**
 * @param {{counted: HTMLElement, notes: HTMLElement, empty: HTMLElement}} places
 * @param {ReturnType<typeof import("./notices.js").createNotices>} notices
 * @param {{again: () => void, typing: () => boolean, completing: () => boolean}} events `typing`: whether somebody does;
 * `completing`: whether he is offered how to go on with what he types: until then it is not wrong
 */
export function createSummary({ counted, notes, empty }, notices, events) {
  let timer = 0;
  const renew = el("button", { type: "button", class: "renew", hidden: true, on: { click: () => again() } }, "New photographs: show them");

  function again() {
    renew.hidden = true;
    events.again();
  }

  function sentence(answer) {
    const { photos, total, distinct, line, listing, uncounted } = answer;
    if (!photos.length) return "";
    if (answer.nothingMatches) return "";
    if (!line && total === null) return "The newest first";
    const shown = total ?? photos.length;
    const copies = distinct !== null && distinct < shown;
    const all = `${uncounted ? "More than " : ""}${copies ? `${files(shown)}, ${photographs(distinct)}` : photographs(shown)}`;
    if (!line) return `${all}, the newest first`;
    return listing ? all : total === null || answer.more ? "The nearest first" : `${all}, the nearest first`;
  }

  return {
    /** @param {import("./results.js").Answer} answer */
    show(answer) {
      clearTimeout(timer);
      renew.hidden = true;
      const says = sentence(answer);
      counted.textContent = says;
      fill(notes, answer.nothingMatches && el("p", { class: "nothing" }, NOTHING_MATCHES),
        ...answer.notes.map((note) => el("p", { class: "note", dir: "auto" }, note)),
        answer.cut !== null && el("p", { class: "note" }, `What is less probable than ${Number((100 * answer.cut).toFixed(4))} % is left out; a lower min: sorts more.`), renew);
      document.body.classList.remove("stale");
      empty.hidden = answer.photos.length > 0;
      if (!answer.photos.length) fill(empty, ...absence(answer));
      notices.say(answer.photos.length ? (says ? `${says}.` : NOTHING_MATCHES) : answer.reason ?? "Nothing found.");
    },
    /** How many there are in all is known now. @param {import("./results.js").Answer} answer */
    recount: (answer) => void (counted.textContent = sentence(answer)),
    /** @param {Error} error @param {import("./results.js").Answer|null} before what stays, where that answers another line */
    fail(error, before) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (events.completing()) return this.fail(error, before);
        if (notes.querySelector(".wrong")?.textContent === error.message) return; // it is said, and heard, once
        fill(notes, el("p", { class: "wrong", role: "alert", dir: "auto" }, error.message), before?.photos.length && earlier(before), renew);
        if (!before) return;
        counted.textContent = "";
        empty.hidden = true;
        document.body.classList.add("stale");
      }, events.typing() ? PATIENCE_MS : 0);
    },
    /** The collection has grown: where nobody looks at something else, show it; else offer it. @param {() => boolean} idle */
    grown(idle) {
      if (idle()) events.again();
      else renew.hidden = false;
    },
  };
}

/** What the dimmed photographs are. */
function earlier({ line }) {
  return el("p", { class: "note" }, "Dimmed below: ", line ? "what was found before, for " : "the newest photographs.", line && el("bdi", {}, `“${line}”`), line && ".");
}

function absence(answer) {
  if (answer.line) {
    return [el("h2", {}, "Nothing found"), el("p", { dir: "auto" }, answer.reason ?? "Take a filter away, or say it in other words.")];
  }
  return [el("h2", {}, "No photographs yet"), el("p", {}, "Index a folder in a terminal, and they appear here:"), el("code", {}, "search index FOLDER")];
}
