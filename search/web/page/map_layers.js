/** What lies over the points: names of groups that do not overlap, and thumbnails where there is room for them. */

import { within } from "./map_data.js";
import { el } from "./dom.js";

const MOST_THUMBNAILS = 140;
/** Pixels of a thumbnail and the room around it: fewer are larger. */
const [SMALLEST, LARGEST] = [76, 148];
/** Points in view up to which thumbnails are shown. */
const FEW = 700;
const FROM_LEVEL = [1, 2.2, 5];

/** @param {HTMLElement} layer */
export function createNames(layer) {
  const context = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  /** @type {Map<string, {element: HTMLElement, x: number, y: number}>} */
  const shown = new Map();

  return {
    /** Choose the names for a view. @param {import("./map_data.js").MapData} data @param {import("./map_view.js").MapView} view */
    choose(data, view) {
      const level = Math.min(data.levels.length, FROM_LEVEL.filter((zoom) => view.zoom >= zoom).length) - 1;
      const taken = [];
      const wanted = new Set();
      for (const [at, { clusters }] of data.levels.entries()) {
        if (at > level) break;
        // The finest level that the zoom has comes first: coarse names only fill what it leaves.
        const { clusters: own } = data.levels[level - at];
        const size = 12.5 + 3.5 * Math.max(0, 1 - at - (level > 0 ? 0.6 : 0));
        context.font = `600 ${size}px system-ui, sans-serif`;
        for (const each of own) {
          const [left, top] = view.toPixels(each.x, each.y);
          if (left < 40 || top < 24 || left > view.width - 40 || top > view.height - 24) continue;
          const half = context.measureText(each.name).width / 2 + 14;
          const box = [left - half, top - 16, left + half, top + 16];
          if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
          taken.push(box);
          wanted.add(each.name);
          let held = shown.get(each.name);
          if (!held) {
            held = { element: el("span", { class: "map-name", dir: "auto" }, each.name), x: each.x, y: each.y };
            shown.set(each.name, held);
            layer.append(held.element);
          }
          held.element.style.fontSize = `${size}px`;
        }
        if (clusters === undefined) break;
      }
      for (const [name, { element }] of shown) {
        if (wanted.has(name)) continue;
        element.remove();
        shown.delete(name);
      }
    },
    place(view) {
      for (const { element, x, y } of shown.values()) {
        const [left, top] = view.toPixels(x, y);
        element.style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px) translate(-50%, -50%)`;
      }
    },
    clear() {
      layer.replaceChildren();
      shown.clear();
    },
  };
}

/** @param {HTMLElement} layer @param {import("./api.js").Api} api */
export function createThumbnails(layer, api) {
  /** @type {Map<number, HTMLImageElement>} by place in the data */
  const shown = new Map();

  function picture(id) {
    const image = /** @type {HTMLImageElement} */ (el("img", { class: "map-thumbnail", alt: "", decoding: "async", draggable: "false" }));
    image.addEventListener("load", () => image.classList.add("there"), { once: true });
    image.src = api.address(`/items/${id}/thumbnail`, { size: 256 });
    return image;
  }

  return {
    /** Choose those of a view: as many as lie apart, marked ones first. @param {(at: number) => number} markOf */
    choose(data, view, markOf) {
      const inView = within(data, view.bounds(SMALLEST / 2));
      const side = Math.round(Math.max(SMALLEST, Math.min(LARGEST, 0.62 * Math.sqrt((view.width * view.height) / (inView.length + 1)))));
      layer.style.setProperty("--side", `${side - 4}px`);
      const wanted = new Set();
      if (inView.length <= FEW) {
        const marked = inView.filter((at) => markOf(at));
        const held = inView.filter((at) => shown.has(at)); // what is there stays: nothing flickers
        const taken = new Map();
        for (const at of [...marked, ...held, ...inView]) {
          if (wanted.size >= MOST_THUMBNAILS) break;
          if (wanted.has(at)) continue;
          const [left, top] = view.toPixels(data.positions[2 * at], data.positions[2 * at + 1]);
          const [column, row] = [Math.floor(left / side), Math.floor(top / side)];
          let free = true;
          for (let x = column - 1; free && x <= column + 1; x += 1) {
            for (let y = row - 1; free && y <= row + 1; y += 1) {
              const near = taken.get(`${x},${y}`);
              if (near && Math.abs(near[0] - left) < side && Math.abs(near[1] - top) < side) free = false;
            }
          }
          if (!free) continue;
          taken.set(`${column},${row}`, [left, top]);
          wanted.add(at);
        }
      }
      for (const [at, image] of shown) {
        if (wanted.has(at)) continue;
        image.remove();
        shown.delete(at);
      }
      for (const at of wanted) {
        let image = shown.get(at);
        if (!image) {
          image = picture(data.ids[at]);
          shown.set(at, image);
          layer.append(image);
        }
        image.classList.toggle("marked", markOf(at) > 0);
      }
    },
    place(data, view) {
      for (const [at, image] of shown) {
        const [left, top] = view.toPixels(data.positions[2 * at], data.positions[2 * at + 1]);
        image.style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px) translate(-50%, -50%)`;
      }
    },
    clear() {
      layer.replaceChildren();
      shown.clear();
    },
  };
}
