/** The recogniser's interface over a server's stream, for browsers that cannot compute themselves. */

import { scaledBox } from "./boxes.js";
import { Newest } from "./newest.js";

const LARGEST = 640; // pixels of a frame's longer side; hands are not found better in larger ones
const QUALITY = 0.9;
const PATIENCE = 10_000; // milliseconds
const SUBPROTOCOL = "handshape";

/**
 * A recogniser on the server, connected.
 *
 * @param {object} site what site.json says
 * @param {URL} root where that is
 * @param {string} token what opens the server's doors; "" where it asks for none
 * @returns {Promise<StreamRecognizer>}
 * @throws {Error} recognizer_unreachable
 */
export async function openStream(site, root, token) {
  const recognizer = new StreamRecognizer(site.model, root, token);
  await recognizer.connect();
  return recognizer;
}

export class StreamRecognizer {
  backend = "server";

  constructor({ labels, thresholds, sha256 }, root, token) {
    const url = new URL("v1/stream?landmarks=1", root);
    url.protocol = url.protocol.replace("http", "ws");
    const protocols = token ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL];
    Object.assign(this, { labels, thresholds, sha256, url, protocols });
    this.newest = new Newest();
    this.canvas = document.createElement("canvas");
    this.socket = null;
    this.isOver = false; // whether the next frame is of another film
    this.asked = null; // the promise of an answer
  }

  /** Opens a stream; the server follows one hand as long as it is open. */
  connect() {
    this.close();
    const socket = new WebSocket(this.url, this.protocols);
    this.socket = socket;
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onmessage = ({ data }) => this.asked?.resolve(JSON.parse(data));
      socket.onclose = () => {
        const lost = new Error("recognizer_unreachable");
        reject(lost);
        if (socket === this.socket) this.asked?.reject(lost);
      };
    });
  }

  /** As on the device; without probabilities of all labels, and without heat. */
  recognize(bitmap, { follow = true } = {}) {
    return this.newest.add(() => this.answer(bitmap, follow), () => bitmap.close());
  }

  /** Forgets the followed hand: the next frame starts a stream of its own. */
  forget() {
    this.isOver = true;
  }

  close() {
    const { socket } = this;
    this.socket = null;
    this.isOver = false;
    socket?.close();
    this.asked?.reject(new Error("recognizer_unreachable"));
  }

  async answer(bitmap, follow) {
    const { width, height } = bitmap;
    const start = performance.now();
    if (this.isOver || !follow || this.socket?.readyState !== WebSocket.OPEN) await this.connect();
    this.isOver = !follow;
    const { frame, scale } = await this.encoded(bitmap);
    const { decision, confidence, top, hand, error } = await this.exchange(frame);
    if (error) throw new Error("recognizer_failed", { cause: error });
    const told = { decision, confidence, top, probabilities: null, hand: scaled(hand, scale), heat: null };
    return { ...told, width, height, milliseconds: performance.now() - start };
  }

  /** A bitmap as the bytes of a JPEG, and how many times larger the bitmap is. */
  async encoded(bitmap) {
    const scale = Math.max(1, Math.max(bitmap.width, bitmap.height) / LARGEST);
    this.canvas.width = Math.round(bitmap.width / scale);
    this.canvas.height = Math.round(bitmap.height / scale);
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
    bitmap.close();
    const blob = await new Promise((resolve) => this.canvas.toBlob(resolve, "image/jpeg", QUALITY));
    return { frame: await blob.arrayBuffer(), scale };
  }

  async exchange(frame) {
    const answer = new Promise((resolve, reject) => (this.asked = { resolve, reject }));
    const timer = setTimeout(() => this.asked?.reject(new Error("recognizer_unreachable")), PATIENCE);
    try {
      this.socket.send(frame);
      return await answer;
    } finally {
      clearTimeout(timer);
      this.asked = null;
    }
  }
}

/** A hand of the frame that was sent, in pixels of the bitmap; a server that tells no landmarks tells of no hand. */
function scaled(hand, factor) {
  if (!hand?.landmarks) return null;
  const [x, y, width, angle] = hand.square;
  const box = scaledBox({ x, y, width, height: width, angle }, factor);
  const landmarks = hand.landmarks.map((point) => point.map((value) => value * factor));
  const { world, handedness, score } = hand;
  return { landmarks, world, handedness, score, box };
}
