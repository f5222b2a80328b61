/** What this device remembers between visits; nothing where the browser forbids it. */

const PREFIX = "handshape.";

/** A value that was kept, or `fallback`. */
export function recall(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Keeps a value that JSON can hold. */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // private windows and full disks: the page works without memory
  }
}
