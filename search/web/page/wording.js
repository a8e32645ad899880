/**
 * The server's sentences in the words of this page, as search/web/wording.py has the library's in those of the API.
 *
 * A sentence names its next step between backticks, as a parameter of the API or a command of the shell. Here it becomes
 * what can be done on the page, or a command for a terminal:
 *
 *     `min_probability=0.5` leaves it out     min:50% leaves it out
 *     `search index` adds them                “Look for changes” in Collections adds them
 *     `search doctor --repair` mends it       “search doctor --repair” in a terminal mends it
 */

const FIELDS = { sort: "sort", to: "to", min_probability: "min" };
/** Whole steps that are others here. */
const STEPS = [
  [/like:(.+?) names a file, which a server opens for nobody;.*$/su, "like:$1 names a file, which the page cannot open; drop, paste or choose the image instead."],
  [/ names no photograph; take its number .*$/su, " names no photograph; look for it anew."],
  [/like:(?:upload:)?(.*?) names no upload;.*$/su, "“$1” is no image that was given here; drop, paste or choose it anew."],
  [/like:- is standard input.*$/su, "like:- names no image; drop, paste or choose one instead."],
  [/; take one that an answer gave, as `id`.*$/su, "; look for it anew."],
  [/; name one with `--reranker`(?=\.$)/u, ""],
  [/is no id of a hit; JSON has them\./u, "is no number of a photograph; select photographs, and search within them."],
  [/The hit of this id, as JSON has it\./u, "The photograph of this number."],
  [/\bPOST \/map makes it\b/u, "make it here"],
  [/; leave out paths=true\b/u, ""],
  [/\bsee the API's document\b/u, "load the page anew"],
  [/A query that is a str is words(.*?); Path\(\.\.\.\) asks .*$/su, "This is looked for as words$1; to ask with an image, drop, paste or choose it."],
  [/, with search\.open\([^)]*\)/u, ""],
  [/; send it as `Authorization: .*$/su, "; load the page anew, and give it."],
  [/This `after` is .*$/su, "The collection has changed since; search again."],
  [/This `cursor` is .*$/su, "The collection has changed since; load the page anew."],
  [/^`([a-z_]+)` takes (.*)$/su, "$1 takes $2"],
  [/^`([a-z_.]+)`:? (?=cannot be used)/u, "$1 "],
];

/** @param {string} text @returns {string} */
export function inPageWords(text) {
  const stepped = STEPS.reduce((said, [step, here]) => said.replace(step, /** @type {string} */ (here)), text);
  return stepped.replace(/`([^`]+)`/g, (_, code) => translated(code));
}

function translated(code) {
  const [, name, given] = /^([a-z_]+)=(.*)$/su.exec(code) ?? [];
  if (name in FIELDS) return `${FIELDS[name]}:${value(name, given)}`;
  if (code in FIELDS) return `${FIELDS[code]}:`;
  if (code === "rerank=0") return terminal("search query --no-rerank");
  if (code === "search index") return "“Look for changes” in Collections";
  return /^(?:search [a-z]|--[a-z])/u.test(code) ? terminal(code) : `“${code}”`;
}

/** `min:50%`, `sort:-date`. */
function value(name, given) {
  const bare = given.replace(/^['"]|['"]$/gu, "");
  return name === "min_probability" && Number(bare) >= 0 ? `${Number((100 * Number(bare)).toFixed(4))}%` : bare;
}

const terminal = (command) => `“${command}” in a terminal`;
