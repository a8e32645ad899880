/** Hands on the map: drag, wheel, pinch, a loop around photographs, and keys. */

const STEP = 90;
const CLICK = 5;

/**
 * @typedef {Object} Gestures
 * @property {(right: number, down: number) => void} pan in pixels
 * @property {(factor: number, left?: number, top?: number) => void} zoom
 * @property {() => void} whole
 * @property {(left: number, top: number) => void} hover
 * @property {() => void} leave
 * @property {(left: number, top: number, adds: boolean) => void} click
 * @property {(outline: [number, number][], ended: boolean) => void} loop pixels
 * @property {(picks: boolean) => void} middle the photograph in the middle: opened, or picked
 * @property {() => boolean} loops whether a drag draws a loop without Shift, too
 * @property {() => void} close
 */

/** @param {HTMLElement} surface @param {Gestures} events */
export function listenToHands(surface, events) {
  /** @type {Map<number, [number, number]>} */
  const down = new Map();
  /** @type {[number, number][]|null} */
  let outline = null;
  let moved = 0;
  let apart = 0;

  const place = (event) => {
    const box = surface.getBoundingClientRect();
    return /** @type {[number, number]} */ ([event.clientX - box.left, event.clientY - box.top]);
  };
  const between = ([[x1, y1], [x2, y2]]) => ({ away: Math.hypot(x2 - x1, y2 - y1), middle: [(x1 + x2) / 2, (y1 + y2) / 2] });

  surface.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    surface.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    moved = down.size === 1 ? 0 : CLICK + 1;
    outline = down.size === 1 && (event.shiftKey || events.loops()) ? [place(event)] : null;
    if (down.size === 2) apart = between([...down.values()]).away;
    events.leave();
  });
  surface.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") events.hover(...now);
      return;
    }
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (outline) {
      outline.push(now);
      events.loop(outline, false);
    } else if (down.size === 2) {
      const was = between([...down.values()]);
      down.set(event.pointerId, now);
      const is = between([...down.values()]);
      events.pan(is.middle[0] - was.middle[0], is.middle[1] - was.middle[1]);
      if (apart > 0 && is.away > 0) events.zoom(is.away / apart, is.middle[0], is.middle[1]);
      apart = is.away;
    } else if (moved > CLICK) {
      events.pan(now[0] - before[0], now[1] - before[1]);
    }
    down.set(event.pointerId, now);
  });
  for (const ended of ["pointerup", "pointercancel"]) {
    surface.addEventListener(ended, (event) => {
      const { pointerId, shiftKey, ctrlKey, metaKey } = /** @type {PointerEvent} */ (event);
      if (!down.delete(pointerId)) return;
      if (outline && moved > CLICK) events.loop(outline, true);
      else if (moved <= CLICK && ended === "pointerup") events.click(...place(event), shiftKey || ctrlKey || metaKey);
      if (outline && moved <= CLICK) events.loop([], true);
      outline = null;
    });
  }
  surface.addEventListener("pointerleave", () => events.leave());
  surface.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    events.zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * (event.ctrlKey ? 0.01 : 0.0022)), ...place(event));
  }, { passive: false });
  surface.addEventListener("dblclick", (event) => events.zoom(2.2, ...place(event)));

  surface.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const does = {
      ArrowLeft: () => events.pan(STEP, 0), ArrowRight: () => events.pan(-STEP, 0),
      ArrowUp: () => events.pan(0, STEP), ArrowDown: () => events.pan(0, -STEP),
      "+": () => events.zoom(1.5), "=": () => events.zoom(1.5), "-": () => events.zoom(1 / 1.5), 0: () => events.whole(), Home: () => events.whole(),
      Enter: () => events.middle(false), " ": () => events.middle(true),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  });
}
