/** A heat map from a grid of numbers, smooth, in the colours of the contact sheet (search/html/heat_map.py). */

/** From nothing (level 0) to the strongest region (1): level, red, green, blue, opacity. */
const COLOURS = [
  [0.0, 14, 12, 40, 0.46],
  [0.3, 92, 22, 110, 0.42],
  [0.6, 226, 62, 70, 0.5],
  [1.0, 255, 214, 74, 0.66],
];
const LONGER_SIDE = 320;

/**
 * How strongly each region shows, 0 to 1: what exceeds an even look at everything, against the strongest.
 * @param {number[][]} values rows from the top, sum 1
 */
export function levels(values) {
  const even = 1 / (values.length * values[0].length);
  const most = Math.max(...values.flat());
  const over = Math.max(most - even, even);
  return values.map((row) => row.map((value) => Math.max(0, Math.min(1, (value - even) / over))));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} aspect width by height of the picture
 * @param {(x: number, y: number) => number} level of a place in fractions of the picture
 */
export function paint(canvas, aspect, level) {
  canvas.width = Math.round(aspect >= 1 ? LONGER_SIDE : LONGER_SIDE * aspect);
  canvas.height = Math.round(aspect >= 1 ? LONGER_SIDE / aspect : LONGER_SIDE);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const pixels = context.createImageData(canvas.width, canvas.height);
  for (let row = 0, at = 0; row < canvas.height; row += 1) {
    for (let column = 0; column < canvas.width; column += 1, at += 4) {
      const [red, green, blue, opacity] = colour(level((column + 0.5) / canvas.width, (row + 0.5) / canvas.height));
      pixels.data[at] = red;
      pixels.data[at + 1] = green;
      pixels.data[at + 2] = blue;
      pixels.data[at + 3] = 255 * opacity;
    }
  }
  context.putImageData(pixels, 0, 0);
}

/**
 * The level at a place, between the regions smoothly (a cubic B-spline); 0 outside of what the grid covers.
 * @param {number[][]} grid levels
 * @param {number[]} area left, upper, right, lower, in fractions of the picture
 */
export function between(grid, [left, upper, right, lower]) {
  const rows = grid.length;
  const columns = grid[0].length;
  return (x, y) => {
    const across = ((x - left) / (right - left)) * columns - 0.5;
    const down = ((y - upper) / (lower - upper)) * rows - 0.5;
    if (across < -0.5 || across > columns - 0.5 || down < -0.5 || down > rows - 0.5) return 0;
    const column = Math.floor(across);
    const row = Math.floor(down);
    const horizontal = spline(across - column);
    const vertical = spline(down - row);
    let sum = 0;
    for (let i = 0; i < 4; i += 1) {
      const line = grid[Math.max(0, Math.min(rows - 1, row + i - 1))];
      for (let j = 0; j < 4; j += 1) sum += vertical[i] * horizontal[j] * line[Math.max(0, Math.min(columns - 1, column + j - 1))];
    }
    return Math.min(1, sum * 1.35); // a spline lowers its peaks
  };
}

/** The level around a region: strongest in it, and fading outside. @param {number[]} box */
export function around([left, upper, right, lower]) {
  const [x0, y0] = [(left + right) / 2, (upper + lower) / 2];
  const [wide, high] = [Math.max(0.04, right - left), Math.max(0.04, lower - upper)];
  return (x, y) => Math.exp(-0.75 * (((x - x0) / wide) ** 2 + ((y - y0) / high) ** 2));
}

function spline(t) {
  return [(1 - t) ** 3 / 6, (3 * t ** 3 - 6 * t ** 2 + 4) / 6, (-3 * t ** 3 + 3 * t ** 2 + 3 * t + 1) / 6, t ** 3 / 6];
}

function colour(level) {
  const above = COLOURS.findIndex(([from]) => from >= level);
  if (above <= 0) return COLOURS[0].slice(1);
  const [low, high] = [COLOURS[above - 1], COLOURS[above]];
  const part = (level - low[0]) / (high[0] - low[0]);
  return [1, 2, 3, 4].map((at) => low[at] + part * (high[at] - low[at]));
}
