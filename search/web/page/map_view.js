/** Which part of the map is seen: from positions (-1 to 1, y upwards) to pixels and back. Pure arithmetic. */

const CLOSEST = 400;
/** Of the shorter side: room around the whole map. */
const FILLS = 0.92;

export class MapView {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.x = 0;
    this.y = 0;
    this.zoom = 1;
  }

  /** Pixels of one unit. */
  get unit() {
    return (Math.min(this.width, this.height) / 2) * FILLS * this.zoom;
  }

  resize(width, height) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
  }

  /** @returns {[number, number]} pixels from the left and from the top */
  toPixels(x, y) {
    return [this.width / 2 + (x - this.x) * this.unit, this.height / 2 - (y - this.y) * this.unit];
  }

  /** @returns {[number, number]} */
  toPlace(left, top) {
    return [this.x + (left - this.width / 2) / this.unit, this.y - (top - this.height / 2) / this.unit];
  }

  /** Move by pixels, and never away from the map. */
  pan(right, down) {
    this.x = Math.max(-1.1, Math.min(1.1, this.x - right / this.unit));
    this.y = Math.max(-1.1, Math.min(1.1, this.y + down / this.unit));
  }

  /** Zoom around a pixel, which shows the same place afterwards. */
  zoomAt(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.toPlace(left, top);
    this.zoom = Math.max(1, Math.min(CLOSEST, this.zoom * factor));
    const [toX, toY] = this.toPlace(left, top);
    this.x += x - toX;
    this.y += y - toY;
    this.pan(0, 0);
  }

  /** The whole map. */
  whole() {
    Object.assign(this, { x: 0, y: 0, zoom: 1 });
  }

  /** What WebGL multiplies positions with, and adds. */
  get clip() {
    const scale = /** @type {[number, number]} */ ([(2 * this.unit) / this.width, (2 * this.unit) / this.height]);
    return { scale, shift: /** @type {[number, number]} */ ([-this.x * scale[0], -this.y * scale[1]]) };
  }

  /** Places in view: left, lower, right, upper; `around` in pixels. */
  bounds(around = 0) {
    const [left, upper] = this.toPlace(-around, -around);
    const [right, lower] = this.toPlace(this.width + around, this.height + around);
    return { left, lower, right, upper };
  }
}
