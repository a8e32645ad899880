/** Puts the parts together: each knows its own subject, and tells this what happened. */

import { createApi } from "./api.js";
import { createBox } from "./box.js";
import { createChips } from "./chips.js";
import { byId, el, icon, iconButton } from "./dom.js";
import { createFields } from "./fields.js";
import { createGrid } from "./grid.js";
import { createHelp } from "./help.js";
import { createHistogram } from "./histogram.js";
import { createIndexing } from "./indexing.js";
import { listenForKeys } from "./keys.js";
import { and, instead } from "./line.js";
import { createNotices } from "./notices.js";
import { createQueryImage } from "./query_image.js";
import { createResults } from "./results.js";
import { createSelection } from "./selection.js";
import { createState } from "./state.js";
import { createSummary } from "./summary.js";
import { createTheme } from "./theme.js";
import { createViewer } from "./viewer.js";

const DATES = "dates";

async function main() {
  const api = createApi();
  const state = createState();
  const fields = createFields(api);
  const notices = createNotices({ banner: byId("banner"), live: byId("live"), toast: byId("toast") });
  const failed = (error) => notices.note(error.message, true);
  const ask = (line, typing = false) => state.ask(line, typing);
  let explainNext = false;

  const summary = createSummary({ counted: byId("counted"), notes: byId("summary"), empty: byId("empty") }, notices, { again: () => results.run(state.line) });
  const results = createResults(api, {
    first: (answer) => {
      document.body.classList.remove("waiting");
      selection.moved();
      grid.show(answer);
      summary.show(answer);
      if (state.open === null) scrollTo(0, 0);
    },
    next: () => grid.grow(),
    failed: (error) => {
      document.body.classList.remove("waiting");
      summary.fail(error);
    },
  });
  const photo = (index) => results.answer?.photos[index];
  const selection = createSelection(byId("picked"), api, { changed: () => grid.mark(), note: notices.note });
  const grid = createGrid(byId("grid"), api, {
    open: (index) => opened(index, false),
    explain: (index) => opened(index, true),
    similar: (index) => ask(`like:#${photo(index)?.id}`),
    select: (index, range) => selection.pick(results.answer?.photos ?? [], index, range),
    selected: (id) => selection.has(id),
    ensure: (index) => results.ensure(index),
    leave: () => box.focus(),
  });
  const viewer = createViewer(api, {
    show: (id) => state.show(id),
    ask,
    beside: (step) => {
      const index = grid.active + step;
      if (step > 0) results.ensure(index + 8);
      return photo(index)?.id ?? null;
    },
    select: (id) => selection.turn(id),
    selected: (id) => selection.has(id),
    hit: (id) => results.answer?.photos.find((each) => each.id === id),
    line: () => state.line,
    note: notices.note,
    copyPath: (item) => selection.copy([item.id]),
  });

  function opened(index, explained) {
    explainNext = explained;
    const chosen = photo(index);
    if (chosen) state.show(chosen.id);
  }

  const box = createBox(byId("box"), fields, {
    ask,
    down: () => grid.focus(),
    image: () => images.choose(),
  });
  const chips = createChips(byId("chips"), api, fields, { ask, begin: (text) => box.begin(text), focus: () => box.focus() });
  const images = createQueryImage(byId("drop"), api, {
    busy: (says) => notices.note(says),
    failed,
    add: (part) => {
      notices.hush();
      ask(and(box.line, part));
      box.focus();
    },
  });
  const help = createHelp(fields, {
    ask,
    image: (words) => {
      ask(words);
      images.choose();
    },
  });
  const histogram = createHistogram(byId("dates"), api, fields.known, {
    range: (part) => ask(instead(state.line, fields.known, ["in", "year", "after", "before"], part)),
    failed,
  });

  const tools = byId("tools");
  const datesTool = iconButton("dates", "Dates", () => showDates(byId("dates").hidden), { text: "Dates", "aria-expanded": "false", "aria-controls": "dates" });
  const library = iconButton("library", "Collections", () => indexing.open(), { text: "Collections", class: "tool library" });
  const theme = iconButton("theme", "Colours", () => {}, { text: "Colours" });
  tools.append(datesTool, library, theme, iconButton("help", "Help (?)", () => help.open(), { text: "Help" }));
  createTheme(theme);
  byId("home").append(icon("aperture"));
  byId("home").addEventListener("click", (event) => {
    event.preventDefault();
    ask("");
    scrollTo(0, 0);
  });

  function showDates(shown) {
    byId("dates").hidden = !shown;
    datesTool.setAttribute("aria-expanded", String(shown));
    try {
      localStorage.setItem(DATES, shown ? "shown" : "hidden");
    } catch {
      // Then it is for this visit.
    }
    if (shown) histogram.show(state.line);
  }

  const indexing = createIndexing(library, api, {
    grown: () => summary.grown(() => !state.line && scrollY < 200 && state.open === null && !selection.size),
    ended: () => {
      histogram.forget();
      if (!byId("dates").hidden) histogram.show(state.line);
    },
    note: notices.note,
  });

  function asked() {
    document.body.classList.add("waiting");
    document.title = state.line ? `${state.line} – Photographs` : "Photographs";
    box.show(state.line);
    chips.show(state.line);
    results.run(state.line);
    if (!byId("dates").hidden) histogram.show(state.line);
  }

  function shown() {
    const index = results.answer?.photos.findIndex((each) => each.id === state.open) ?? -1;
    if (index >= 0) grid.point(index);
    const at = grid.active;
    viewer.show(state.open, explainNext || undefined);
    explainNext = false;
    if (state.open === null) grid.focus(at); // not where the viewer was opened: where it was closed
  }

  state.onChange((what) => (what === "line" ? asked() : shown()));
  let away = false;
  api.onReach((there) => {
    notices.reach(there);
    if (there && away) asked();
    away = !there;
  });
  listenForKeys({
    "/": () => box.focus(),
    "?": () => help.open(),
    Escape: () => selection.size && selection.clear(),
    ArrowDown: () => grid.focus(),
  });

  const stored = (() => {
    try {
      return localStorage.getItem(DATES);
    } catch {
      return null;
    }
  })();
  byId("dates").hidden = stored ? stored === "hidden" : innerWidth < 700;
  datesTool.setAttribute("aria-expanded", String(!byId("dates").hidden));
  if (!state.line) asked(); // the newest photographs need no fields: nothing waits for them
  await fields.load().catch(failed);
  if (state.line) asked();
  else chips.show("");
  if (state.open !== null) viewer.show(state.open);
}

main();
