/** One photograph of the grid: its picture, how well it matches, and the tick that selects it. */

import { el, icon } from "./dom.js";
import { date, isolated, strength } from "./words.js";

const SMALL = 256;
const LARGE = 768;
/** What comes sooner needs no fading in, which costs a busy machine a frame each. */
const AT_ONCE_MS = 400;
const SAME = "the query image";
/** What all tiles have, to be copied. */
const CELL = el("div", { class: "tile", role: "gridcell" });
const IMAGE = el("img", { alt: "", draggable: "false" });
const TICK = el("span", { class: "tick", "aria-hidden": "true" }, icon("check"));

/** What is said of a photograph where it cannot be seen. */
export function label(photo) {
  const said = [photo.text ? `“${isolated(photo.text)}”` : isolated(photo.name)];
  if (photo.date) said.push(date(photo.date).day);
  const how = strength(photo);
  if (how) said.push(photo.match ? `${how} match` : how);
  if (photo.same) said.push(SAME);
  if (photo.missing) said.push("the file is not there just now");
  return said.join(", ");
}

/**
 * @param {import("./api.js").Api} api
 * @param {import("./results.js").Photo} photo
 * @param {number} index
 * @param {{width: number, height: number, left: number, selected: boolean, active: boolean}} place
 * @param {Map<number, string>} seen addresses of pictures that were shown before, by the photograph's id
 * @param {ReturnType<typeof import("./pictures.js").createPictures>} pictures
 * @param {HTMLElement} [before] the same photograph in the answer before: it goes on, and its picture is there
 * @returns {HTMLElement}
 */
export function tile(api, photo, index, place, seen, pictures, before) {
  const cell = before ?? made(api, photo, place, seen, pictures);
  cell.tabIndex = place.active ? 0 : -1;
  cell.setAttribute("aria-label", label(photo));
  cell.setAttribute("aria-selected", String(place.selected));
  cell.title = [photo.name, photo.folder].filter(Boolean).map(isolated).join("\n");
  cell.dataset.index = String(index);
  cell.dataset.id = String(photo.id);
  const how = [strength(photo), photo.same && SAME].filter(Boolean).join(" · ");
  if (!how) cell.querySelector(".how")?.remove();
  else if (before?.querySelector(".how")) /** @type {Element} */ (cell.querySelector(".how")).textContent = how;
  else cell.insertBefore(el("span", { class: "how", "aria-hidden": "true" }, how), cell.lastChild);
  cell.classList.toggle("weak", photo.weak);
  cell.classList.toggle("missing", photo.missing);
  cell.style.left = `${place.left}px`;
  cell.style.width = `${place.width}px`;
  return cell;
}

function made(api, photo, place, seen, pictures) {
  const cell = /** @type {HTMLElement} */ (CELL.cloneNode());
  cell.append(photo.kind === "text" ? el("q", { class: "said", dir: "auto" }, photo.text ?? "") : picture(api, photo, place, seen, pictures), TICK.cloneNode(true));
  return cell;
}

function picture(api, photo, place, seen, pictures) {
  const image = /** @type {HTMLImageElement} */ (IMAGE.cloneNode());
  const address = (size) => api.address(`/items/${photo.id}/thumbnail`, { size });
  const before = seen.get(photo.id);
  image.decoding = before ? "sync" : "async";
  if (before) image.classList.add("there", "known"); // while somebody types, what stays does not blink
  const begun = performance.now();
  image.addEventListener("load", () => {
    image.classList.toggle("known", performance.now() - begun < AT_ONCE_MS);
    image.classList.add("there");
    seen.set(photo.id, image.src);
  });
  image.addEventListener("error", () => image.closest(".tile")?.classList.add("unseen"));
  if (before) image.src = before;
  else pictures.want(image, address(SMALL));
  const longer = Math.max(place.width, place.height) * Math.min(devicePixelRatio, 2);
  if (longer > SMALL * 1.2 && !before?.endsWith(`=${LARGE}`)) image.dataset.sharper = address(LARGE);
  return image;
}

/**
 * Put the sharper picture in the place of the small one, once it is there: nothing blinks.
 * @param {HTMLImageElement} image
 * @param {ReturnType<typeof import("./pictures.js").createPictures>} pictures
 */
export function sharpen(image, pictures) {
  const sharper = image.dataset.sharper;
  if (!sharper) return;
  delete image.dataset.sharper;
  const next = new Image();
  next.addEventListener("load", async () => {
    try {
      await next.decode();
      image.src = sharper;
    } catch {
      // The small one stays.
    }
  });
  pictures.wantLast(next, sharper, () => image.isConnected);
}
