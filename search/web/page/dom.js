/** Elements made in code. Text becomes text nodes, always: what comes from the server is never read as HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** Outlines on a field of 24 by 24. */
const ICONS = {
  aperture: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 3l4.5 7.8M19.8 7.5h-9M19.8 16.5l-4.5-7.8M12 21l-4.5-7.8M4.2 16.5h9M4.2 7.5l4.5 7.8",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.4 15.4 20 20",
  close: "M6 6l12 12M18 6 6 18",
  image: "M4 5h16v14H4zM4 16l4.5-4.5 4 4L15 13l5 4.5M15.2 9.2h.1",
  dates: "M4 6h16v14H4zM4 10.5h16M8.5 3.5V8M15.5 3.5V8",
  library: "M4 6.5h6l2 2.5h8v10H4zM8 13h8",
  theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  help: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M9.6 9.6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.2.9-1.2 1.9M12 16.6v.1",
  plus: "M12 5v14M5 12h14",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  check: "M5.5 12.5l4.2 4.2 8.8-9.2",
  download: "M12 4v11M7.5 10.8 12 15.3l4.5-4.5M5 19.5h14",
  original: "M13 5h6v6M19 5l-8 8M9 6H5v13h13v-4",
  reveal: "M4 6.5h6l2 2.5h8v10H4zM12 16v-4M9.9 13.8 12 11.7l2.1 2.1",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  similar: "M4 5h7v7H4zM13.5 8.5H20v11H9V14.500",
  explain: "M12 4.5v2M12 17.500v2M4.500 12h2M17.500 12h2M6.700 6.700l1.400 1.400M15.900 15.900l1.400 1.400M17.300 6.700l-1.400 1.400M8.100 15.900l-1.400 1.400M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  info: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M12 11v5.500M12 7.700v.1",
  minus: "M6 12h12",
  atlas: "M6.5 8.500h.1M10 5.500h.1M9.500 11h.1M16 7h.1M18.500 10h.1M15 11.500h.1M7 16.500h.1M11 18.500h.1M13 15.500h.1M18 17h.1",
  whole: "M4.500 9.500v-5h5M14.500 4.500h5v5M19.500 14.500v5h-5M9.500 19.500h-5v-5",
  lasso: "M12 4.500c4.700 0 8.500 2.500 8.500 5.700s-3.800 5.700-8.500 5.700-8.500-2.500-8.500-5.700S7.300 4.500 12 4.500M7 15.200c-1.500 1-1.300 3 .3 3.300 1.700.3 2 2-.3 2.500",
  all: "M4 4.500h7v7H4zM13 4.500h7v7h-7zM4 13.500h7v6H4zM14 16.500l2.200 2.200 4.300-4.700",
  list: "M9 6.500h11M9 12h11M9 17.500h11M4.500 6.500h.1M4.500 12h.1M4.500 17.500h.1",
  within: "M10.500 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.4 15.4 20 20M8 10.500h5",
  filter: "M5 7h14M8 12h8M10.500 17h3",
};

/**
 * @param {string} tag
 * @param {Object<string, any>} [attributes] `on`: listeners by event; `data`: dataset; true and false for switches
 * @param {...(Node|string|number|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map(asNode));
  return element;
}

/** @param {Node|string|number} child */
function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/**
 * @param {string} tag
 * @param {Object<string, string|number>} attributes
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return /** @type {SVGElement} */ (element);
}

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

/**
 * A button with an icon, whose label is its tooltip too.
 * @param {keyof typeof ICONS} name
 * @param {string} label
 * @param {(event: Event) => void} click
 * @param {Object<string, any>} [more]
 */
export function iconButton(name, label, click, more = {}) {
  const { text, ...attributes } = more;
  const said = text ? el("span", { class: "caption" }, text) : null;
  const given = { type: "button", class: "tool", "aria-label": label, title: label, on: { click }, ...attributes };
  return el("button", given, icon(name), said);
}

/**
 * Put something in the place of what is there.
 * @param {Element} parent
 * @param {...(Node|string|null|undefined|false)} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.filter(Boolean).map((child) => asNode(/** @type {Node|string} */ (child))));
}

/** @returns {HTMLElement} the element of that id, which index.html has */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}.`);
  return found;
}
