/** The recogniser itself: networks, and from a bitmap to an answer. It runs off the main thread. */

import { decide, rounded, topOf } from "./decisions.js";
import { HandFinder } from "./finder.js";
import { whereItLooked } from "./heat.js";
import { Pixels, writersOf } from "./inputs.js";
import { LandmarkReader, scaledHand } from "./landmarks.js";
import { openRuntime } from "./litert.js";
import { readNpy } from "./npy.js";
import { PalmDetector } from "./palm.js";

const WARM_UP = 2; // runs of each network: in the first the browser compiles, and sees what is worth compiling better

/**
 * Everything that is needed, loaded and warm.
 *
 * @param {object} site what site.json says
 * @param {URL} root where that is
 * @param {string} token what opens the server's doors; "" where it asks for none
 * @param {(share: number) => void} progress told how much is loaded, 0 to 1
 * @returns {Promise<Session>}
 */
export async function openSession(site, root, token, progress) {
  const { model } = site;
  const version = model.sha256 ? `?v=${model.sha256}` : "";
  const hands = model.finds_hands ? ["hands/palm.tflite", "hands/landmarks.tflite"] : [];
  const files = [`model/model.tflite${version}`, ...hands].map((name) => new URL(name, root));
  const step = counted(2 * files.length + 1, progress);
  const [runtime, ...contents] = await Promise.all([
    step(openRuntime(new URL("litert/wasm/", root))),
    ...files.map((file) => step(bytes(file, token))),
  ]);
  const networks = [];
  for (const content of contents) networks.push(await step(runtime.load(content).then(warm)));
  const activation = new URL(`model/class_activation.npy${version}`, root);
  return new Session(model, networks, model.activation ? readNpy((await bytes(activation, token)).buffer) : null);
}

/** Tells of promises how many of all have been kept. */
function counted(all, progress) {
  let done = 0;
  return async (promise) => {
    const result = await promise;
    progress(++done / all);
    return result;
  };
}

async function bytes(url, token) {
  const response = await fetch(url, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function warm(network) {
  for (let run = 0; run < WARM_UP; run++) await network.run(network.inputShapes.map(() => (target) => target.fill(0)));
  return network;
}

class Session {
  constructor(model, [classifier, palm, landmarks], weights) {
    this.labels = model.labels;
    this.thresholds = model.thresholds;
    this.size = model.size;
    this.count = model.hands ?? Number(model.finds_hands);
    this.classifier = classifier;
    this.channels = classifier.inputShapes.map((shape) => shape.at(-1));
    this.weights = weights;
    this.finder = palm ? new HandFinder(new PalmDetector(palm), new LandmarkReader(landmarks)) : null;
    this.pixels = new Pixels(model.size, Boolean(palm));
    this.followed = null; // the hand of the frame before, in pixels of the bitmap
  }

  /** Forgets the followed hand. */
  forget() {
    this.followed = null;
  }

  /** The answer about a bitmap; see recognizer.js. */
  async recognize(bitmap, { follow = true, heat = false } = {}) {
    const start = performance.now();
    const { width, height } = bitmap;
    const { image, scale } = this.pixels.read(bitmap);
    const hands = this.finder ? await this.find(image, scale, follow) : [];
    const { hand, outputs } = await this.surest(image, hands, scale);
    const [probabilities, features] = outputs;
    const shown = hand && scaledHand(hand, scale);
    if (follow) this.followed = shown;
    const top = topOf(this.labels, probabilities);
    return {
      decision: decide(this.labels, probabilities, this.finder ? Boolean(hand) : null, this.thresholds),
      confidence: rounded(probabilities.reduce((one, other) => Math.max(one, other))),
      top,
      probabilities,
      hand: shown && told(shown),
      heat: heat && features ? this.heat(features, top[0][0], shown, { width, height }) : null,
      width,
      height,
      milliseconds: performance.now() - start,
    };
  }

  /** Hands in the image; of a film the one of the frame before. Where several are looked for, none is followed. */
  async find(image, scale, follow) {
    if (!follow || !this.followed || this.count > 1) return this.finder.find(image, this.count, !follow);
    return this.finder.track(image, scaledHand(this.followed, 1 / scale));
  }

  /** Of several hands the one that the classifier is surest of, and its outputs: probabilities, and maybe features. */
  async surest(image, hands, scale) {
    let best = null;
    for (const hand of hands.length ? hands : [null]) {
      const writers = writersOf(this.channels, image, hand, scale, this.size);
      const shapes = this.classifier.outputShapes;
      const outputs = (await this.classifier.run(writers)).map((values, place) => ({ values, shape: shapes[place] }));
      const [{ values: probabilities }, features] = outputs.sort((one, other) => one.shape.length - other.shape.length);
      const sureness = probabilities.reduce((one, other) => Math.max(one, other));
      if (!best || sureness > best.sureness) best = { hand, sureness, outputs: [probabilities, features] };
    }
    return best;
  }

  heat(features, label, hand, photograph) {
    if (!this.weights) return null;
    return whereItLooked(features, this.weights, this.labels.indexOf(label), hand, photograph);
  }
}

/** A hand as the page is told of it. */
function told({ landmarks, world, handedness, score, box }) {
  const row = (values, number) => [...values.subarray(3 * number, 3 * number + 3)];
  const rows = (values) => Array.from({ length: values.length / 3 }, (_, number) => row(values, number));
  return { landmarks: rows(landmarks), world: rows(world), handedness, score, box: { ...box } };
}
