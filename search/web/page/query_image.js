/** An image to search with: dropped, pasted or chosen. It goes to this machine's server, and becomes a chip. */

import { el, fill, icon } from "./dom.js";
import { isolated } from "./words.js";

/**
 * @param {HTMLElement} curtain what is shown while a file is dragged over the page
 * @param {import("./api.js").Api} api
 * @param {{add: (part: string) => void, busy: (says: string) => void, failed: (error: Error) => void}} events
 */
export function createQueryImage(curtain, api, events) {
  const chooser = /** @type {HTMLInputElement} */ (el("input", {
    type: "file", accept: "image/*,.heic,.heif", hidden: true, id: "image-file", tabindex: "-1", "aria-label": "An image to search with",
  }));
  document.body.append(chooser);
  fill(curtain, el("div", { class: "drop-card" }, icon("image"), el("p", {}, "Drop it to find photographs like it"),
    el("p", { class: "soft" }, "Then add words: “at night”, “with snow” …")));

  async function take(file) {
    events.busy("Reading the image …");
    try {
      const { name } = await api.send("POST", "/uploads", file);
      events.add(`like:upload:${name}`);
    } catch (error) {
      error.message = error.message.replace(/^The image(?= )/u, named(file));
      events.failed(error);
    }
  }

  /** The first image among what was pasted or dropped. */
  const imageOf = (items) => [...(items ?? [])].find((file) => file.type.startsWith("image/") || /\.(hei[cf]|jpe?g|png|webp|tiff?)$/i.test(file.name));
  const named = (file) => `“${isolated(file.name)}”`;
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

  chooser.addEventListener("change", () => {
    const file = chooser.files?.[0];
    if (file) take(file);
    chooser.value = "";
  });
  document.addEventListener("paste", (event) => {
    const file = imageOf(event.clipboardData?.files);
    if (!file) return; // text is for the box
    event.preventDefault();
    take(file);
  });
  let inside = 0;
  const hide = () => {
    inside = 0;
    curtain.hidden = true;
  };
  document.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    inside += 1;
    curtain.hidden = false;
  });
  document.addEventListener("dragleave", () => {
    inside -= 1;
    if (inside <= 0) hide();
  });
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    hide();
    const file = imageOf(event.dataTransfer?.files);
    const other = event.dataTransfer?.files[0];
    if (file) take(file);
    else events.failed(new Error(`${other ? named(other) : "That"} is no image; drop a JPEG, PNG, WebP or HEIC.`));
  });
  return { choose: () => chooser.click() };
}
