/** Puts the parts together: each knows its own subject, and tells this what happened. */

import { createApi } from "./api.js";
import { createBox } from "./box.js";
import { createChips } from "./chips.js";
import { byId, el, icon, iconButton } from "./dom.js";
import { createFields } from "./fields.js";
import { createGrid } from "./grid.js";
import { createHistogram } from "./histogram.js";
import { createIndexing } from "./indexing.js";
import { listenForKeys } from "./keys.js";
import { lazily } from "./lazily.js";
import { and, instead, split } from "./line.js";
import { createNotices } from "./notices.js";
import { createPictures } from "./pictures.js";
import { createQueryImage } from "./query_image.js";
import { createResults } from "./results.js";
import { createSelection } from "./selection.js";
import { createState } from "./state.js";
import { createSummary } from "./summary.js";
import { createTheme } from "./theme.js";
import { isolated, photographs } from "./words.js";

/** Hits that the map marks. */
const MARKED = 300;
/** The place in the grid is written down when scrolling has ended: browsers take few such notes a second. */
const REMEMBERED_MS = 200;
/** Photographs that are selected at once. */
const MOST_SELECTED = 10_000;

async function main() {
  const api = createApi();
  const state = createState(() => grid.place());
  const fields = createFields(api);
  const notices = createNotices({ banner: byId("banner"), live: byId("live"), toast: byId("toast") });
  const failed = (error) => notices.note(error.message, true);
  let typed = false; // what is asked, letter by letter
  const ask = (line, typing = false) => {
    typed = typing;
    state.ask(line, typing);
  };
  let explainNext = false;
  let coming = null; // the answer in which somebody is not yet where he was: no place is written down before
  const summary = createSummary({ counted: byId("counted"), notes: byId("summary"), empty: byId("empty") }, notices, { again: () => results.run(state.line), typing: () => typed, completing: () => box.completing });
  const pictures = createPictures();
  const results = createResults(api, {
    begun: () => pictures.hold(),
    calm: () => pictures.calm(),
    first: (answer) => {
      document.body.classList.remove("waiting");
      selection.moved();
      const place = state.arrived();
      if (state.open === null && !place && scrollY) scrollTo(0, 0);
      grid.show(answer);
      if (place) comeBack(answer, place);
      else pointed();
      summary.show(answer);
      pictures.release();
      box.free();
      marked();
      pictures.calm().then(indexing.listen);
    },
    total: (answer) => {
      grid.total();
      summary.recount(answer);
    },
    next: () => {
      grid.grow();
      marked();
    },
    failed: (error, stale) => {
      document.body.classList.remove("waiting");
      pictures.release();
      summary.fail(error, stale ? results.answer : null);
      box.free();
      marked();
    },
  });
  /** To where somebody was in an answer, once so much of it is there. */
  async function comeBack(answer, place) {
    coming = answer;
    await results.ensure(place.index + 1);
    if (answer !== results.answer) return;
    grid.restore(place);
    coming = null;
    pointed();
  }
  const indexOfOpen = () => results.answer?.photos.findIndex((each) => each.id === state.open) ?? -1;
  /** The photograph that is open is the one that the grid stands at. */
  function pointed() {
    const index = indexOfOpen();
    if (index >= 0) grid.point(index);
    viewer.now?.beside();
  }
  /** The answer, where it is one to what is asked now. */
  const answered = () => (results.answer?.line === state.line ? results.answer : null);
  const photo = (index) => results.answer?.photos[index];
  const selection = createSelection(byId("picked"), api, {
    changed: () => {
      grid.mark();
      map.now?.mark();
    },
    within: (ids) => {
      selection.clear();
      map.now?.close();
      const { text } = split(state.line, fields.known);
      ask(and(text, `id:${ids.join(",")}`)); // one id, too, is a filter
      box.focus();
    },
    all: selectAll,
    note: notices.note,
  });
  /** All of a listing, to its end; of a ranking, which has none, those that are there and match. */
  async function selectAll() {
    const mine = results.answer;
    if (!mine?.photos.length) return;
    if (mine.listing) await results.ensure(MOST_SELECTED - 1);
    if (mine !== results.answer) return;
    const there = mine.photos.slice(0, MOST_SELECTED);
    const match = there.filter((each) => !each.weak);
    selection.add((mine.listing || !match.length ? there : match).map((each) => each.id));
    if (mine.listing && (mine.more || mine.photos.length > MOST_SELECTED)) notices.note(`The first ${photographs(there.length)} are selected.`);
  }
  const grid = createGrid(byId("grid"), api, pictures, {
    open: (index) => opened(index, false),
    explain: (index) => opened(index, true),
    similar: (index) => ask(`like:#${photo(index)?.id}`),
    select: (index, range) => selection.pick(results.answer?.photos ?? [], index, range),
    selected: (id) => selection.has(id),
    picking: () => selection.size > 0,
    all: selectAll,
    ensure: (index, early) => results.ensure(index, early),
    leave: () => box.focus(),
  });
  const map = lazily("map", () => import("./map.js"), ({ createMap }) => createMap(byId("map"), api, {
    open: (id) => state.show(id),
    pick: (ids) => selection.add(ids),
    picked: (id) => selection.has(id),
    hits: () => hits(),
    ask,
    turned: (shown) => {
      document.body.classList.toggle("mapping", shown);
      byId("main").toggleAttribute("inert", shown);
      mapTool.setAttribute("aria-pressed", String(shown));
      if (shown) {
        layMap();
        if (state.line) results.ensure(MARKED);
      } else if (state.open === null) {
        mapTool.focus();
      }
    },
    note: notices.note,
  }));
  const turnMap = () => map.get().then((made) => made.turn(), failed);
  /** What the map marks: the photographs of the answer, where something was asked. */
  const hits = () => (state.line ? (answered()?.photos ?? []).slice(0, MARKED).filter((hit) => !hit.weak).map((hit) => hit.id) : []);
  function marked() {
    if (!map.now?.shown) return;
    map.now.hits(hits());
    if (state.line) results.ensure(MARKED);
  }
  const layMap = () => byId("map").style.setProperty("--top", `${byId("top").getBoundingClientRect().bottom}px`);
  new ResizeObserver(layMap).observe(byId("top"));

  const viewer = lazily("viewer", () => import("./viewer.js"), ({ createViewer }) => createViewer(api, {
    show: (id) => state.show(id),
    ask,
    beside: (step) => {
      const at = indexOfOpen();
      if (at < 0) return null;
      const index = at + step;
      if (step > 0) results.ensure(index + 8);
      return photo(index)?.id ?? null;
    },
    select: (id) => selection.turn(id),
    selected: (id) => selection.has(id),
    hit: (id) => answered()?.photos.find((each) => each.id === id),
    line: () => state.line,
    note: notices.note,
    copyPath: (item) => selection.copy([item.id]),
  }));
  /** @param {boolean} [explained] */
  async function view(explained) {
    const made = state.open === null ? viewer.now : await viewer.get().catch(failed);
    made?.show(state.open, explained);
  }

  function opened(index, explained) {
    explainNext = explained;
    const chosen = photo(index);
    if (chosen) state.show(chosen.id);
  }

  const box = createBox(byId("box"), fields, {
    ask,
    failed,
    busy: () => results.asking,
    down: () => grid.focus(),
    image: () => images.choose(),
  });
  const chips = createChips(byId("chips"), api, fields, { ask, begin: (text) => box.begin(text), focus: () => box.resume() });
  const images = createQueryImage(byId("drop"), api, {
    busy: (says) => notices.note(says),
    failed,
    add: (part) => {
      notices.hush();
      ask(and(box.line, part));
      box.focus();
    },
  });
  const help = lazily("help", () => import("./help.js"), ({ createHelp }) => createHelp(fields, {
    ask,
    photograph: () => photo(grid.active)?.id ?? null,
  }));
  const openHelp = () => help.get().then((made) => made.open(), failed);
  const histogram = createHistogram(byId("dates"), api, fields.known, {
    range: (part) => ask(instead(state.line, fields.known, ["in", "year", "after", "before"], part)),
    line: () => state.line,
  });

  const tools = byId("tools");
  const library = iconButton("library", "Collections", () => indexing.open(), { text: "Collections", class: "tool library" });
  const theme = iconButton("theme", "Colours", () => {}, { text: "Colours" });
  const mapTool = iconButton("atlas", "Map of the collection (m)", turnMap, { text: "Map", "aria-pressed": "false" });
  tools.append(histogram.tool, mapTool, library, theme, iconButton("help", "Help (?)", openHelp, { text: "Help" }));
  createTheme(theme);
  byId("home").append(icon("aperture"));
  byId("home").addEventListener("click", (event) => {
    event.preventDefault();
    ask("");
    scrollTo(0, 0);
  });

  const indexing = createIndexing(library, api, {
    grown: () => summary.grown(() => !state.line && scrollY < 200 && state.open === null && !selection.size),
    ended: () => {
      histogram.forget();
      histogram.show(state.line);
    },
    note: notices.note,
  });

  function asked() {
    document.body.classList.add("waiting");
    document.title = state.line ? `${isolated(state.line)} – Photographs` : "Photographs";
    box.show(state.line);
    results.run(state.line);
    if (fields.known.size) parted();
  }

  /** What shows the parts of the line. */
  function parted() {
    chips.show(state.line);
    histogram.show(state.line);
  }

  function shown() {
    if (!results.asking) pointed();
    const at = grid.active;
    view(explainNext || undefined);
    explainNext = false;
    if (state.open === null && !results.asking) grid.focus(at); // not where the viewer was opened: where it was closed
  }

  state.onChange((what) => (what === "line" ? asked() : shown()));
  let scrolled = 0;
  addEventListener("scroll", () => {
    clearTimeout(scrolled);
    scrolled = setTimeout(() => results.asking || results.fetching || coming === results.answer || state.remember(), REMEMBERED_MS);
  }, { passive: true });
  let away = false;
  api.onReach((there) => {
    notices.reach(there);
    if (there && away) asked();
    away = !there;
  });
  listenForKeys({
    "/": () => box.focus(),
    "?": openHelp,
    m: turnMap,
    Escape: () => map.now?.shown ? map.now.close() : selection.size && selection.clear(),
    ArrowDown: () => grid.focus(),
  });

  asked(); // photographs wait for nothing; what shows the fields of the line comes when they are known
  if (state.open !== null) view();
  await fields.load().catch(failed);
  chips.show(state.line);
  await pictures.calm();
  parted();
  api.get("/health").then((can) => {
    selection.offer(can);
    viewer.get().then((made) => made.offer(can), failed);
  }, failed);
  for (const each of [viewer, map, help]) await each.get().catch(() => {}); // said where it is wanted
}

main();
