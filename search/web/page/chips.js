/** What a line says besides words, each to be taken away by a click; and a menu of what it could say. */

import { el, fill, icon } from "./dom.js";
import { MENU } from "./fields.js";
import { chosen, parts, without } from "./line.js";
import { isolated, photographs } from "./words.js";

/**
 * @param {HTMLElement} root
 * @param {import("./api.js").Api} api
 * @param {ReturnType<typeof import("./fields.js").createFields>} fields
 * @param {{ask: (line: string) => void, begin: (text: string) => void, focus: () => void}} events
 */
export function createChips(root, api, fields, events) {
  const list = el("ul", { class: "chip-list", "aria-label": "Filters, images and what is not wanted" });
  const menu = el("div", { class: "menu", id: "filter-menu", role: "menu", "aria-label": "Filters", hidden: true });
  const open = el("button", {
    type: "button", class: "chip add", "aria-haspopup": "menu", "aria-expanded": "false", "aria-controls": "filter-menu",
    on: { click: () => toggle(menu.hidden) },
  }, icon("plus"), "filter");
  fill(root, list, el("div", { class: "menu-place" }, open, menu));

  function toggle(opened) {
    if (opened) {
      fill(menu, ...MENU.filter(([name]) => fields.known.has(name)).map(([name, says], at) =>
        el("button", {
          type: "button", role: "menuitem", tabindex: at ? "-1" : "0", title: fields.get(name)?.says ?? "",
          on: { click: () => { toggle(false); events.begin(`${name}:`); } },
        }, says, el("span", { class: "says", "aria-hidden": "true" }, `${name}:`))));
    }
    menu.hidden = !opened;
    open.setAttribute("aria-expanded", String(opened));
    if (opened) {
      const { left, bottom } = open.getBoundingClientRect();
      menu.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - menu.offsetWidth - 8))}px`;
      menu.style.top = `${bottom + 6}px`;
      menu.style.maxHeight = `${innerHeight - bottom - 14}px`;
      /** @type {HTMLElement|null} */ (menu.firstElementChild)?.focus();
    }
  }

  menu.addEventListener("keydown", (event) => {
    const items = /** @type {HTMLElement[]} */ ([...menu.children]);
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") {
      toggle(false);
      open.focus();
    } else if (to !== undefined) {
      items[(to + items.length) % items.length].focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!menu.hidden && !menu.contains(/** @type {Node} */ (event.target)) && !open.contains(/** @type {Node} */ (event.target))) toggle(false);
  });
  addEventListener("scroll", () => menu.hidden || toggle(false), { passive: true });

  function chip(line, part) {
    const said = said_of(part);
    const take = () => {
      events.ask(without(line, part));
      events.focus();
    };
    return el("li", { class: `chip ${part.kind}`, data: { field: part.field ?? part.kind } },
      part.image && picture(part.image),
      el("span", { class: "chip-text", dir: "auto" }, part.image ? "like this" : said),
      el("button", { type: "button", class: "chip-off", "aria-label": `Take away ${part.image ? "the image" : isolated(said)}`, on: { click: take } }, icon("close")));
  }

  function picture(name) {
    const path = name.startsWith("#") ? `/items/${name.slice(1)}/thumbnail` : `/uploads/${name.slice("upload:".length)}/thumbnail`;
    const image = el("img", { src: api.address(path, name.startsWith("#") ? { size: 256 } : {}), alt: "", class: "chip-image" });
    image.addEventListener("error", () => image.remove());
    return image;
  }

  return {
    show(line) {
      const shown = parts(line, fields.known).filter((part) => part.kind !== "words");
      fill(list, ...shown.map((part) => chip(line, part)));
      root.classList.toggle("none", !shown.length);
    },
  };
}

/** "camera: canon", "not people". */
function said_of(part) {
  if (part.kind === "minus") return `not ${part.value.replace(/^-/, "")}`;
  if (chosen(part)) return `${part.negated ? "not among" : "among"} ${photographs(chosen(part))}`;
  if (part.field === undefined) return part.text;
  return `${part.negated ? "not " : ""}${part.field}: ${part.value}`;
}
