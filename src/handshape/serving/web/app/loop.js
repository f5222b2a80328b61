/** One frame after the other from a source to the recogniser; a frame that comes while one is read is dropped. */
import { make } from "./dom.js";

const PAUSE_MS = 700; // after a failure
const DARKNESS_EVERY = 8; // frames

/**
 * Reads a source until it is stopped.
 * @param {Object} source of sources.js
 * @param {{recognizer: Object|null}} context the recogniser may come later, and may be exchanged
 * @param {{onanswer: function(Object, Object): void, onerror: function(Error): void, heat: function(): boolean, pause: function(): number}} hooks
 *   onanswer gets the answer and {time, brightness}: milliseconds of the page's clock, mean brightness 0 to 255;
 *   pause is how long to rest after a frame, in milliseconds
 * @returns {function(): void} that stops it
 */
export function readSource(source, context, hooks) {
  let stopped = false;
  const meter = new LightMeter();
  let kept = { answer: null, recognizer: null, heat: false };
  const readOnce = async (recognizer, heat) => {
    if (source.still && kept.recognizer === recognizer && kept.heat === heat) return kept.answer;
    const bitmap = await source.grab();
    meter.see(bitmap);
    const answer = await recognizer.recognize(bitmap, { follow: !source.still, heat });
    if (answer) kept = { answer, recognizer, heat }; // null: another picture came first
    return answer;
  };
  const run = async () => {
    while (!stopped) {
      const { recognizer } = context;
      if (recognizer && source.playing && !document.hidden) {
        try {
          const answer = await readOnce(recognizer, hooks.heat());
          if (answer && !stopped) hooks.onanswer(answer, { time: performance.now(), brightness: meter.brightness });
          if (hooks.pause()) await new Promise((resolve) => setTimeout(resolve, hooks.pause()));
        } catch (error) {
          if (!stopped && recognizer === context.recognizer) hooks.onerror(error);
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        }
      }
      if (!stopped) await source.next();
    }
  };
  run();
  return () => {
    stopped = true;
    context.recognizer?.forget?.();
  };
}

/** Mean brightness of a picture, measured now and then on a thumbnail. */
class LightMeter {
  constructor() {
    this.brightness = 128;
    this.frames = 0;
    const canvas = make("canvas", { width: 24, height: 18 });
    this.context = canvas.getContext("2d", { willReadFrequently: true });
  }

  see(bitmap) {
    if (this.frames++ % DARKNESS_EVERY) return;
    this.context.drawImage(bitmap, 0, 0, 24, 18);
    const { data } = this.context.getImageData(0, 0, 24, 18);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
    this.brightness = sum / (data.length / 4);
  }
}
