/** Paths of photographs, many at once. */

/** Ids of one request: as many as an address holds. */
const AT_ONCE = 500;

/**
 * The paths of these in their order, each once; folder and name where the server tells no path. What is no longer in the
 * index has none.
 * @param {import("./api.js").Api} api
 * @param {number[]} ids
 * @param {(done: number) => void} progress how many are known so far
 * @returns {Promise<string[]>}
 */
export async function pathsOf(api, ids, progress) {
  /** @type {Map<number, string>} */
  const known = new Map();
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const asked = ids.slice(at, at + AT_ONCE);
    for (const kind of ["image", "text"]) {
      const wanted = asked.filter((id) => !known.has(id));
      if (!wanted.length) break;
      const { items } = await api.get("/items", { where: `id:${wanted.join(",")}`, kind, paths: true, limit: AT_ONCE });
      for (const item of items) known.set(item.id, pathOf(item));
    }
    progress(at + asked.length);
  }
  return [...new Set(ids.flatMap((id) => known.get(id) ?? []))];
}

const pathOf = (item) => item.path ?? (item.folder ? `${item.folder}/${item.name}` : item.name);
