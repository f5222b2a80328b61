/**
 * Recording: a name, a button to hold, one that counts down, and what the server says of the frames.
 * Fires "recorded" with {label, paths} after each burst, "wait" while one is being kept.
 */
import { button, make } from "./dom.js";
import { recall, remember } from "./settings.js";
import { say } from "./text.js";

const EVERY_MS = 120; // between frames
const LONGEST_HOLD = 200; // frames: then the button counts as let go
const BURST = 20; // frames of one countdown, and of one request
const LONGEST = 640; // pixels, the longer side of a frame
const QUALITY = 0.9;
const COUNT = 3; // seconds

export class Recorder extends EventTarget {
  /**
   * @param {{grab: function(): Promise<ImageBitmap|null>, still: function(): boolean}} picture
   * @param {Studio} studio
   * @param {{labels: string[], announce: function(string): void, fail: function(Error): void}} about
   */
  constructor(picture, studio, about) {
    super();
    this.picture = picture;
    this.studio = studio;
    this.about = about;
    this.recording = false;
    this.counting = null;
    this.last = [];
    this.#build();
  }

  /** The names of the classes there are, to be chosen from. */
  offer(names) {
    const all = [...new Set([...names, ...this.about.labels])];
    this.known.replaceChildren(...all.map((name) => make("option", { value: name })));
  }

  /** Records this class next. */
  choose(name) {
    this.name.value = name;
    this.name.focus();
  }

  close() {
    this.recording = false;
    clearInterval(this.counting);
  }

  #build() {
    this.known = make("datalist", { id: "learn-known" });
    this.name = field("learn-class", "learn_class", { list: "learn-known", required: true, maxlength: 60 });
    this.signer = field("learn-signer", "learn_signer", { value: recall("signer", say("learn_me")), maxlength: 60 });
    this.session = field("learn-session", "learn_session", { value: now(), maxlength: 60 });
    this.hold = button("primary.learn-hold", "learn", say("learn_hold"), (event) => event.detail === 0 && this.#byKey());
    this.count = button("quiet", null, say("learn_count", { seconds: COUNT }), () => this.#countdown());
    this.undo = button("quiet", "undo", say("learn_undo"), () => this.#undo(), { hidden: true });
    this.state = make("p.learn-state");
    this.advice = make("ul.learn-advice", { "aria-label": say("learn_advice") });
    this.hold.addEventListener("pointerdown", () => this.#record(LONGEST_HOLD));
    for (const kind of ["pointerup", "pointercancel", "pointerleave"]) {
      this.hold.addEventListener(kind, () => (this.recording = false));
    }
    const names = make("details.learn-names", {}, make("summary", { text: say("learn_who") }),
      labelled("learn_signer", this.signer), labelled("learn_session", this.session),
      make("p.hint", { text: say("learn_who_hint") }));
    this.element = make("section.learn-recorder", { "aria-label": say("learn_record") },
      labelled("learn_class", this.name), this.known,
      make("div.row", {}, this.hold, this.count, this.undo), this.state, this.advice, names);
  }

  /** Keys and screen readers press, but do not hold. */
  #byKey() {
    if (this.recording) this.recording = false;
    else this.#record(BURST);
  }

  #countdown() {
    if (this.counting !== null) return this.#stopCounting();
    if (!this.#ready()) return;
    let left = COUNT;
    this.#tell(say("learn_in", { seconds: left }));
    this.counting = setInterval(() => {
      left -= 1;
      if (left > 0) return this.#tell(say("learn_in", { seconds: left }));
      this.#stopCounting();
      this.#record(BURST);
    }, 1000);
  }

  #stopCounting() {
    clearInterval(this.counting);
    this.counting = null;
    this.#tell("");
  }

  #ready() {
    if (this.name.value.trim()) return true;
    this.#tell(say("learn_name_first"));
    this.name.focus();
    return false;
  }

  /** Frames until the button is let go, or there are enough. */
  async #record(most) {
    if (this.recording || !this.#ready()) return;
    this.recording = true;
    this.hold.classList.add("on");
    const names = this.#names();
    remember("signer", names.signer);
    const queue = [];
    let frames = [];
    let count = 0;
    while (this.recording && count < most) {
      const frame = await this.#frame();
      if (!frame) break;
      frames.push(frame);
      count += 1;
      this.#tell(say("learn_frames", { count, label: names.label }), false);
      if (this.picture.still()) break; // the next one would be the same
      if (frames.length === BURST) queue.push(frames.splice(0));
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    this.recording = false;
    this.hold.classList.remove("on");
    if (frames.length) queue.push(frames);
    if (count) await this.#keep(names, queue);
    else this.#tell(say("learn_no_picture"));
  }

  async #frame() {
    const bitmap = await this.picture.grab();
    if (!bitmap) return null;
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  }

  async #keep(names, queue) {
    const advice = new Set();
    const paths = []; // its own: the next burst may be recorded while this one is being kept
    try {
      for (const frames of queue) {
        const kept = await this.studio.record(names, frames);
        paths.push(...kept.paths);
        for (const code of kept.advice) advice.add(code);
      }
    } catch (error) {
      this.about.fail(error);
    }
    this.last = paths;
    this.advice.replaceChildren(...[...advice].map((code) => make("li", { text: say(`learn_advice_${code}`) })));
    const said = say("learn_kept", { count: paths.length, label: names.label });
    this.#tell([said, ...[...advice].map((code) => say(`learn_advice_${code}`))].join(" "), true, said);
    this.undo.hidden = paths.length === 0;
    this.dispatchEvent(new CustomEvent("recorded", { detail: { label: names.label, paths } }));
  }

  async #undo() {
    try {
      await this.studio.removeFrames(this.last);
      this.#tell(say("learn_undone"));
    } catch (error) {
      this.about.fail(error);
    }
    this.last = [];
    this.undo.hidden = true;
    this.advice.replaceChildren();
    this.dispatchEvent(new CustomEvent("recorded", { detail: { label: "", paths: [] } }));
  }

  #names() {
    const signer = this.signer.value.trim() || say("learn_me");
    const session = this.session.value.trim() || (this.session.value = now());
    return { label: this.name.value.trim(), signer, session };
  }

  #tell(text, aloud = true, shown = text) {
    this.state.textContent = shown;
    if (aloud && text) this.about.announce(text);
  }
}

function field(id, key, attributes) {
  return make("input", { type: "text", id, autocomplete: "off", ...attributes });
}

function labelled(key, input) {
  return make("div.learn-field", {}, make("label", { for: input.id, text: say(key) }), input);
}

/** Day and hour, as the name of a session; colons cannot be in the names of folders. */
function now() {
  const at = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}.${two(at.getMinutes())}`;
}
