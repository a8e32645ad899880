/** What is known of a photograph, beside it. Each fact that can be asked for is a button that asks for it. */

import { el } from "./dom.js";
import { quoted } from "./line.js";
import { minimap } from "./minimap.js";
import { bytes, date, isolated, place, strength } from "./words.js";

const FROM = { taken: "", sidecar: "from a file beside it", name: "from its name", file: "of the file" };

/**
 * @param {Object<string, any>} item as the server tells it
 * @param {(line: string) => void} ask
 * @returns {HTMLElement[]}
 */
export function details(item, ask) {
  const asks = (text, line, says) => el("button", { type: "button", class: "fact", title: says ?? `Search ${isolated(line)}`, on: { click: () => ask(line) } }, el("bdi", {}, text));
  const where = place(item.place);
  const facts = [];
  const add = (name, ...values) => values.some(Boolean) && facts.push(el("div", {}, el("dt", {}, name), el("dd", {}, ...values.filter(Boolean))));

  if (item.date) {
    const { day, time } = date(item.date);
    const note = [time, FROM[item.date_from]].filter(Boolean).join(" · ");
    add("Date", asks(day, `in:${item.date.slice(0, 10)}`), note && el("span", { class: "soft" }, note));
  }
  if (item.camera) add("Camera", asks(item.camera, `camera:${quoted(item.camera)}`));
  if (item.lens) add("Lens", asks(item.lens, `lens:${quoted(item.lens)}`));
  const size = [item.width && `${item.width} × ${item.height}`, item.size && bytes(item.size), item.format && item.format.toUpperCase()];
  add("Picture", size.filter(Boolean).join(" · "));
  if (item.folder) add("Folder", asks(item.folder, `path:${quoted(`${item.folder.split(/[\\/]/).at(-1)}/`)}`));
  if (item.keywords?.length) add("Keywords", ...item.keywords.map((word) => asks(word, `keyword:${quoted(word)}`)));
  const how = strength(item);
  if (how) add("Match", item.match ? `${how}` : how, item.found_by === "words" && el("span", { class: "soft" }, "by words that are said of it"));

  const sections = [el("dl", { class: "facts" }, ...facts)];
  if (typeof item.latitude === "number" && typeof item.longitude === "number") {
    const near = `near:${item.latitude.toFixed(4)},${item.longitude.toFixed(4)},5`;
    sections.push(el("section", { class: "where" }, el("h3", {}, "Place"), minimap(item.latitude, item.longitude, where),
      el("p", {}, asks(where || near, near, "Photographs within 5 km"))));
  }
  const captions = (item.captions ?? []).map((caption) => (typeof caption === "string" ? caption : caption.text));
  if (captions.length) {
    sections.push(el("section", {}, el("h3", {}, captions.length > 1 ? "Captions" : "Caption"),
      ...captions.map((caption) => el("p", { class: "caption-text", dir: "auto" }, caption))));
  }
  if (item.also?.length) {
    sections.push(el("section", {}, el("h3", {}, item.also.length > 1 ? "Copies" : "A copy"),
      el("ul", { class: "copies" }, ...item.also.map((copy) => el("li", {}, el("bdi", {}, copy.folder ? `${copy.folder}/${copy.name}` : copy.name))))));
  }
  return sections;
}
