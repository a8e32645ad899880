/** One photograph, large: zoom, what is known of it, why it was found, and what is like it. */

import { wasDropped } from "./api.js";
import { details } from "./details.js";
import { el, fill, iconButton } from "./dom.js";
import { createExplain } from "./explain.js";
import { saveAs } from "./saving.js";
import { isolated } from "./words.js";
import { createZoom } from "./zoom.js";

const SIMILAR = 12;
/** Formats that every browser shows by itself; of others there is the preview. */
const SHOWN = new Set(["JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP"]);
/** Larger ones take more memory than a browser gives to one picture. */
const MOST_PIXELS = 150e6;

/**
 * @typedef {Object} ViewerEvents
 * @property {(step: number) => number|null} beside the id of the next or previous photograph
 * @property {(id: number|null) => void} show
 * @property {(line: string) => void} ask
 * @property {(id: number) => void} select
 * @property {(id: number) => boolean} selected
 * @property {(id: number) => Object<string, any>|undefined} hit what the answer says of it
 * @property {() => string} line
 * @property {(says: string, bad?: boolean) => void} note
 * @property {(item: Object<string, any>) => Promise<void>} copyPath
 */

/**
 * @param {import("./api.js").Api} api
 * @param {ViewerEvents} events
 */
export function createViewer(api, events) {
  let running = new AbortController();
  /** @type {number|null} */
  let open = null;
  /** @type {Object<string, any>|null} */
  let item = null;
  let explains = false;
  /** @type {"thumbnail"|"preview"|"original"} */
  let shown = "thumbnail";

  const image = /** @type {HTMLImageElement} */ (el("img", { class: "picture", alt: "", draggable: "false" }));
  const frame = el("div", { class: "frame" }, image);
  const problem = el("p", { class: "stage-problem", hidden: true });
  const previous = iconButton("left", "Previous photograph", () => step(-1), { class: "tool turn before" });
  const next = iconButton("right", "Next photograph", () => step(1), { class: "tool turn after" });
  const stage = el("div", { class: "stage", tabindex: "-1" }, frame, problem, previous, next);
  const words = el("section", { class: "why", hidden: true });
  const known = el("div", { class: "known" });
  const like = el("section", { class: "like", hidden: true });
  const title = el("h2", { id: "viewer-title" });
  const link = (name, label, text, attributes) => {
    const button = iconButton(name, label, () => {}, { text });
    return el("a", { class: "tool", "aria-label": label, title: label, ...attributes }, ...button.childNodes);
  };
  const original = link("original", "Open the original in a new tab", "Open", { target: "_blank", rel: "noopener" });
  const download = link("download", "Download the original", "Save", { download: true, on: { click: (event) => save(event) } });
  const why = iconButton("explain", "Why it was found (e)", () => explain(!explains), { text: "Explain", "aria-pressed": "false" });
  const select = iconButton("check", "Select (space)", () => pick(), { text: "Select", "aria-pressed": "false" });
  const shows = iconButton("reveal", "Show in its folder", () => reveal(), { text: "Reveal", hidden: true });
  const copies = iconButton("copy", "Copy its path", () => item && events.copyPath(item), { text: "Path", hidden: true });
  const actions = el("div", { class: "actions", role: "toolbar", "aria-label": "This photograph" }, why,
    iconButton("similar", "Similar photographs (s)", () => similar(), { text: "Similar" }), select, download, original,
    shows, copies);
  const panel = el("aside", { class: "panel", "aria-label": "About this photograph", tabindex: "-1" }, title, words, known, like);
  const dialog = /** @type {HTMLDialogElement} */ (el("dialog", { class: "viewer", "aria-labelledby": "viewer-title" },
    stage, iconButton("close", "Close (Esc)", () => events.show(null), { class: "tool shut" }), panel, actions));
  document.body.append(dialog);
  const zoom = createZoom(stage, frame, { swipe: (by) => step(by), sized: () => sharpen() });
  const explanation = createExplain(frame, words);

  function step(by) {
    const id = events.beside(by);
    if (id !== null) events.show(id);
  }

  function pick() {
    if (open === null) return;
    events.select(open);
    select.setAttribute("aria-pressed", String(events.selected(open)));
  }

  function similar() {
    if (open !== null) events.ask(`like:#${open}`);
  }

  async function reveal() {
    try {
      await api.send("POST", `/items/${open}/reveal`);
    } catch (error) {
      events.note(error.message, true);
    }
  }

  /** The original as a file; the browser says nothing of one that cannot be had, and this does. */
  async function save(event) {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const [id, name] = [open, item?.name ?? title.textContent ?? ""];
    try {
      saveAs(await api.blob(`/items/${id}/original`), name);
    } catch (error) {
      events.note(error.message, true);
    }
  }

  async function explain(on) {
    explains = on;
    why.setAttribute("aria-pressed", String(on));
    if (!on || open === null) return explanation.clear();
    const { signal } = running;
    if (!events.line().trim()) return explanation.refuse("Search with words first: then this shows where each was found.");
    try {
      const got = await api.get(`/items/${open}/explain`, { q: events.line() }, signal);
      if (!signal.aborted) explanation.show(got, shape());
    } catch (error) {
      if (!wasDropped(error)) explanation.refuse(error.message);
    }
  }

  const shape = () => (item?.width ? item.width / item.height : image.naturalWidth / Math.max(1, image.naturalHeight) || 1.5);

  function picture(id, hit) {
    explanation.clear();
    problem.hidden = true;
    shown = "thumbnail";
    item = null;
    image.classList.remove("unseen");
    image.alt = isolated(hit?.name ?? "");
    const known = hit?.aspect ?? (hit?.width ? hit.width / hit.height : 1.5);
    zoom.show(1000 * known, 1000);
    image.src = api.address(`/items/${id}/thumbnail`, { size: 768 });
    const preview = new Image();
    preview.src = api.address(`/items/${id}/preview`);
    preview.decode().then(() => {
      if (open !== id) return;
      if (shown === "original") return;
      image.src = preview.src;
      shown = "preview";
      zoom.show(preview.naturalWidth, preview.naturalHeight, true);
    }, () => open === id && unseen(id));
  }

  /** The original in the place of the preview, where it is shown larger than that has pixels. */
  async function sharpen() {
    if (shown !== "preview" || !item || zoom.shownWidth <= image.naturalWidth || item.width <= image.naturalWidth) return;
    if (!SHOWN.has(String(item.format).toUpperCase()) || item.width * item.height > MOST_PIXELS) return;
    const id = open;
    shown = "original"; // asked for once
    const whole = new Image();
    whole.src = api.address(`/items/${id}/original`);
    try {
      await whole.decode();
      if (open === id) image.src = whole.src;
    } catch {
      // The preview stays.
    }
  }

  async function unseen(id) {
    image.classList.add("unseen");
    try {
      await api.get(`/items/${id}/preview`);
    } catch (error) {
      if (open !== id) return;
      problem.textContent = error.message;
      problem.hidden = false;
    }
  }

  /** Whether there is a photograph on either side. */
  function turns() {
    previous.hidden = events.beside(-1) === null;
    next.hidden = events.beside(1) === null;
  }

  async function load(id) {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    open = id;
    const hit = events.hit(id);
    fill(title, el("bdi", {}, hit?.name ?? ""));
    fill(known);
    like.hidden = true;
    turns();
    select.setAttribute("aria-pressed", String(events.selected(id)));
    original.setAttribute("href", api.address(`/items/${id}/original`));
    download.setAttribute("href", api.address(`/items/${id}/original`, { download: true }));
    picture(id, hit);
    if (explains) explain(true);
    try {
      item = { ...(await api.get(`/items/${id}`, {}, signal)), ...strengthOf(hit) };
      if (signal.aborted) return;
      zoom.upTo(item.width ?? 0);
      sharpen();
      fill(title, el("bdi", {}, item.name));
      image.alt = [item.name, ...(item.captions ?? []).map((caption) => caption.text ?? caption)].map(isolated).join(". ").slice(0, 300);
      fill(known, ...details(item, events.ask));
      strip(await api.get(`/items/${id}/similar`, { k: SIMILAR }, signal));
    } catch (error) {
      if (!wasDropped(error)) fill(known, el("p", { class: "soft" }, error.message));
    }
  }

  const strengthOf = (hit) => (hit ? { probability: hit.probability, match: hit.match, found_by: hit.foundBy } : {});

  function strip(answer) {
    const near = answer.hits.filter((hit) => hit.kind !== "text");
    like.hidden = !near.length;
    fill(like, el("h3", {}, "Similar photographs"), el("div", { class: "strip" }, ...near.map((hit) => {
      const thumbnail = /** @type {HTMLImageElement} */ (el("img", { src: api.address(`/items/${hit.id}/thumbnail`, { size: 256 }), alt: "", loading: "lazy" }));
      const button = el("button", { type: "button", class: "near", "aria-label": isolated(hit.name), title: isolated(hit.name), on: { click: () => events.show(hit.id) } }, thumbnail);
      thumbnail.addEventListener("error", () => button.classList.add("unseen"));
      return button;
    })));
  }

  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    events.show(null);
  });
  document.addEventListener("keydown", (event) => {
    if (!dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
    const onButton = /** @type {Element} */ (event.target).closest("button, a") !== null;
    const keys = {
      ArrowLeft: () => step(-1), ArrowRight: () => step(1), s: similar, e: () => explain(!explains),
      "+": zoom.in, "=": zoom.in, "-": zoom.out, "0": zoom.reset, ...(onButton ? {} : { " ": pick }),
    };
    const key = keys[event.key];
    if (!key) return;
    event.preventDefault();
    key();
  });

  return {
    /** @param {number|null} id @param {boolean} [explained] */
    show(id, explained) {
      if (explained !== undefined) {
        explains = explained;
        why.setAttribute("aria-pressed", String(explained));
      }
      if (id === null) {
        running.abort();
        open = null;
        item = null;
        explanation.clear();
        if (dialog.open) dialog.close();
        return;
      }
      if (!dialog.open) {
        dialog.showModal();
        stage.focus();
      }
      panel.scrollTop = 0;
      load(id);
    },
    /** The answer has changed around what is open. */
    beside: () => void (open !== null && turns()),
    /** What the server does for this browser; nothing else is offered. @param {{paths: boolean, reveal: boolean}} can */
    offer(can) {
      shows.hidden = !can.reveal;
      copies.hidden = !can.paths;
    },
  };
}
