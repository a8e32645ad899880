/** A picture in its stage: fitted, enlarged by wheel, pinch, double click or keys, and moved. */

/** Of the fitted picture; and a large photograph until each of its pixels has two of the screen. */
const MOST = 8;
const MOST_OF_PIXELS = 2;
const STEP = 1.5;
const SWIPE = 60;

/**
 * @param {HTMLElement} stage
 * @param {HTMLElement} frame what is moved: exactly as large as the fitted picture
 * @param {{swipe: (step: number) => void, sized: () => void}} events `sized`: it is shown larger or smaller
 */
export function createZoom(stage, frame, events) {
  let size = { width: 1, height: 1 };
  let pixels = 0;
  let [scale, x, y] = [1, 0, 0];
  /** @type {Map<number, {x: number, y: number}>} fingers and mice that are down */
  const down = new Map();
  let began = { x: 0, y: 0, apart: 0, many: false };
  let dragged = false;

  function fit() {
    const room = { width: stage.clientWidth, height: stage.clientHeight };
    const factor = Math.min(room.width / size.width, room.height / size.height);
    frame.style.width = `${size.width * factor}px`;
    frame.style.height = `${size.height * factor}px`;
    apply();
  }

  function apply() {
    const slack = { x: Math.max(0, (frame.offsetWidth * scale - stage.clientWidth) / 2), y: Math.max(0, (frame.offsetHeight * scale - stage.clientHeight) / 2) };
    x = Math.max(-slack.x, Math.min(slack.x, x));
    y = Math.max(-slack.y, Math.min(slack.y, y));
    frame.style.transform = `translate(-50%, -50%) translate(${x}px, ${y}px) scale(${scale})`;
    stage.classList.toggle("zoomed", scale > 1);
    events.sized();
  }

  /** Enlarge by a factor; what lies at this place of the window stays there. */
  function by(factor, at) {
    const most = Math.max(MOST, (MOST_OF_PIXELS * pixels) / Math.max(1, frame.offsetWidth));
    const to = Math.max(1, Math.min(most, scale * factor));
    const box = stage.getBoundingClientRect();
    const from = { x: (at?.clientX ?? box.left + box.width / 2) - box.left - box.width / 2, y: (at?.clientY ?? box.top + box.height / 2) - box.top - box.height / 2 };
    x = from.x - ((from.x - x) * to) / scale;
    y = from.y - ((from.y - y) * to) / scale;
    scale = to;
    apply();
  }

  function reset() {
    [scale, x, y] = [1, 0, 0];
    apply();
  }

  const centre = () => {
    const points = [...down.values()];
    const middle = { x: points.reduce((sum, point) => sum + point.x, 0) / points.length, y: points.reduce((sum, point) => sum + point.y, 0) / points.length };
    const apart = points.length > 1 ? Math.hypot(points[0].x - points[1].x, points[0].y - points[1].y) : 0;
    return { ...middle, apart };
  };

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0022)), event);
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => {
    if (/** @type {Element} */ (event.target).closest("button")) return;
    if (scale > 1) reset();
    else by(2.5, event);
  });
  stage.addEventListener("pointerdown", (event) => {
    if (/** @type {Element} */ (event.target).closest("button") || event.button > 0) return;
    stage.setPointerCapture(event.pointerId);
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    dragged = false;
    began = { ...centre(), many: down.size > 1 || (began.many && down.size > 1) };
  });
  stage.addEventListener("pointermove", (event) => {
    if (!down.has(event.pointerId)) return;
    const before = centre();
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const now = centre();
    dragged ||= Math.hypot(now.x - began.x, now.y - began.y) > 5;
    if (down.size > 1 && before.apart) by(now.apart / before.apart, { clientX: now.x, clientY: now.y });
    if (scale > 1) {
      x += now.x - before.x;
      y += now.y - before.y;
      apply();
    }
  });
  for (const ended of ["pointerup", "pointercancel"]) {
    stage.addEventListener(ended, (given) => {
      const event = /** @type {PointerEvent} */ (given);
      if (!down.delete(event.pointerId) || down.size) return;
      const across = event.clientX - began.x;
      const swiped = event.pointerType !== "mouse" && scale === 1 && !began.many && Math.abs(across) > SWIPE && Math.abs(across) > 1.5 * Math.abs(event.clientY - began.y);
      if (swiped && ended === "pointerup") events.swipe(across < 0 ? 1 : -1);
    });
  }
  new ResizeObserver(fit).observe(stage);

  return {
    /** Another picture, of this shape; `kept`: the same one, of which more is known. */
    show(width, height, kept = false) {
      size = { width: Math.max(1, width), height: Math.max(1, height) };
      if (!kept) [scale, x, y] = [1, 0, 0];
      fit();
    },
    /** How many pixels wide the photograph is that can be shown. @param {number} width */
    upTo: (width) => void (pixels = width),
    /** How many pixels of the screen the picture is wide now. */
    get shownWidth() {
      return frame.offsetWidth * scale * devicePixelRatio;
    },
    in: () => by(STEP),
    out: () => by(1 / STEP),
    reset,
    get dragged() {
      return dragged;
    },
  };
}
