/** Talks to the server: JSON in and out, its sentence where it refuses, and whether it is there at all. */

import { inPageWords } from "./wording.js";

const BASE = "/api/v1";

/** A refusal. `message` is the server's sentence, `kind` the name of the problem. */
export class ApiError extends Error {
  /** @param {number} status @param {string} kind @param {string} detail */
  constructor(status, kind, detail) {
    super(inPageWords(detail));
    this.status = status;
    this.kind = kind;
  }
}

/** The server did not answer. */
export class UnreachableError extends Error {
  constructor() {
    super("The server does not answer.");
  }
}

/** Whether an error says only that a newer request took the place of this one. */
export const wasDropped = (error) => error instanceof DOMException && error.name === "AbortError";

/**
 * @typedef {Object} Api
 * @property {(path: string, params?: Object<string, any>, signal?: AbortSignal) => Promise<any>} get
 * @property {(method: string, path: string, body?: any, signal?: AbortSignal) => Promise<any>} send
 * @property {(path: string, body?: any) => Promise<Blob>} blob
 * @property {(ids: number[]) => Promise<{content: Blob, leftOut: number}>} zip `leftOut`: how many are not in it
 * @property {(path: string) => Promise<ArrayBuffer>} bytes
 * @property {(path: string, params?: Object<string, any>) => string} address
 * @property {(listener: (there: boolean) => void) => void} onReach
 */

/** @returns {Api} */
export function createApi() {
  /** @type {Array<(there: boolean) => void>} */
  const listeners = [];
  let there = true;

  function reached(now) {
    if (now === there) return;
    there = now;
    listeners.forEach((listener) => listener(now));
    if (!now) retry();
  }

  async function retry() {
    while (!there) {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      try {
        if ((await fetch(`${BASE}/health`, { cache: "no-store" })).ok) reached(true);
      } catch {
        // Still away: ask again.
      }
    }
  }

  async function ask(path, options) {
    let answer;
    try {
      answer = await (early(path) ?? fetch(path, { credentials: "same-origin", ...options }));
    } catch (error) {
      if (wasDropped(error)) throw error;
      reached(false);
      throw new UnreachableError();
    }
    reached(true);
    if (answer.status === 401) location.reload(); // the token is asked for there
    if (!answer.ok) throw await problem(answer);
    return answer;
  }

  const sent = (path, body) => ask(`${BASE}${path}`, body === undefined ? {} : { method: "POST", ...carried(body) });
  const json = async (answer) => (answer.status === 204 ? null : answer.json());

  return {
    address: (path, params = {}) => `${BASE}${path}${asked(params)}`,
    get: async (path, params = {}, signal) => json(await ask(`${BASE}${path}${asked(params)}`, { signal })),
    send: async (method, path, body, signal) => json(await ask(`${BASE}${path}`, { method, signal, ...carried(body) })),
    blob: async (path, body) => (await sent(path, body)).blob(),
    zip: async (ids) => {
      const answer = await sent("/downloads", { ids });
      return { content: await answer.blob(), leftOut: Number(answer.headers.get("Search-Left-Out") ?? 0) };
    },
    bytes: async (path) => (await ask(`${BASE}${path}`, {})).arrayBuffer(),
    onReach: (listener) => void listeners.push(listener),
  };
}

/** What `early.js` has asked for, the first time that it is wanted. */
function early(path) {
  const begun = globalThis.firstAnswer;
  delete globalThis.firstAnswer; // whatever comes first is the first page, or has come too late for it
  return begun?.address === path ? begun.answer : undefined;
}

/** Parameters that are known, as an address has them. */
function asked(params) {
  const known = Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return known.length ? `?${new URLSearchParams(known.map(([name, value]) => [name, String(value)]))}` : "";
}

function carried(body) {
  if (body === undefined) return {};
  if (body instanceof Blob) return { body, headers: { "Content-Type": body.type || "application/octet-stream" } };
  return { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}

async function problem(answer) {
  try {
    const told = await answer.json();
    if (typeof told.detail === "string") return new ApiError(answer.status, String(told.type), told.detail);
  } catch {
    // No sentence came with it.
  }
  return new ApiError(answer.status, "http", `The server refused this (${answer.status}); try again.`);
}
