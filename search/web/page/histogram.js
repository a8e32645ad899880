/** When the photographs were taken, as bars; a range of them, brushed or moved with keys, becomes a filter. */

import { el, fill, iconButton, svg } from "./dom.js";
import { keep, kept } from "./kept.js";
import { filters, parts } from "./line.js";
import { count } from "./words.js";

const DATES = "dates";
/** Pixels of a window from which it is shown where nobody has said. */
const WIDE = 700;
const HEIGHT = 52;
/** Pixels from which a press is a drag. */
const DRAGGED = 4;
/** More months than this are told by their years. */
const MOST_MONTHS = 300;
const MONTHS = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const MONTH = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });

/**
 * @param {HTMLElement} root
 * @param {import("./api.js").Api} api
 * @param {Set<string>} known names of fields
 * @param {{range: (part: string) => void, line: () => string}} events
 */
export function createHistogram(root, api, known, events) {
  /** @type {{start: string, count: number}[]} every bucket from the first to the last, empty ones too */
  let buckets = [];
  let by = "month";
  let asked = "\0";
  let running = new AbortController();
  /** @type {[number, number]} the first bucket that is wanted, and the last */
  let range = [0, 0];
  let narrowed = false;

  const bars = svg("svg", { class: "bars", preserveAspectRatio: "none", "aria-hidden": "true" });
  const brush = el("div", { class: "brush", "aria-hidden": "true", hidden: true });
  const axis = el("div", { class: "axis", "aria-hidden": "true" });
  const hint = el("output", { class: "hint", "aria-hidden": "true" });
  const handle = (end, label) => el("button", { type: "button", class: "handle", role: "slider", "aria-label": label, "aria-orientation": "horizontal", data: { end: String(end) } });
  const handles = [handle(0, "From"), handle(1, "To")];
  const plot = el("div", { class: "plot" }, bars, brush, ...handles, hint);
  const says = el("p", { class: "few", hidden: true });
  fill(root, says, plot, axis);
  const tool = iconButton("dates", "Dates", () => {
    turn(root.hidden);
    keep(DATES, root.hidden ? "hidden" : "shown");
    show(events.line());
  }, { text: "Dates", "aria-expanded": "false", "aria-controls": root.id });
  function turn(shown) {
    root.hidden = !shown;
    tool.setAttribute("aria-expanded", String(shown));
  }

  async function show(line) {
    if (root.hidden) return;
    const where = filters(line, known, ["in", "year", "after", "before"]);
    const wanted = current(line);
    if (where !== asked) {
      asked = where;
      running.abort();
      running = new AbortController();
      const { signal } = running;
      try {
        const got = await api.get("/histogram", { by: "month", where }, signal);
        if (signal.aborted) return;
        buckets = filled(got);
        tellFew();
        drawBars();
      } catch (error) {
        if (!signal.aborted) asked = "\0";
        return; // the search says what is wrong with the line
      }
    }
    setRange(wanted);
  }

  function filled(got) {
    const dated = got.filter((bucket) => bucket.count > 0).sort((a, b) => (a.start < b.start ? -1 : 1));
    if (!dated.length) return [];
    const number = (start) => 12 * Number(start.slice(0, 4)) + Number(start.slice(5, 7)) - 1;
    const [first, last] = [number(dated[0].start), number(dated.at(-1).start)];
    by = last - first > MOST_MONTHS ? "year" : "month";
    const size = by === "year" ? 12 : 1;
    const begin = Math.floor(first / size);
    const every = Array.from({ length: Math.floor(last / size) - begin + 1 }, (_, at) => {
      const month = (begin + at) * size;
      const year = String(Math.floor(month / 12)).padStart(4, "0");
      return { start: by === "year" ? year : `${year}-${String((month % 12) + 1).padStart(2, "0")}`, count: 0 };
    });
    for (const bucket of dated) every[Math.floor(number(bucket.start) / size) - begin].count += bucket.count;
    return every;
  }

  /** Where there is nothing to choose from, a sentence says so. */
  function tellFew() {
    const few = buckets.length < 2;
    says.hidden = !few;
    plot.hidden = axis.hidden = few;
    says.textContent = buckets.length ? `All of these are of ${MONTHS.format(monthOf(buckets[0]))}.` : "Nothing here has a date.";
  }

  function drawBars() {
    const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
    bars.setAttribute("viewBox", `0 0 ${Math.max(1, buckets.length)} ${HEIGHT}`);
    bars.replaceChildren(...buckets.flatMap((bucket, at) => {
      if (!bucket.count) return [];
      const high = Math.max(2, Math.sqrt(bucket.count / most) * HEIGHT);
      return [svg("rect", { x: at + 0.1, y: HEIGHT - high, width: 0.8, height: high, class: "bar" })];
    }));
    const years = buckets.map((bucket, at) => ({ year: bucket.start.slice(0, 4), at })).filter(({ year }, at) => at === 0 || year !== buckets[at - 1].start.slice(0, 4));
    const every = Math.ceil((years.length * 46) / Math.max(200, root.clientWidth || 800));
    fill(axis, ...years.filter((_, at) => at % every === 0).map(({ year, at }) => {
      const label = el("span", {}, year);
      label.style.left = `${(100 * at) / buckets.length}%`;
      return label;
    }));
  }

  /** The range that the line asks for, as buckets; null where it asks for none that can be drawn. */
  function current(line) {
    const said = parts(line, known).find((part) => part.field === "in" && !part.negated)?.value;
    const [, from, to = from] = /^(\d{4}(?:-\d{2})?)(?:-\d{2})?(?:\.\.(\d{4}(?:-\d{2})?)(?:-\d{2})?)?$/.exec(said ?? "") ?? [];
    return from ? [from, to] : null;
  }

  function setRange(wanted) {
    narrowed = wanted !== null && buckets.length > 0;
    if (narrowed) {
      const first = buckets.findIndex((bucket) => `${bucket.start}-12` >= wanted[0] && bucket.start.slice(0, wanted[0].length) >= wanted[0].slice(0, bucket.start.length));
      const last = buckets.findLastIndex((bucket) => bucket.start.slice(0, wanted[1].length) <= wanted[1]);
      range = [first < 0 ? buckets.length - 1 : first, Math.max(0, last)];
    } else {
      range = [0, Math.max(0, buckets.length - 1)];
    }
    place();
  }

  const monthOf = ({ start }) => new Date(`${start}-01T00:00:00Z`);
  const named = (at) => (by === "year" ? buckets[at].start : MONTH.format(monthOf(buckets[at])));

  function place() {
    if (!buckets.length) return;
    const share = (at) => `${(100 * at) / buckets.length}%`;
    const [from, to] = [Math.min(...range), Math.max(...range)];
    brush.hidden = !narrowed;
    brush.style.left = share(from);
    brush.style.width = share(to - from + 1);
    handles.forEach((element, end) => {
      element.style.left = share(end === 0 ? from : to + 1);
      const value = end === 0 ? from : to;
      element.setAttribute("aria-valuemin", "0");
      element.setAttribute("aria-valuemax", String(buckets.length - 1));
      element.setAttribute("aria-valuenow", String(value));
      element.setAttribute("aria-valuetext", named(value));
    });
    bars.querySelectorAll(".bar").forEach((bar) => {
      const at = Math.floor(Number(bar.getAttribute("x")));
      bar.classList.toggle("out", narrowed && (at < from || at > to));
    });
  }

  function tell() {
    const [from, to] = [Math.min(...range), Math.max(...range)];
    const all = from === 0 && to === buckets.length - 1;
    const [first, last] = [buckets[from].start, buckets[to].start];
    events.range(all ? "" : `in:${first === last ? first : `${first}..${last}`}`);
  }

  const bucketAt = (event) => {
    const box = plot.getBoundingClientRect();
    return Math.max(0, Math.min(buckets.length - 1, Math.floor(((event.clientX - box.left) / box.width) * buckets.length)));
  };

  let began = -1;
  let held = -1;
  /** Where a handle was taken; it lies over a bar, and who only presses means the bar. */
  let taken = -1;
  plot.addEventListener("pointerdown", (event) => {
    if (!buckets.length || event.button > 0) return;
    held = Number(/** @type {HTMLElement} */ (event.target).dataset?.end ?? -1);
    taken = held >= 0 ? event.clientX : -1;
    began = held >= 0 ? range[1 - held] : bucketAt(event);
    plot.setPointerCapture(event.pointerId);
    if (held < 0) move(event);
  });
  plot.addEventListener("pointermove", (event) => {
    if (!buckets.length) return;
    const at = bucketAt(event);
    hint.textContent = `${named(at)}: ${count(buckets[at].count)}`;
    hint.style.left = `clamp(4.5rem, ${(100 * (at + 0.5)) / buckets.length}%, 100% - 4.5rem)`;
    if (began < 0 || (taken >= 0 && Math.abs(event.clientX - taken) < DRAGGED)) return;
    taken = -1;
    move(event);
  });
  function move(event) {
    narrowed = true;
    range = [Math.min(began, bucketAt(event)), Math.max(began, bucketAt(event))];
    place();
  }
  for (const ended of ["pointerup", "pointercancel"]) {
    plot.addEventListener(ended, (event) => {
      if (began < 0) return;
      if (taken >= 0 && ended === "pointerup") {
        began = bucketAt(event);
        move(event);
      }
      [began, taken] = [-1, -1];
      tell();
    });
  }
  plot.addEventListener("dblclick", () => {
    range = [0, buckets.length - 1];
    tell();
  });
  handles.forEach((element, end) => element.addEventListener("keydown", (event) => {
    const year = by === "year" ? 1 : 12;
    const by_key = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -year, PageUp: year, Home: -Infinity, End: Infinity };
    const step = by_key[/** @type {KeyboardEvent} */ (event).key];
    if (step === undefined || !buckets.length) return;
    event.preventDefault();
    const [low, high] = end === 0 ? [0, range[1]] : [range[0], buckets.length - 1];
    range[end] = Math.max(low, Math.min(high, range[end] + step));
    narrowed = true;
    place();
    clearTimeout(later);
    later = setTimeout(tell, 250);
  }));
  let later = 0;
  new ResizeObserver(() => drawBars()).observe(root);
  const stored = kept(DATES);
  turn(stored ? stored !== "hidden" : innerWidth >= WIDE);
  return { show, tool, forget: () => (asked = "\0") };
}
