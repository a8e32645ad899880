/** Rows of photographs that fill the width, each with its own shape: a justified grid. Pure arithmetic. */

const NARROWEST = 0.45;
const WIDEST = 3.2;

/**
 * @typedef {Object} Row
 * @property {number} start the first photograph's place
 * @property {number} end behind the last one
 * @property {number} top in pixels
 * @property {number} height
 * @property {number[]} lefts
 * @property {number[]} widths
 */

/** What a shape counts as: panoramas and strips are cut, so that a row stays a row. */
export const bounded = (aspect) => Math.min(WIDEST, Math.max(NARROWEST, aspect));

export class Layout {
  /** @param {number} width of the grid, in pixels @param {number} target height of a row @param {number} gap */
  constructor(width, target, gap) {
    this.width = width;
    this.target = target;
    this.gap = gap;
    /** @type {Row[]} */
    this.rows = [];
    this.count = 0;
    this.open = false;
  }

  /**
   * Go on with the photographs that are there now; rows that are full stay as they are.
   * @param {{aspect: number}[]} photos
   * @param {boolean} last whether no more will come
   */
  extend(photos, last) {
    if (this.open) this.count = /** @type {Row} */ (this.rows.pop()).start;
    this.open = false;
    let start = this.count;
    let sum = 0;
    for (let at = start; at < photos.length; at += 1) {
      const aspect = bounded(photos[at].aspect);
      const gaps = (at - start) * this.gap;
      const withIt = (this.width - gaps) / (sum + aspect);
      if (withIt <= this.target) {
        const before = at > start ? (this.width - gaps + this.gap) / sum : Infinity;
        // The row ends before this one where it comes nearer to its height so.
        if (before - this.target < this.target - withIt && before < this.target * 1.35) {
          this.close(photos, start, at, before);
          start = at;
          sum = aspect;
          if (this.width / aspect <= this.target) {
            this.close(photos, start, at + 1, this.width / aspect);
            start = at + 1;
            sum = 0;
          }
        } else {
          this.close(photos, start, at + 1, withIt);
          start = at + 1;
          sum = 0;
        }
      } else {
        sum += aspect;
      }
    }
    if (start < photos.length) {
      this.close(photos, start, photos.length, Math.min(this.target, this.width / sum));
      this.open = !last;
    }
    this.count = photos.length;
  }

  close(photos, start, end, height) {
    const before = this.rows.at(-1);
    const top = before ? before.top + before.height + this.gap : 0;
    const lefts = [];
    const widths = [];
    let left = 0;
    for (let at = start; at < end; at += 1) {
      const width = bounded(photos[at].aspect) * height;
      lefts.push(left);
      widths.push(width);
      left += width + this.gap;
    }
    this.rows.push({ start, end, top, height, lefts, widths });
  }

  /** Height of what is laid out. */
  get height() {
    const last = this.rows.at(-1);
    return last ? last.top + last.height : 0;
  }

  /** Height with those that are still to come, as high as those that are there. */
  heightOf(total) {
    const full = this.open ? this.rows.at(-1)?.start ?? 0 : this.count;
    if (total <= this.count || !this.count) return this.height;
    const each = full > 0 && this.open ? /** @type {Row} */ (this.rows.at(-1)).top / full : this.height / this.count;
    return Math.max(this.height, total * each);
  }

  /** The first row that ends below `y`. */
  rowAt(y) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].top + this.rows[middle].height < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The row of a photograph's place; -1 where it is not laid out. */
  rowOf(index) {
    if (index < 0 || index >= this.count) return -1;
    let low = 0;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].end <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The place in the next row (`step` 1) or the one before (-1) that lies under or over a photograph. */
  beside(index, step) {
    const at = this.rowOf(index);
    const row = this.rows[at];
    const other = this.rows[at + step];
    if (!row || !other) return index;
    const middle = row.lefts[index - row.start] + row.widths[index - row.start] / 2;
    let best = 0;
    let least = Infinity;
    other.lefts.forEach((left, place) => {
      const away = Math.abs(left + other.widths[place] / 2 - middle);
      if (away < least) [least, best] = [away, place];
    });
    return other.start + best;
  }
}
