/** One line over the photographs: how many, in what order, how well they match; and what is said where there are none. */

import { el, fill } from "./dom.js";
import { count, files, photographs } from "./words.js";

/** A line that is still being typed is wrong for a moment; that is not told at once. */
const PATIENCE_MS = 700;

/**
 * @param {{counted: HTMLElement, notes: HTMLElement, empty: HTMLElement}} places
 * @param {ReturnType<typeof import("./notices.js").createNotices>} notices
 * @param {{again: () => void}} events
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
      fill(notes, answer.nothingMatches && el("p", { class: "nothing" }, "Nothing here matches well; these are the nearest."),
        ...answer.notes.map((note) => el("p", { class: "note", dir: "auto" }, note)), renew);
      empty.hidden = answer.photos.length > 0;
      if (!answer.photos.length) fill(empty, ...absence(answer));
      notices.say(answer.photos.length ? `${says || "Nothing here matches well; these are the nearest"}. ${count(answer.photos.length)} shown.` : answer.reason ?? "Nothing found.");
    },
    /** How many there are in all is known now. @param {import("./results.js").Answer} answer */
    recount: (answer) => void (counted.textContent = sentence(answer)),
    /** @param {Error} error */
    fail(error) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        fill(notes, el("p", { class: "wrong", role: "alert", dir: "auto" }, error.message), renew);
      }, PATIENCE_MS);
    },
    /** The collection has grown: where nobody looks at something else, show it; else offer it. @param {() => boolean} idle */
    grown(idle) {
      if (idle()) events.again();
      else renew.hidden = false;
    },
  };
}

function absence(answer) {
  if (answer.line) {
    return [el("h2", {}, "Nothing found"), el("p", { dir: "auto" }, answer.reason ?? "Take a filter away, or say it in other words.")];
  }
  return [el("h2", {}, "No photographs yet"), el("p", {}, "Index a folder in a terminal, and they appear here:"), el("code", {}, "search index FOLDER")];
}
