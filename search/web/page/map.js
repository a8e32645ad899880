/** The map of the collection: every photograph a point, near those that it is like. */

import { el, fill, iconButton } from "./dom.js";
import { quoted } from "./line.js";
import { inside, nearest, readMap } from "./map_data.js";
import { listenToHands } from "./map_gestures.js";
import { createNames, createThumbnails } from "./map_layers.js";
import { MARK, createPoints } from "./map_points.js";
import { MapView } from "./map_view.js";
import { inPageWords } from "./wording.js";
import { count, photographs } from "./words.js";

const ASK_MS = 500;
const SETTLE_MS = 90;
const REACH = 14;

/**
 * @param {HTMLElement} root
 * @param {import("./api.js").Api} api
 * @param {{open: (id: number) => void, pick: (ids: number[], adds: boolean) => void, picked: (id: number) => boolean, hits: () => number[], ask: (line: string) => void, turned: (shown: boolean) => void, note: (says: string, bad?: boolean) => void}} events
 */
export function createMap(root, api, events) {
  const view = new MapView();
  /** @type {import("./map_data.js").MapData|null} */
  let data = null;
  let hits = new Set();
  let asking = 0;
  let settling = 0;
  let drawing = 0;
  let under = -1;

  const canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { class: "map-points" }));
  const points = createPoints(canvas);
  const pictures = el("div", { class: "map-layer", "aria-hidden": "true" });
  const labels = el("div", { class: "map-layer names", "aria-hidden": "true" });
  const loop = /** @type {HTMLCanvasElement} */ (el("canvas", { class: "map-loop", "aria-hidden": "true" }));
  const hover = /** @type {HTMLImageElement} */ (el("img", { class: "map-hover", alt: "", hidden: true }));
  const cross = el("div", { class: "map-cross", "aria-hidden": "true" });
  const surface = el("div", { class: "map-surface", tabindex: "0", role: "application" }, canvas, pictures, labels, loop, cross, hover);
  const card = el("div", { class: "map-card", role: "status", hidden: true });
  const groups = el("nav", { class: "map-groups", id: "map-groups", "aria-label": "What is on the map", hidden: true });
  const lasso = iconButton("lasso", "Draw around photographs to select them (or drag with Shift)", () => lasso.setAttribute("aria-pressed", String(lasso.getAttribute("aria-pressed") !== "true")), { "aria-pressed": "false" });
  const listed = iconButton("list", "What is on the map, as a list", () => list(groups.hidden), { "aria-expanded": "false", "aria-controls": "map-groups" });
  const tools = el("div", { class: "map-tools-bar", role: "toolbar", "aria-label": "Map" },
    iconButton("plus", "Nearer (+)", () => zoomed(1.6)), iconButton("minus", "Farther (−)", () => zoomed(1 / 1.6)),
    iconButton("whole", "The whole map (0)", () => whole()), lasso, listed, iconButton("close", "Close the map (Esc)", () => show(false)));
  fill(root, surface, tools, groups, card);

  const thumbnails = createThumbnails(pictures, api);
  const names = createNames(labels);
  const markOf = (at) => {
    const id = data?.ids[at] ?? -1;
    return events.picked(id) ? MARK.picked : hits.has(id) ? MARK.hit : MARK.none;
  };

  function draw() {
    drawing = 0;
    if (!data || root.hidden) return;
    const size = Math.min(15, (data.count > 30_000 ? 2.6 : data.count > 3_000 ? 3.6 : 6) * Math.sqrt(view.zoom) ** 0.9);
    points?.draw({ ...view.clip, size: size * density() });
    thumbnails.place(data, view);
    names.place(view);
  }

  function redraw() {
    drawing ||= requestAnimationFrame(draw);
  }

  /** The view has changed: draw at once, and choose what lies over the points when the hand rests. */
  function changed() {
    redraw();
    settling ||= setTimeout(settle, SETTLE_MS);
  }

  function settle() {
    settling = 0;
    if (!data || root.hidden) return;
    thumbnails.choose(data, view, markOf);
    names.choose(data, view);
    redraw();
  }

  const density = () => Math.min(devicePixelRatio, 2);

  function fit() {
    const [width, height] = [surface.clientWidth, surface.clientHeight];
    if (!width || !height) return;
    view.resize(width, height);
    for (const each of [canvas, loop]) [each.width, each.height] = [Math.round(width * density()), Math.round(height * density())];
    changed();
  }

  function mark() {
    if (!data || root.hidden) return;
    points?.fill(data.positions, data.groups, markOf);
    changed();
  }

  function zoomed(factor, left, top) {
    view.zoomAt(factor, left, top);
    unhover();
    changed();
  }

  function whole() {
    view.whole();
    changed();
  }

  const at = (left, top, reach = REACH) => (data ? nearest(data, ...view.toPlace(left, top), reach / view.unit) : -1);

  function unhover() {
    under = -1;
    hover.hidden = true;
    surface.classList.remove("over");
  }

  function hovered(left, top) {
    const found = at(left, top);
    if (found === under) return;
    if (found < 0 || !data) {
      unhover();
      return;
    }
    under = found;
    const [x, y] = view.toPixels(data.positions[2 * found], data.positions[2 * found + 1]);
    hover.src = api.address(`/items/${data.ids[found]}/thumbnail`, { size: 256 });
    hover.style.left = `${Math.max(90, Math.min(view.width - 90, x))}px`;
    hover.style.top = `${y}px`;
    hover.classList.toggle("below", y < 200);
    hover.hidden = false;
    surface.classList.add("over");
  }

  function looped(outline, ended) {
    const context = /** @type {CanvasRenderingContext2D} */ (loop.getContext("2d"));
    context.setTransform(density(), 0, 0, density(), 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    if (ended) {
      if (!data || !outline.length) return;
      const found = inside(data, outline.map(([left, top]) => view.toPlace(left, top)));
      events.pick(found.map((one) => data?.ids[one] ?? -1), true);
      lasso.setAttribute("aria-pressed", "false");
      return;
    }
    const accent = getComputedStyle(root).getPropertyValue("--accent");
    context.beginPath();
    outline.forEach(([left, top], one) => (one ? context.lineTo(left, top) : context.moveTo(left, top)));
    context.closePath();
    Object.assign(context, { fillStyle: accent, strokeStyle: accent, lineWidth: 2, lineJoin: "round", globalAlpha: 0.14 });
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
  }

  listenToHands(surface, {
    pan: (right, down) => { view.pan(right, down); unhover(); changed(); },
    zoom: zoomed,
    whole,
    hover: hovered,
    leave: unhover,
    click: (left, top, adds) => {
      const found = at(left, top, 40) >= 0 && (thumbnailAt(left, top) ?? at(left, top));
      if (typeof found !== "number" || found < 0 || !data) return;
      if (adds) events.pick([data.ids[found]], true);
      else events.open(data.ids[found]);
    },
    loop: looped,
    middle: (picks) => {
      const found = at(view.width / 2, view.height / 2, Infinity);
      if (found < 0 || !data) return;
      if (picks) events.pick([data.ids[found]], true);
      else events.open(data.ids[found]);
    },
    loops: () => lasso.getAttribute("aria-pressed") === "true",
    close: () => show(false),
  });

  /** The point whose thumbnail is under a pixel; null where there is none. */
  function thumbnailAt(left, top) {
    const found = at(left, top, 38);
    return found >= 0 && pictures.childElementCount ? found : null;
  }

  function list(shown) {
    groups.hidden = !shown;
    listed.setAttribute("aria-expanded", String(shown));
    if (!shown) return;
    const coarse = data?.levels ?? [];
    fill(groups, el("h2", {}, "On the map"), ...coarse.slice(0, 2).map(({ clusters }, level) => el("ul", { "aria-label": level ? "Smaller groups" : "Large groups" },
      ...clusters.map((each) => el("li", {}, el("a", {
        href: `/?${new URLSearchParams({ q: quotedName(each.name) })}`,
        on: { click: (event) => { event.preventDefault(); show(false); events.ask(quotedName(each.name)); } },
      }, el("bdi", {}, each.name)), el("span", { class: "says" }, count(each.count)))))));
  }
  const quotedName = (name) => (/^[\p{L} -]+$/u.test(name) ? name : quoted(name));

  /** Say something in the place of the map, or nothing. */
  function say(...children) {
    card.hidden = !children.length;
    root.classList.toggle("blank", children.length > 0); // then there is nothing to move, and room for what is said
    fill(card, ...children);
  }

  const make = () => el("button", {
    type: "button", class: "primary",
    on: { click: async () => { try { state(await api.send("POST", "/map")); } catch (error) { failed(error); } } },
  }, "Make the map");

  function failed(error) {
    say(el("h2", {}, "No map"), el("p", {}, error.message), make());
  }

  async function load() {
    clearTimeout(asking);
    try {
      state(await api.get("/map"));
    } catch (error) {
      failed(error);
    }
  }

  async function state(now) {
    clearTimeout(asking);
    if (root.hidden) return;
    if (now.state === "missing") {
      say(el("h2", {}, "The map of this collection"), el("p", { class: "soft" }, "Every photograph becomes a point, near those that it is like. It is made once, on this machine: about a minute for 10,000 photographs."), make());
    } else if (now.state === "failed") {
      failed({ message: inPageWords(now.problem?.detail ?? "The map could not be made.") });
    } else if (now.state === "computing") {
      const share = now.total ? Math.min(1, now.done / now.total) : undefined;
      say(el("h2", {}, "Making the map"), el("p", { class: "soft" }, `${now.phase ?? "Starting"} …`), el("progress", { max: "1", value: share, "aria-label": "Progress" }));
      asking = setTimeout(load, ASK_MS);
    } else {
      try {
        const [levels, buffer] = await Promise.all([api.get("/map/clusters"), api.bytes("/map/points")]);
        data = readMap(buffer, levels);
      } catch (error) {
        failed(error);
        return;
      }
      if (points || !data.count) say(...(data.count ? [] : [el("h2", {}, "No photographs"), el("p", { class: "soft" }, "Nothing is indexed yet, and the map is empty.")]));
      surface.setAttribute("aria-label", `Map of ${photographs(data.count)}. Arrow keys move it, plus and minus zoom, Enter opens the photograph in the middle, Space selects it.`);
      if (!groups.hidden) list(true);
      fit();
      mark();
    }
  }

  function show(shown) {
    if (shown === !root.hidden) return;
    root.hidden = !shown;
    events.turned(shown);
    if (!shown) {
      clearTimeout(asking);
      unhover();
      return;
    }
    if (!points) {
      surface.setAttribute("aria-label", "Map");
      say(el("h2", {}, "No map"), el("p", {}, "This browser cannot draw it: WebGL 2 is missing or switched off."));
      load().then(() => list(true));
      return;
    }
    surface.setAttribute("aria-label", "Map");
    hits = new Set(events.hits());
    load();
    surface.focus({ preventScroll: true });
  }

  new ResizeObserver(fit).observe(surface);
  addEventListener("theme", mark);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", mark);
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    if (!groups.hidden) list(false);
    else show(false);
  });
  return {
    turn: () => show(root.hidden),
    close: () => show(false),
    get shown() {
      return !root.hidden;
    },
    /** What was asked has an answer: its photographs are marked. */
    hits(ids) {
      hits = new Set(ids);
      mark();
    },
    mark,
    view,
    /** Draw now, and wait for it: for those who measure. */
    paint() {
      draw();
      points?.finish();
    },
  };
}
