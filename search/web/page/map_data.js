/** The points of the map as the server sends them, and questions about them. */

const HEADER = 16;

/**
 * @typedef {Object} MapData
 * @property {number} count
 * @property {Float64Array} ids ascending
 * @property {Float32Array} positions x and y of each
 * @property {Uint8Array} groups the coarse group of each
 * @property {{level: number, clusters: {name: string, x: number, y: number, count: number}[]}[]} levels
 */

/** @param {ArrayBuffer} buffer laid out as docs/server.md says @returns {MapData} */
export function readMap(buffer, levels) {
  const head = new DataView(buffer, 0, HEADER);
  if (head.getUint32(0, false) !== 0x4d415031) throw new Error("The server sent something else than a map.");
  const count = head.getUint32(4, true);
  const ids = new Float64Array(buffer, HEADER, count);
  const positions = new Float32Array(buffer, HEADER + 8 * count, 2 * count);
  return { count, ids, positions, groups: groupsOf(positions, count, levels[0]?.clusters ?? []), levels };
}

/** Which of the coarse groups each point is nearest to. */
function groupsOf(positions, count, clusters) {
  const groups = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    let least = Infinity;
    clusters.forEach(({ x, y }, group) => {
      const away = (positions[2 * at] - x) ** 2 + (positions[2 * at + 1] - y) ** 2;
      if (away < least) [least, groups[at]] = [away, group];
    });
  }
  return groups;
}

/** The point nearest to a place, at most `most` away; -1 where there is none. @param {MapData} data */
export function nearest(data, x, y, most) {
  let least = most * most;
  let found = -1;
  const { positions, count } = data;
  for (let at = 0; at < count; at += 1) {
    const right = positions[2 * at] - x;
    const up = positions[2 * at + 1] - y;
    const away = right * right + up * up;
    if (away < least) [least, found] = [away, at];
  }
  return found;
}

/** The points within bounds. @param {MapData} data @param {{left: number, lower: number, right: number, upper: number}} bounds */
export function within(data, { left, lower, right, upper }) {
  const found = [];
  const { positions, count } = data;
  for (let at = 0; at < count; at += 1) {
    const x = positions[2 * at];
    const y = positions[2 * at + 1];
    if (x >= left && x <= right && y >= lower && y <= upper) found.push(at);
  }
  return found;
}

/** The points inside an outline. @param {MapData} data @param {[number, number][]} outline places */
export function inside(data, outline) {
  if (outline.length < 3) return [];
  const [xs, ys] = [outline.map(([x]) => x), outline.map(([, y]) => y)];
  const around = { left: Math.min(...xs), right: Math.max(...xs), lower: Math.min(...ys), upper: Math.max(...ys) };
  return within(data, around).filter((at) => {
    const [x, y] = [data.positions[2 * at], data.positions[2 * at + 1]];
    let odd = false;
    for (let one = 0, other = outline.length - 1; one < outline.length; other = one++) {
      const [x1, y1] = outline[one];
      const [x2, y2] = outline[other];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
    }
    return odd;
  });
}
