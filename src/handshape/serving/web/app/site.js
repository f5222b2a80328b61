/** site.json: what there is, and whether the server is still there. */

const EVERY_MS = 5000;

/**
 * Reads site.json.
 * @param {string|null} token where the server asks for one
 * @throws {Error} no_site
 */
export async function readSite(token) {
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const response = await fetch("site.json", { cache: "no-store", headers });
    if (response.ok) return await response.json();
  } catch {
    // the same to the reader: it is not there
  }
  throw new Error("no_site");
}

/**
 * Asks for site.json every 5 s while the page is seen.
 * @param {function(): (string|null)} token
 * @param {{onsite: function(Object): void, onlost: function(): void}} hooks
 */
export function watchSite(token, hooks) {
  const ask = async () => {
    if (document.hidden) return;
    try {
      hooks.onsite(await readSite(token()));
    } catch {
      hooks.onlost();
    }
  };
  setInterval(ask, EVERY_MS);
  document.addEventListener("visibilitychange", ask);
}
