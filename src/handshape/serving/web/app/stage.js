/**
 * The picture with its controls: camera, photographs, films or drawn hands, and what is drawn over them.
 * Fires "answer" with {answer, time, brightness, still} and "idle" when there is no picture any more.
 */
import { drawAnswer } from "./overlay.js";
import { cameraSource } from "./sources.js";
import { coverFor } from "./cover.js";
import { icon, make, segmented } from "./dom.js";
import { readSource } from "./loop.js";
import { openHands, openPhotos } from "./stills.js";
import { remember } from "./settings.js";
import { say, sayError } from "./text.js";

export class Stage extends EventTarget {
  /**
   * @param {Object} context of main.js
   * @param {{heat?: boolean, firstHand?: string}} options whether to offer the heat map; which drawn hand is shown
   *   when those are chosen, none by default
   */
  constructor(context, options = {}) {
    super();
    this.context = context;
    this.marked = [];
    this.heat = false;
    this.pause = 0; // milliseconds after each frame
    this.source = null;
    this.strip = null;
    this.last = null;
    this.firstHand = options.firstHand ?? null;
    this.#build(options);
    this.#listen();
    this.choose(context.picture.kind);
  }

  /**
   * Chooses where pictures come from.
   * @param {"camera"|"photos"|"hands"|null} kind null for the welcome
   * @param {string|null} [label] of the drawn hand that is shown first
   */
  choose(kind, label = this.firstHand) {
    this.context.picture.kind = kind;
    this.switch.choose(kind);
    this.strip?.close();
    this.strip = null;
    this.use(null);
    if (kind !== "camera") this.context.camera.stop();
    if (kind === "camera") {
      remember("source", kind);
      if (this.context.camera.state === "on") this.#cameraChanged();
      else this.context.camera.start();
    }
    if (kind === "photos") this.strip = openPhotos(this);
    if (kind === "hands") this.strip = openHands(this, label);
    this.below.replaceChildren(...(this.strip ? [this.strip.element] : []));
    this.#cover();
  }

  /** Shows and reads a source of sources.js; null for none. */
  use(source) {
    this.stopReading?.();
    this.source?.close();
    this.source = source;
    this.last = null;
    this.media.replaceChildren(...(source ? [source.element] : []));
    this.frame.classList.toggle("mirrored", Boolean(source?.mirrored));
    this.element.classList.toggle("filled", Boolean(source));
    drawAnswer(this.canvas, null, { width: 4, height: 3 });
    this.dispatchEvent(new Event("idle"));
    this.#cover();
    this.stopReading = source && readSource(source, this.context, {
      heat: () => this.heat,
      pause: () => this.pause,
      onanswer: (answer, about) => this.#answer(source, answer, about),
      onerror: (error) => this.#failed(error),
    });
  }

  /** Draws these fingers in the warning colour. */
  mark(fingers) {
    this.marked = fingers;
  }

  /** The picture as it is now, as the camera saw it: an ImageBitmap, or null. */
  async grab() {
    return this.source?.playing ? this.source.grab() : null;
  }

  /** Files that were dropped, pasted or opened elsewhere. */
  open(files) {
    this.context.picture.files = [...files];
    this.choose("photos");
  }

  close() {
    this.use(null);
    this.strip?.close();
    this.unlisten.abort();
    this.letGo();
  }

  #build({ heat }) {
    this.media = make("div.media");
    this.canvas = make("canvas.overlay", { "aria-hidden": "true" });
    this.cover = make("div.cover");
    this.frame = make("div.frame", {}, this.media, this.canvas, this.cover);
    this.below = make("div.below");
    const kinds = ["camera", "photos", ...(this.#hasHands() ? ["hands"] : [])];
    this.switch = segmented(
      say("source"), kinds.map((kind) => ({ value: kind, words: say(`source_${kind}`), icon: kind })), null,
      (kind) => this.choose(kind)
    );
    this.controls = make("div.controls", {}, this.switch, this.#cameraChooser(), heat ? this.#heatSwitch() : null);
    this.element = make("section.stage", { "aria-label": say("picture") }, this.frame, this.controls, this.below);
  }

  #hasHands() {
    return Object.keys(this.context.site.practice ?? {}).length > 0;
  }

  #cameraChooser() {
    this.chooser = make("select.chooser", { "aria-label": say("camera_choose"), hidden: true });
    this.chooser.addEventListener("change", () => this.context.camera.start(this.chooser.value));
    return this.chooser;
  }

  #heatSwitch() {
    const input = make("input", { type: "checkbox", role: "switch" });
    input.addEventListener("change", () => (this.heat = input.checked));
    return make("label.switch", {}, input, icon("heat"), make("span", { text: say("heat") }));
  }

  #listen() {
    this.unlisten = new AbortController();
    const { signal } = this.unlisten;
    const { camera } = this.context;
    this.letGo = camera.hold();
    camera.addEventListener("change", () => this.#cameraChanged(), { signal });
    this.context.events.addEventListener("recognizer", () => this.#cover(), { signal });
    for (const kind of ["dragover", "dragleave", "drop"]) {
      document.addEventListener(kind, (event) => this.#dragged(event), { signal });
    }
    document.addEventListener("paste", (event) => this.#given(event, event.clipboardData), { signal });
  }

  #cameraChanged() {
    if (this.context.picture.kind !== "camera") return;
    const { camera } = this.context;
    if (camera.state === "on" && this.source?.stream !== camera.stream) {
      this.use(cameraSource(camera));
    } else if (camera.state !== "on" && this.source) this.use(null);
    this.#showCameras();
    this.#cover();
  }

  #showCameras() {
    const { camera } = this.context;
    this.chooser.hidden = camera.state !== "on" || camera.devices.length < 2;
    this.chooser.replaceChildren(...camera.devices.map((device, index) => make("option", {
      value: device.deviceId,
      selected: device.deviceId === camera.deviceId,
      text: device.label || say("camera_number", { number: index + 1 }),
    })));
  }

  #cover() {
    if (this.context.picture.kind !== "camera") this.chooser.hidden = true;
    const content = coverFor(this);
    this.cover.replaceChildren(...content);
    this.cover.hidden = content.length === 0;
  }

  #dragged(event) {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    this.frame.classList.toggle("dropping", event.type === "dragover");
    if (event.type === "drop") this.#given(event, event.dataTransfer);
  }

  #given(event, transfer) {
    if (!transfer?.files?.length) return;
    event.preventDefault();
    this.open(transfer.files);
  }

  #answer(source, answer, about) {
    if (!this.last) {
      this.last = answer;
      this.#cover();
    }
    this.last = answer;
    const size = source.size ?? { width: answer.width, height: answer.height };
    this.frame.style.setProperty("--aspect", `${size.width} / ${size.height}`);
    drawAnswer(this.canvas, this.heat ? answer : { ...answer, heat: null }, size, this.marked);
    this.dispatchEvent(new CustomEvent("answer", { detail: { answer, ...about, still: source.still } }));
  }

  #failed(error) {
    this.context.onrecognizerfailed(error);
    this.cover.hidden = false;
    this.cover.replaceChildren(make("p.cover-title", { text: sayError(error) }));
    this.last = null;
  }
}
