/** The grid: of any number of photographs, the rows near the window are in the document, and no others. */

import { el } from "./dom.js";
import { Layout } from "./layout.js";
import { sharpen, tile } from "./tile.js";

const LONG_PRESS_MS = 480;

/**
 * @typedef {Object} GridEvents
 * @property {(index: number) => void} open
 * @property {(index: number, range: boolean) => void} select
 * @property {(index: number) => void} similar
 * @property {(index: number) => void} explain
 * @property {(index: number, early: boolean) => void} ensure `early`: it lies below the window
 * @property {(id: number) => boolean} selected
 * @property {() => boolean} picking whether anything is selected: then a click selects
 * @property {() => void} all select everything
 * @property {() => void} leave upwards, to the box
 */

/**
 * @param {HTMLElement} root
 * @param {import("./api.js").Api} api
 * @param {ReturnType<typeof import("./pictures.js").createPictures>} pictures
 * @param {GridEvents} events
 */
export function createGrid(root, api, pictures, events) {
  /** @type {import("./results.js").Answer|null} */
  let answer = null;
  let layout = new Layout(1, 1, 1);
  /** @type {Map<number, HTMLElement>} rows in the document */
  const shown = new Map();
  /** @type {Map<number, string>} */
  const seen = new Map();
  let active = 0;
  let asked = 0;
  let idle = 0;
  /** @type {Map<string|undefined, HTMLElement>} tiles of the answer before, by the photograph's id */
  let kept = new Map();
  const rest = el("div", { class: "rest", "aria-hidden": "true" });

  let width = root.clientWidth;
  const measures = () => {
    return width < 600 ? { target: Math.max(120, width / 2.9), gap: 3 } : { target: width < 1100 ? 190 : 224, gap: 6 };
  };

  /** @param {boolean} [anew] another answer: what is in the window comes first, and what is around it after a frame */
  function layOut(anew = false) {
    const { top } = root.getBoundingClientRect(); // asked before anything is changed: afterwards it would cost a layout
    const { target, gap } = measures();
    layout = new Layout(Math.max(width, 100), target, gap);
    layout.extend(answer?.photos ?? [], !answer?.more);
    const before = new Map([...root.querySelectorAll(".tile:has(img)")].map((cell) => [/** @type {HTMLElement} */ (cell).dataset.id, cell]));
    shown.forEach((row) => row.remove());
    shown.clear();
    kept = anew ? before : new Map();
    size();
    draw(top, anew ? innerHeight / 4 : innerHeight);
    kept = new Map();
    if (anew) soon();
  }

  /** The height of all of it, and what stands for what is still to come. */
  function size() {
    const total = Math.max(answer?.total ?? 0, answer?.photos.length ?? 0);
    const whole = answer?.more ? Math.max(layout.heightOf(total), layout.height + layout.target * 2) : layout.height;
    root.style.height = `${whole}px`;
    root.setAttribute("aria-rowcount", String(answer?.more ? -1 : layout.rows.length));
    rest.style.top = `${layout.height + layout.gap}px`;
    rest.style.backgroundSize = `${Math.round(layout.target * 1.4)}px ${Math.round(layout.target + layout.gap)}px`;
    rest.hidden = !answer?.more;
  }

  function soon() {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; draw(); });
  }

  function draw(top = root.getBoundingClientRect().top, margin = innerHeight) {
    const from = layout.rowAt(-top - margin);
    const to = layout.rowAt(-top + innerHeight + margin);
    const focused = layout.rowOf(active);
    for (const [at, row] of shown) {
      if ((at < from || at > to) && at !== focused) {
        row.remove();
        shown.delete(at);
      }
    }
    for (let at = from; at <= Math.min(to, layout.rows.length - 1); at += 1) if (!shown.has(at)) show(at);
    if (focused >= 0 && !shown.has(focused)) show(focused);
    const below = -top + innerHeight + 2 * margin;
    if (answer?.more && below > layout.height) {
      const each = layout.height / Math.max(1, layout.count);
      events.ensure(Math.ceil(below / Math.max(each, 1)), layout.height > -top + innerHeight);
    }
    pictures.begin();
    clearTimeout(idle);
    idle = setTimeout(sharpenAll, 140);
  }

  function show(at) {
    const row = layout.rows[at];
    const element = el("div", { class: "row", role: "row", "aria-rowindex": at + 1 });
    element.style.top = `${row.top}px`;
    element.style.height = `${row.height}px`;
    for (let index = row.start; index < row.end; index += 1) {
      const photo = /** @type {import("./results.js").Answer} */ (answer).photos[index];
      const place = { left: row.lefts[index - row.start], width: row.widths[index - row.start], height: row.height };
      element.append(tile(api, photo, index, { ...place, selected: events.selected(photo.id), active: index === active }, seen, pictures, kept.get(String(photo.id))));
    }
    const after = [...shown.keys()].filter((other) => other > at).sort((a, b) => a - b)[0];
    root.insertBefore(element, after === undefined ? rest : /** @type {HTMLElement} */ (shown.get(after)));
    shown.set(at, element);
  }

  function sharpenAll() {
    for (const image of root.querySelectorAll("img.there[data-sharper]")) {
      const { top, bottom } = image.getBoundingClientRect();
      if (bottom > -innerHeight / 2 && top < innerHeight * 1.5) sharpen(/** @type {HTMLImageElement} */ (image), pictures);
    }
    pictures.begin();
    if (root.querySelector("img[data-sharper]:not(.there)")) idle = setTimeout(sharpenAll, 300);
  }

  /** How far down the header lies over the grid. */
  const covered = () => /** @type {HTMLElement} */ (document.getElementById("top")).getBoundingClientRect().bottom;
  const cellOf = (index) => root.querySelector(`.tile[data-index="${index}"]`);
  const indexOf = (event) => Number(event.target.closest(".tile")?.dataset.index ?? -1);

  function go(index, focus = true) {
    if (!answer || !answer.photos.length) return;
    const next = Math.max(0, Math.min(index, answer.photos.length - 1));
    cellOf(active)?.setAttribute("tabindex", "-1");
    active = next;
    const at = layout.rowOf(active);
    if (!shown.has(at)) show(at);
    const cell = /** @type {HTMLElement|null} */ (cellOf(active));
    cell?.setAttribute("tabindex", "0");
    if (!focus || !cell) return;
    cell.focus({ preventScroll: true });
    const { top, bottom } = cell.getBoundingClientRect();
    const least = covered() + 8;
    if (top < least) scrollBy(0, top - least);
    else if (bottom > innerHeight - 8) scrollBy(0, bottom - innerHeight + 8);
  }

  function onKey(event) {
    const index = indexOf(event);
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "a") {
      event.preventDefault();
      events.all();
      return;
    }
    if (index < 0 || event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(innerHeight / (layout.target + layout.gap)) - 1);
    const down = (times, step) => Array.from({ length: times }).reduce((at) => layout.beside(at, step), index);
    const moves = {
      ArrowLeft: () => go(index - 1),
      ArrowRight: () => go(index + 1),
      ArrowDown: () => go(layout.beside(index, 1)),
      ArrowUp: () => (layout.rowOf(index) === 0 ? events.leave() : go(layout.beside(index, -1))),
      PageDown: () => go(down(page, 1)),
      PageUp: () => go(down(page, -1)),
      Home: () => go(event.ctrlKey ? 0 : layout.rows[layout.rowOf(index)].start),
      End: () => go(event.ctrlKey ? answer.photos.length - 1 : layout.rows[layout.rowOf(index)].end - 1),
      Enter: () => events.open(index),
      " ": () => events.select(index, event.shiftKey),
      s: () => events.similar(index),
      e: () => events.explain(index),
    };
    const move = event.ctrlKey && !["Home", "End"].includes(event.key) ? undefined : moves[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  }

  let pressed = 0;
  let pressedLong = false;
  root.addEventListener("pointerdown", (event) => {
    const index = indexOf(event);
    pressedLong = false;
    clearTimeout(pressed);
    if (index < 0 || event.pointerType === "mouse") return;
    pressed = setTimeout(() => {
      pressedLong = true;
      events.select(index, false);
    }, LONG_PRESS_MS);
  });
  for (const ended of ["pointerup", "pointercancel", "pointermove"]) {
    root.addEventListener(ended, (event) => {
      if (event.type !== "pointermove" || Math.hypot(event.movementX, event.movementY) > 4) clearTimeout(pressed);
    });
  }
  root.addEventListener("contextmenu", (event) => pressedLong && event.preventDefault());
  root.addEventListener("click", (event) => {
    const index = indexOf(event);
    if (index < 0 || pressedLong) return;
    go(index, false);
    const picks = event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest(".tick") || events.picking();
    if (picks) events.select(index, event.shiftKey);
    else events.open(index);
  });
  root.addEventListener("keydown", onKey);
  root.addEventListener("focusin", (event) => {
    const index = indexOf(event);
    if (index >= 0 && index !== active) go(index, false);
  });

  addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    const at = answer ? layout.rowAt(-root.getBoundingClientRect().top) : 0;
    const first = layout.rows[at]?.start ?? 0;
    layOut();
    const row = layout.rows[layout.rowOf(first)];
    if (row && first) scrollTo(0, row.top + root.offsetTop - 120);
  }).observe(root);

  root.append(rest);
  return {
    /** A new answer: from its beginning. */
    show(given) {
      answer = given;
      active = 0;
      layOut(true);
    },
    /** The same answer, with more photographs. */
    grow() {
      const open = layout.open ? layout.rows.length - 1 : -1;
      shown.get(open)?.remove();
      shown.delete(open);
      layout.extend(answer?.photos ?? [], !answer?.more);
      size();
      draw();
    },
    /** How many there are is known now. */
    total: size,
    /** The first photograph that is seen, and where; null at the top. @returns {import("./state.js").Place|null} */
    place() {
      const { top } = root.getBoundingClientRect();
      const row = layout.rows[layout.rowAt(-top + covered())];
      return row && scrollY > 0 ? { index: row.start, offset: top + row.top } : null;
    },
    /** Go to such a place again. @param {import("./state.js").Place} place */
    restore({ index, offset }) {
      const row = layout.rows[layout.rowOf(index)];
      if (!row) return;
      scrollTo(0, scrollY + root.getBoundingClientRect().top + row.top - offset);
      draw();
    },
    focus: (index = active) => go(index),
    /** Move there without taking the focus. */
    point: (index) => {
      go(index, false);
      cellOf(index)?.scrollIntoView({ block: "nearest" });
    },
    get active() {
      return active;
    },
    /** What is selected has changed. */
    mark() {
      for (const cell of root.querySelectorAll(".tile")) {
        const tileElement = /** @type {HTMLElement} */ (cell);
        tileElement.setAttribute("aria-selected", String(events.selected(Number(tileElement.dataset.id))));
      }
    },
  };
}
