/** One photograph of the grid: its picture, how well it matches, and the tick that selects it. */

import { el, icon } from "./dom.js";
import { date, strength } from "./words.js";

const SMALL = 256;
const LARGE = 768;

/** What is said of a photograph where it cannot be seen. */
export function label(photo) {
  const said = [photo.text ? `“${photo.text}”` : photo.name];
  if (photo.date) said.push(date(photo.date).day);
  const how = strength(photo);
  if (how) said.push(photo.match ? `${how} match` : how);
  if (photo.missing) said.push("the file is not there just now");
  return said.join(", ");
}

/**
 * @param {import("./api.js").Api} api
 * @param {import("./results.js").Photo} photo
 * @param {number} index
 * @param {{width: number, height: number, left: number, selected: boolean, active: boolean}} place
 * @param {Map<number, string>} seen addresses of pictures that were shown before, by the photograph's id
 * @returns {HTMLElement}
 */
export function tile(api, photo, index, place, seen) {
  const how = strength(photo);
  const cell = el(
    "div",
    {
      class: "tile",
      role: "gridcell",
      tabindex: place.active ? "0" : "-1",
      "aria-label": label(photo),
      "aria-selected": String(place.selected),
      title: photo.folder ? `${photo.name}\n${photo.folder}` : photo.name,
      data: { index: String(index), id: String(photo.id) },
    },
    photo.kind === "text" ? el("q", { class: "said" }, photo.text ?? "") : picture(api, photo, place, seen),
    how && el("span", { class: "how", "aria-hidden": "true" }, how),
    el("span", { class: "tick", "aria-hidden": "true" }, icon("check")),
  );
  cell.classList.toggle("weak", photo.weak);
  cell.classList.toggle("missing", photo.missing);
  cell.style.left = `${place.left}px`;
  cell.style.width = `${place.width}px`;
  return cell;
}

function picture(api, photo, place, seen) {
  const image = /** @type {HTMLImageElement} */ (el("img", { alt: "", draggable: "false" }));
  const address = (size) => api.address(`/items/${photo.id}/thumbnail`, { size });
  const before = seen.get(photo.id);
  image.decoding = before ? "sync" : "async";
  if (before) image.classList.add("there", "known"); // while somebody types, what stays does not blink
  image.addEventListener("load", () => {
    image.classList.add("there");
    seen.set(photo.id, image.src);
  });
  image.addEventListener("error", () => image.closest(".tile")?.classList.add("unseen"));
  image.src = before ?? address(SMALL);
  const longer = Math.max(place.width, place.height) * Math.min(devicePixelRatio, 2);
  if (longer > SMALL * 1.2 && !before?.endsWith(`=${LARGE}`)) image.dataset.sharper = address(LARGE);
  return image;
}

/**
 * Put the sharper picture in the place of the small one, once it is there: nothing blinks.
 * @param {HTMLImageElement} image
 */
export async function sharpen(image) {
  const sharper = image.dataset.sharper;
  if (!sharper) return;
  delete image.dataset.sharper;
  const next = new Image();
  next.src = sharper;
  try {
    await next.decode();
    image.src = sharper;
  } catch {
    // The small one stays.
  }
}
