/** Photographs that are picked, over several searches; what can be done with all of them. */

import { el, fill, iconButton } from "./dom.js";
import { saveAs } from "./saving.js";
import { photographs } from "./words.js";

/** The text in a zip that names what is not there (search/web/archive.py); names of files stand at the end of a zip. */
const LEFT_OUT = "left out.txt";
const END_BYTES = 65_536;

/**
 * @param {HTMLElement} bar
 * @param {import("./api.js").Api} api
 * @param {{changed: () => void, within: (ids: number[]) => void, all: () => void, note: (says: string, bad?: boolean) => void}} events
 */
export function createSelection(bar, api, events) {
  /** @type {Set<number>} */
  const picked = new Set();
  let last = -1;
  const counted = el("strong", {});
  const zip = iconButton("download", "Download as a zip", download, { text: "Download" });
  const paths = iconButton("copy", "Copy their paths", () => copy([...picked]), { text: "Copy paths", hidden: true });
  fill(bar, counted, iconButton("within", "Search within these", () => events.within([...picked]), { text: "Search within" }), zip, paths,
    iconButton("all", "Select all (Ctrl A)", () => events.all(), { text: "All" }), iconButton("close", "Select nothing (Esc)", clear, { text: "Clear" }));

  function changed() {
    const [number, word] = photographs(picked.size).split(" ");
    fill(counted, number, el("span", { class: "word-of" }, ` ${word}`));
    bar.hidden = !picked.size;
    document.body.classList.toggle("picking", picked.size > 0);
    events.changed();
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
      const { content, leftOut } = await api.zip([...picked]);
      saveAs(content, "photographs.zip");
      events.note(await downloaded(content, leftOut), leftOut > 0);
    } catch (error) {
      events.note(error.message, true);
    } finally {
      zip.removeAttribute("disabled");
    }
  }

  /** Copy the paths where the server tells them, else folder and name. @param {number[]} ids */
  async function copy(ids) {
    try {
      const items = await Promise.all(ids.slice(0, 1000).map((id) => api.get(`/items/${id}`, { paths: true })));
      await navigator.clipboard.writeText(items.map(pathOf).join("\n"));
      events.note(ids.length === 1 ? "Its path is copied." : `${ids.length} paths are copied.`);
    } catch (error) {
      events.note(error instanceof DOMException ? "The browser does not let this page copy; allow it and try again." : error.message, true);
    }
  }

  const pathOf = (item) => item.path ?? (item.folder ? `${item.folder}/${item.name}` : item.name);

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

/** What the zip has: the server tells how many it leaves out, and of others, which turn out to be changed, a text in it. */
async function downloaded(content, leftOut) {
  if (leftOut) return `Downloaded without ${photographs(leftOut)}: gone, changed or out of reach; a text in the zip names ${leftOut === 1 ? "it" : "them"}.`;
  const end = await content.slice(-END_BYTES).text();
  return end.includes(LEFT_OUT) ? "Downloaded without some photographs, which a text in the zip names." : "Downloaded.";
}
