/** What screen readers are told: politely, and not more often than one can listen to. */

const BETWEEN_MS = 1500;

/**
 * A function that announces texts through a live region; of several in a short time the last is said.
 * @param {HTMLElement} region with aria-live
 * @returns {function(string): void}
 */
export function openAnnouncer(region) {
  let last = -BETWEEN_MS;
  let waiting = null;
  let timer = null;
  const speak = () => {
    timer = null;
    last = performance.now();
    region.textContent = waiting;
  };
  return (text) => {
    waiting = text;
    timer ??= setTimeout(speak, Math.max(0, last + BETWEEN_MS - performance.now()));
  };
}
