/** The folders that are indexed, and a run over them: begun, watched and stopped here. */

import { el, fill, iconButton } from "./dom.js";
import { inPageWords } from "./wording.js";
import { count, date, files, isolated, photographs } from "./words.js";

const AGAIN_MS = 4000;
const LONGEST_MS = 60_000;

/**
 * @param {HTMLElement} button of the tools: it shows that a run goes on
 * @param {import("./api.js").Api} api
 * @param {{grown: () => void, ended: (state: Object<string, any>) => void, note: (says: string, bad?: boolean) => void}} events
 */
export function createIndexing(button, api, events) {
  /** @type {EventSource|null} */
  let source = null;
  let state = { state: "idle" };
  let collections = [];
  /** @type {{failed: number, failures: {name: string, folder: string, reason: string}[]}} files that could not be read */
  let unread = { failed: 0, failures: [] };
  /** @type {number|null} */
  let generation = null;
  let opened = false;
  let again = 0;
  let patience = AGAIN_MS;

  const body = el("div", { class: "sheet-body" });
  const dialog = /** @type {HTMLDialogElement} */ (el("dialog", { class: "sheet indexing", "aria-labelledby": "indexing-title" },
    el("header", {}, el("h2", { id: "indexing-title" }, "Collections"), iconButton("close", "Close", () => dialog.close())), body));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);

  const runs = () => state.state === "running" || state.state === "stopping";

  function listen() {
    if (source || document.hidden) return;
    source = new EventSource(api.address("/indexing/events"));
    source.addEventListener("open", () => (patience = AGAIN_MS));
    source.addEventListener("state", (event) => told(JSON.parse(event.data)));
    source.addEventListener("collection", (event) => {
      const now = JSON.parse(event.data).generation;
      if (generation !== null && now !== generation) events.grown(); // the first one says what there is
      generation = now;
    });
    source.addEventListener("error", () => {
      quiet(); // a browser opens few connections to a server; one that is down is asked again after a while
      again = setTimeout(listen, patience);
      patience = Math.min(LONGEST_MS, 2 * patience);
    });
  }

  function quiet() {
    clearTimeout(again);
    source?.close();
    source = null;
  }

  function told(now) {
    const ran = runs();
    state = now;
    button.classList.toggle("busy", runs());
    button.style.setProperty("--done", String(now.total ? now.done / now.total : 0));
    if (ran && !runs()) {
      events.ended(now);
      load();
    }
    if (dialog.open) draw();
  }

  async function load() {
    try {
      [collections, state, unread] = await Promise.all([api.get("/collections"), api.get("/indexing"), api.get("/status")]);
    } catch (error) {
      fill(body, el("p", { class: "soft" }, error.message));
      return;
    }
    if (dialog.open) draw();
  }

  async function start(ids) {
    try {
      told(await api.send("POST", "/indexing", ids ? { collections: ids } : {}));
    } catch (error) {
      events.note(error.message, true);
    }
  }

  async function stop() {
    try {
      await api.send("DELETE", "/indexing");
      told({ ...state, state: "stopping" });
    } catch (error) {
      events.note(error.message, true);
    }
  }

  function progress() {
    if (!runs()) {
      const says = { failed: state.problem, stopped: "Stopped. What was done is kept; the next run goes on there." }[state.state];
      return [says && el("p", { class: state.state === "failed" ? "bad" : "soft" }, inPageWords(typeof says === "string" ? says : says.detail ?? "")), done()];
    }
    const speed = state.images_per_second ? ` · ${Math.round(state.images_per_second)} a second` : "";
    const says = state.total ? `${count(state.done ?? 0)} of ${count(state.total)}${speed}` : "Looking through the folders …";
    return [el("progress", state.total ? { max: state.total, value: state.done ?? 0, "aria-label": "Indexing" } : { "aria-label": "Indexing" }),
      el("p", { class: "soft", "aria-live": "off" }, state.state === "stopping" ? "Stopping …" : [state.phase, says].filter(Boolean).join(": "))];
  }

  function done() {
    const { report } = state;
    if (!report || state.state !== "done") return null;
    const numbers = Object.entries(report).filter(([, value]) => typeof value === "number" && value > 0 && Number.isInteger(value));
    return el("p", { class: "soft" }, numbers.length ? numbers.map(([name, value]) => `${count(value)} ${name.replaceAll("_", " ")}`).join(" · ") : "Nothing has changed.");
  }

  function draw() {
    const focused = /** @type {HTMLElement|null} */ (document.activeElement)?.dataset?.does;
    fill(body,
      el("ul", { class: "collections" }, ...collections.map((each) =>
        el("li", {}, el("div", {}, el("strong", {}, el("bdi", {}, each.name)), el("span", { class: "soft" }, about(each))),
          el("button", { type: "button", class: "plain", disabled: runs() || each.present === false, "aria-label": `Look for changes in ${isolated(each.name)}`, data: { does: `one-${each.id}` }, on: { click: () => start([each.id]) } }, "Look for changes")))),
      !collections.length && el("p", { class: "soft" }, "No folder is indexed yet. In a terminal: search index FOLDER"),
      ...progress(),
      failures(),
      el("div", { class: "sheet-actions" }, runs()
        ? el("button", { type: "button", class: "plain", disabled: state.state === "stopping", data: { does: "run" }, on: { click: stop } }, "Stop")
        : collections.length > 1 && el("button", { type: "button", class: "primary", data: { does: "run" }, on: { click: () => start() } }, "Look through all")));
    if (focused) /** @type {HTMLElement|null} */ (body.querySelector(`[data-does="${CSS.escape(focused)}"]`))?.focus();
  }

  /** Files that could not be read, by name, with the reason of each. */
  function failures() {
    const { failures: named } = unread;
    if (!named.length) return null;
    const many = Math.max(unread.failed, named.length);
    const list = el("details", { class: "failures", open: opened, on: { toggle: (event) => (opened = /** @type {HTMLDetailsElement} */ (event.target).open) } },
      el("summary", {}, `${files(many)} could not be read`),
      el("ul", {}, ...named.map(({ name, folder, reason }) => el("li", {}, el("bdi", {}, folder ? `${folder}/${name}` : name), el("span", { class: "soft" }, inPageWords(reason))))),
      many > named.length && el("p", { class: "soft" }, `These are the first ${count(named.length)}; “search status --failed” in a terminal names all.`));
    return list;
  }

  function about(each) {
    const copies = each.images !== each.photographs;
    const said = [copies ? `${files(each.images)}, ${photographs(each.photographs)}` : photographs(each.images)];
    if (each.present === false) said.push("not there just now");
    if (each.indexed_at) said.push(date(each.indexed_at).day);
    return said.join(" · ");
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? quiet() : listen()));
  addEventListener("pagehide", quiet);
  return {
    /** Follow what happens, from now on: the first photographs come before it. */
    listen,
    open() {
      dialog.showModal();
      draw();
      load();
    },
  };
}
