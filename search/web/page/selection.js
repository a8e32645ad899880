/** Photographs that are picked, over several searches; what can be done with all of them. */

import { el, fill, iconButton } from "./dom.js";
import { count, photographs } from "./words.js";

/** Photographs that are searched within: as many as the language takes ids. */
const MOST_WITHIN = 1000;
/** Photographs of one zip (`download_files` in search/web/settings.py). */
const MOST_ZIPPED = 1000;
/** What takes no longer is not told on its way. */
const QUICK_MS = 500;

/**
 * @param {HTMLElement} bar
 * @param {import("./api.js").Api} api
 * @param {{changed: () => void, within: (ids: number[]) => void, all: () => void, note: (says: string, bad?: boolean) => void}} events
 */
export function createSelection(bar, api, events) {
  /** @type {Set<number>} */
  const picked = new Set();
  let last = -1;
  /** @type {ReturnType<typeof import("./zips.js").createZips>|null} those of this selection, once the first is wanted */
  let zips = null;
  const counted = el("strong", {});
  const within = iconButton("within", "Search within these", searchWithin, { text: "Search within" });
  const zip = iconButton("download", "Download as a zip", download, { text: "Download" });
  const paths = iconButton("copy", "Copy their paths", () => copy([...picked]), { text: "Copy paths", hidden: true });
  fill(bar, counted, within, zip, paths,
    iconButton("all", "Select all (Ctrl A)", () => events.all(), { text: "All" }), iconButton("close", "Select nothing (Esc)", clear, { text: "Clear" }));

  function changed() {
    const [number, word] = photographs(picked.size).split(" ");
    fill(counted, number, el("span", { class: "word-of" }, ` ${word}`));
    bar.hidden = !picked.size;
    document.body.classList.toggle("picking", picked.size > 0);
    zips = null;
    limits();
    events.changed();
  }

  /** What cannot be done with so many is said before somebody wants it, and how the rest is done. */
  function limits() {
    const many = picked.size > MOST_WITHIN;
    const all = zips?.all ?? Math.ceil(picked.size / MOST_ZIPPED);
    const next = `zip ${count((zips?.done ?? 0) + 1)} of ${count(all)}`;
    within.setAttribute("aria-disabled", String(many));
    say(within, many ? tooMany() : "Search within these", many ? `Search within (up to ${count(MOST_WITHIN)})` : "Search within");
    say(zip, all > 1 ? `Download ${next}; one has up to ${photographs(MOST_ZIPPED)}` : "Download as a zip", all > 1 ? `Download ${next}` : "Download");
  }

  const tooMany = () => `Search within takes up to ${photographs(MOST_WITHIN)}; select fewer`;

  function say(button, label, caption) {
    button.setAttribute("aria-label", label);
    button.title = label;
    fill(/** @type {Element} */ (button.querySelector(".caption")), caption);
  }

  function searchWithin() {
    if (picked.size > MOST_WITHIN) events.note(`${tooMany()}.`, true);
    else events.within([...picked]);
  }

  function clear() {
    picked.clear();
    last = -1;
    changed();
  }

  async function download() {
    zip.setAttribute("disabled", "");
    events.note("Packing the photographs …");
    try {
      const { createZips } = await import("./zips.js");
      const mine = (zips ??= createZips(api, [...picked], MOST_ZIPPED));
      try {
        const saved = await mine.next();
        events.note(downloaded(saved), saved.named);
      } finally {
        if (zips === mine && mine.done === mine.all) zips = null; // the next press begins anew
      }
    } catch (error) {
      events.note(error.message, true);
    } finally {
      zip.removeAttribute("disabled");
      limits();
    }
  }

  /** Copy the paths where the server tells them, else folder and name. @param {number[]} ids */
  async function copy(ids) {
    const begun = performance.now();
    const tell = (done) => performance.now() - begun > QUICK_MS && events.note(`Reading paths: ${count(done)} of ${count(ids.length)} …`);
    try {
      const { pathsOf } = await import("./paths.js");
      const found = await pathsOf(api, ids, tell);
      if (!found.length) return events.note("Nothing is copied: none of these is in the index any more; search anew.", true);
      await navigator.clipboard.writeText(found.join("\n"));
      events.note(ids.length === 1 ? "Its path is copied." : found.length === 1 ? "1 path is copied." : `${count(found.length)} paths are copied.`);
    } catch (error) {
      events.note(error instanceof DOMException ? "The browser does not let this page copy; allow it and try again." : error.message, true);
    }
  }

  return {
    has: (id) => picked.has(id),
    /** Pick it, or no longer. @param {number} id */
    turn(id) {
      if (!picked.delete(id)) picked.add(id);
      changed();
    },
    /** Pick all of these. @param {number[]} ids */
    add(ids) {
      ids.forEach((id) => picked.add(id));
      changed();
    },
    /** As a click on the photograph at `index` does; with `range` all from the last one to it. */
    pick(photos, index, range) {
      if (range && last >= 0) {
        for (let at = Math.min(last, index); at <= Math.max(last, index); at += 1) if (photos[at]) picked.add(photos[at].id);
      } else if (!picked.delete(photos[index].id)) {
        picked.add(photos[index].id);
      }
      last = index;
      changed();
    },
    /** Places of the last answer mean nothing in the next one. */
    moved: () => void (last = -1),
    copy,
    /** What the server does for this browser. @param {{paths: boolean}} can */
    offer: (can) => void (paths.hidden = !can.paths),
    clear,
    get size() {
      return picked.size;
    },
  };
}

/** @param {import("./zips.js").Saved} saved */
function downloaded({ number, all, leftOut, named }) {
  const done = all > 1 ? `Downloaded zip ${count(number)} of ${count(all)}` : "Downloaded";
  const without = leftOut ? ` without ${photographs(leftOut)}: gone, changed or out of reach; a text in the zip names ${leftOut === 1 ? "it" : "them"}`
    : named ? " without some photographs, which a text in the zip names" : "";
  return `${done}${without}.${number < all ? " The same button fetches the next." : ""}`;
}
