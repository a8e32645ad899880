/** Parts that a visit begins without: the first photographs do not wait for them. */

/**
 * @template T
 * @typedef {Object} Lazy
 * @property {() => Promise<T>} get fetches and makes it, once
 * @property {T|null} now null before that
 */

/**
 * @template M
 * @template T
 * @param {string} name what a person calls it, as "map"
 * @param {() => Promise<M>} load imports its module; one that could not be fetched is fetched again the next time
 * @param {(module: M) => T} make
 * @returns {Lazy<T>}
 */
export function lazily(name, load, make) {
  /** @type {T|null} */
  let now = null;
  /** @type {Promise<T>|null} */
  let coming = null;
  async function made() {
    const module = await load().catch(() => {
      coming = null;
      throw new Error(`The ${name} could not be fetched from the server; try again when it answers.`);
    });
    return (now = make(module));
  }
  return { get: () => (coming ??= made()), get now() { return now; } };
}
