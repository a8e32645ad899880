/** The points of the map on the graphics card: one buffer, one draw call, however many there are. */

import { colour } from "./theme.js";

const VERTEX = `#version 300 es
in vec2 place; in vec4 tint; uniform vec2 scale; uniform vec2 shift; uniform float size; uniform float quiet;
out vec4 shade; out float soft;
void main() {
  float marked = step(0.5, tint.a);
  float grown = mix(size, max(size * 1.7, size + 4.0), marked);
  gl_Position = vec4(place * scale + shift, 0.5 - 0.4 * tint.a, 1.0);
  gl_PointSize = grown;
  soft = 2.0 / grown;
  shade = vec4(tint.rgb, mix(mix(0.92, 0.34, quiet), 1.0, marked));
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 shade; in float soft; out vec4 drawn;
void main() {
  float away = length(gl_PointCoord - 0.5) * 2.0;
  float cover = 1.0 - smoothstep(1.0 - min(soft, 1.0), 1.0, away);
  if (cover < 0.05) discard;
  drawn = vec4(shade.rgb, 1.0) * shade.a * cover;
}`;
/** x and y as float32, then red, green, blue and the mark as bytes. */
const STRIDE = 12;
export const MARK = { none: 0, hit: 170, picked: 255 };

/**
 * @param {HTMLCanvasElement} canvas
 * @returns null where there is no WebGL 2
 */
export function createPoints(canvas) {
  const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true });
  if (!gl) return null;
  let bytes = new Uint8Array(0);
  let count = 0;
  let marked = false;
  /** @type {Object<string, WebGLUniformLocation|null>} */
  let at = {};

  function prepare() {
    const program = /** @type {WebGLProgram} */ (gl.createProgram());
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(Number(kind)));
      gl.shaderSource(shader, String(text));
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return;
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    const [place, tint] = [gl.getAttribLocation(program, "place"), gl.getAttribLocation(program, "tint")];
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 2, gl.FLOAT, false, STRIDE, 0);
    gl.enableVertexAttribArray(tint);
    gl.vertexAttribPointer(tint, 4, gl.UNSIGNED_BYTE, true, STRIDE, 8);
    at = Object.fromEntries(["scale", "shift", "size", "quiet"].map((name) => [name, gl.getUniformLocation(program, name)]));
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL); // what is marked lies above
    upload();
  }
  const upload = () => gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.DYNAMIC_DRAW);
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", prepare);
  prepare();

  return {
    /**
     * @param {Float32Array} positions x and y of each
     * @param {Uint8Array} groups which colour each has
     * @param {(at: number) => number} markOf
     */
    fill(positions, groups, markOf) {
      count = groups.length;
      const palette = colours();
      const buffer = new ArrayBuffer(count * STRIDE);
      const floats = new Float32Array(buffer);
      bytes = new Uint8Array(buffer);
      const hit = parsed(colour("accent"));
      marked = false;
      for (let one = 0; one < count; one += 1) {
        const mark = markOf(one);
        marked ||= mark > 0;
        floats[one * 3] = positions[one * 2];
        floats[one * 3 + 1] = positions[one * 2 + 1];
        bytes.set(mark ? hit : palette[groups[one] % palette.length], one * STRIDE + 8);
        bytes[one * STRIDE + 11] = mark;
      }
      upload();
    },
    /** @param {{scale: [number, number], shift: [number, number], size: number}} view in clip space; size in pixels */
    draw(view) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniform2f(at.scale, ...view.scale);
      gl.uniform2f(at.shift, ...view.shift);
      gl.uniform1f(at.size, view.size);
      gl.uniform1f(at.quiet, marked ? 1 : 0);
      gl.drawArrays(gl.POINTS, 0, count);
    },
    /** Wait until it is drawn; for those who measure. */
    finish: () => gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)), // `gl.finish` does not wait
  };
}

/** Of the groups, as the theme has them. */
function colours() {
  return colour("map-groups").split(/\s+/).map(parsed);
}

/** @param {string} hex "#rrggbb" */
function parsed(hex) {
  const number = Number.parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}
