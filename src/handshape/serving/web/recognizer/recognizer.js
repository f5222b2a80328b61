/**
 * What the page calls: a recogniser on this device or, where WebAssembly cannot run, on the server.
 *
 * @typedef {object} Answer
 * @property {string} decision a label, "unknown" or "no hand"
 * @property {number} confidence calibrated probability of the most probable label, 0 to 1
 * @property {[string, number][]} top at most five labels with their probabilities, best first
 * @property {Float32Array | null} probabilities of every label; null where a server answered
 * @property {?{landmarks: number[][], world: number[][], handedness: "Left" | "Right", score: number,
 *   box: import("./boxes.js").Box}} hand landmarks in pixels, world in metres, the square it was read from
 * @property {?{values: Float32Array, width: number, height: number, box: import("./boxes.js").Box}} heat 0 to 1
 * @property {number} width of the bitmap in pixels
 * @property {number} height of the bitmap in pixels
 * @property {number} milliseconds from bitmap to decision
 */

import { canRun } from "./litert.js";
import { Newest } from "./newest.js";
import { openStream } from "./stream.js";

const ROOT = new URL("../", import.meta.url); // where site.json is

/**
 * A recogniser, ready.
 *
 * @param {object} site what site.json says
 * @param {{onProgress?: (share: number) => void, token?: string}} [options] told how much is loaded, 0 to 1; what opens
 *   the server's doors, where it asks for a token
 * @returns {Promise<DeviceRecognizer | import("./stream.js").StreamRecognizer>}
 * @throws {Error} with a key of words.js: recognizer_unreachable, recognizer_unsupported
 */
export async function openRecognizer(site, { onProgress = () => {}, token = "" } = {}) {
  try {
    return await openDevice(site, onProgress, token);
  } catch (error) {
    if (site.server) return openStream(site, ROOT, token);
    throw error;
  }
}

async function openDevice(site, onProgress, token) {
  if (site.device === false) throw new Error("recognizer_unreachable"); // the server lacks what it takes
  if (!canRun() || typeof OffscreenCanvas !== "function") throw new Error("recognizer_unsupported");
  const thread = new Thread(new Worker(new URL("worker.js", import.meta.url), { type: "module" }), onProgress);
  try {
    await thread.ask("open", { site, root: ROOT.href, token });
  } catch (cause) {
    thread.end();
    throw new Error("recognizer_unreachable", { cause });
  }
  return new DeviceRecognizer(site.model, thread);
}

class DeviceRecognizer {
  backend = "device";

  constructor({ labels, thresholds, sha256 }, thread) {
    Object.assign(this, { labels, thresholds, sha256, thread, newest: new Newest() });
  }

  /**
   * The answer about a picture, unmirrored, which is then no longer the caller's.
   *
   * One picture is worked on at a time. Of those that come meanwhile only the newest waits; the others are answered by
   * null.
   *
   * @param {ImageBitmap} bitmap
   * @param {{follow?: boolean, heat?: boolean}} [options] whether it is a frame of a film, in which the hand is looked
   *   for where it was; whether to tell where the model looked
   * @returns {Promise<Answer | null>}
   */
  recognize(bitmap, options = {}) {
    return this.newest.add(() => this.thread.ask("recognize", { bitmap, options }, [bitmap]), () => bitmap.close());
  }

  /** Forgets the followed hand. */
  forget() {
    if (!this.thread.hasEnded) this.thread.ask("forget").catch(() => {}); // it was closed meanwhile, and has none
  }

  /** Ends the thread; what was asked of it is answered by an error. */
  close() {
    this.thread.end();
  }
}

/** A worker that is asked and answers. */
class Thread {
  constructor(worker, onProgress) {
    this.worker = worker;
    this.asked = new Map();
    this.count = 0;
    this.hasEnded = false;
    worker.onmessage = ({ data }) => ("progress" in data ? onProgress(data.progress) : this.settle(data));
    worker.onerror = (event) => {
      event.preventDefault();
      this.fail(event.message || "the worker could not be started");
    };
  }

  ask(task, given = {}, transfer = []) {
    const number = this.count++;
    return new Promise((resolve, reject) => {
      this.asked.set(number, { resolve, reject });
      try {
        if (this.hasEnded) throw new Error("the recogniser was closed");
        this.worker.postMessage({ number, task, ...given }, transfer);
      } catch (error) {
        this.settle({ number, error: error.message }); // a picture that was closed, too
      }
    });
  }

  settle({ number, answer, error }) {
    const { resolve, reject } = this.asked.get(number);
    this.asked.delete(number);
    if (error === undefined) resolve(answer);
    else reject(new Error("recognizer_failed", { cause: new Error(error) }));
  }

  fail(message) {
    for (const { reject } of this.asked.values()) reject(new Error("recognizer_failed", { cause: new Error(message) }));
    this.asked.clear();
  }

  end() {
    this.hasEnded = true;
    this.worker.terminate();
    this.fail("the recogniser was closed");
  }
}
