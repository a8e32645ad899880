/** Where a photograph was taken, on a small map of the cities of the world, as lights in the night. Nothing is fetched
 * from anywhere but this server, which has a table of cities of its own. */

import { el, iconButton } from "./dom.js";
import { colour } from "./theme.js";

const NEAREST = 24;
const MINIMUM = 1;

/** @type {Promise<Float32Array>|null} latitude, longitude, size (0 to 9) of each city */
let cities = null;

function load() {
  cities ??= fetch("/page/world.json").then(async (answer) => {
    if (!answer.ok) throw new Error("The map is not there.");
    const { step, cities: flat } = await answer.json();
    return Float32Array.from(flat, (value, at) => (at % 3 === 2 ? value : value * step));
  });
  cities.catch(() => (cities = null)); // to be tried again
  return cities;
}

/** @param {number} latitude degrees @param {number} longitude degrees @param {string} named */
export function minimap(latitude, longitude, named) {
  const canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { role: "img", "aria-label": `Map: ${named || `${latitude}, ${longitude}`}` }));
  let zoom = 5;
  const turn = (factor) => {
    zoom = Math.max(MINIMUM, Math.min(NEAREST, zoom * factor));
    draw();
  };
  const root = el("div", { class: "map" }, canvas,
    el("div", { class: "map-tools" }, iconButton("plus", "Nearer", () => turn(2)), iconButton("minus", "Farther", () => turn(0.5))));

  async function draw() {
    const dots = await load().catch(() => null);
    if (!root.isConnected) return;
    if (dots === null) {
      root.hidden = true;
      return;
    }
    const density = Math.min(devicePixelRatio, 2);
    const [wide, high] = [root.clientWidth, root.clientHeight];
    canvas.width = wide * density;
    canvas.height = high * density;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.scale(density, density);
    paint(context, dots, wide, high);
  }

  function paint(context, dots, wide, high) {
    const scale = (wide / 360) * zoom; // pixels a degree
    const stretch = zoom > 2 ? 1 / Math.max(0.3, Math.cos((latitude * Math.PI) / 180)) : 1; // shapes are true near the place
    const half = high / 2 / (scale * stretch);
    const y0 = zoom > 2 ? latitude : Math.max(-58 + half, Math.min(80 - half, latitude));
    const x0 = zoom === 1 ? 0 : longitude;
    const at = (lat, lon) => {
      let east = lon - x0;
      if (east > 180) east -= 360;
      if (east < -180) east += 360;
      return [wide / 2 + east * scale, high / 2 - (lat - y0) * scale * stretch];
    };
    context.fillStyle = colour("map-light");
    for (let i = 0; i < dots.length; i += 3) {
      const [x, y] = at(dots[i], dots[i + 1]);
      if (x < -4 || y < -4 || x > wide + 4 || y > high + 4) continue;
      const size = dots[i + 2];
      context.globalAlpha = Math.min(1, 0.24 + 0.09 * size + 0.02 * zoom);
      const radius = (0.45 + 0.16 * size) * (0.8 + 0.12 * zoom ** 0.6);
      if (radius < 1) context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
      else {
        context.beginPath();
        context.arc(x, y, radius, 0, 7);
        context.fill();
      }
    }
    const [x, y] = at(latitude, longitude);
    context.strokeStyle = context.fillStyle = colour("accent");
    context.globalAlpha = 0.25;
    context.beginPath();
    context.arc(x, y, 13, 0, 7);
    context.fill();
    context.globalAlpha = 1;
    context.beginPath();
    context.arc(x, y, 4.5, 0, 7);
    context.fill();
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5;
    context.stroke();
  }

  new ResizeObserver(draw).observe(root);
  addEventListener("theme", () => root.isConnected && draw());
  return root;
}
