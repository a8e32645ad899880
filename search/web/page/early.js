// Before the first paint: the theme that was chosen here. What follows the system needs nothing.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; then the system's theme it is.
  }
})();
// The first photographs are asked for while the modules are still on their way; `api.js` takes the answer.
(() => {
  const line = new URLSearchParams(location.search).get("q");
  const address = line
    ? `/api/v1/search?${new URLSearchParams([["q", line], ["k", "60"]])}`
    : "/api/v1/items?sort=-date&kind=image&limit=60";
  const answer = fetch(address, { credentials: "same-origin" });
  answer.catch(() => {}); // told where it is taken
  globalThis.firstAnswer = { address, answer };
})();
