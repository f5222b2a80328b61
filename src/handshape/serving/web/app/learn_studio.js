/** What "Learn my signs" asks of the server: recordings, and trainings on them. */

const RECORDINGS = "v1/recordings";
const TRAININGS = "v1/trainings";

/** What went wrong; `message` is a key of words.js, `text` what the server said of it, or "". */
export class StudioError extends Error {
  constructor(message, text = "") {
    super(message);
    this.text = text;
  }
}

export class Studio {
  /** @param {string|null} token where the server asks for one */
  constructor(token) {
    this.headers = token ? { Authorization: `Bearer ${token}` } : {};
    this.pictures = new Map(); // object URLs by path
  }

  /** {folder, bytes, classes: [{name, frames, sessions: [{name, folder, signer, frames, shown}]}]} */
  recordings() {
    return this.#ask(RECORDINGS);
  }

  /**
   * Keeps a burst.
   * @param {{label: string, session: string, signer: string}} names
   * @param {Blob[]} frames JPEG
   * @returns {Promise<{paths: string[], advice: string[], frames: {hand: boolean, advice: string[]}[]}>}
   */
  record({ label, session, signer }, frames) {
    const body = new FormData();
    for (const [name, value] of Object.entries({ class: label, session, signer })) body.append(name, value);
    for (const [number, frame] of frames.entries()) body.append("frame", frame, `${number}.jpg`);
    return this.#ask(RECORDINGS, { method: "POST", body });
  }

  rename(label, name) {
    return this.#change(`${RECORDINGS}/rename`, { class: label, name });
  }

  /** Deletes a class, or one of its sessions by its folder. */
  remove(label, session = null) {
    return this.#change(`${RECORDINGS}/delete`, session === null ? { class: label } : { class: label, session });
  }

  removeFrames(frames) {
    return this.#change(`${RECORDINGS}/delete`, { frames });
  }

  /** The address of a recorded frame for an <img>; kept until `close`. */
  async picture(path) {
    if (!this.pictures.has(path)) {
      const blob = await this.#fetch(`${RECORDINGS}/frame?path=${encodeURIComponent(path)}`).then((answer) => answer.blob());
      this.pictures.set(path, URL.createObjectURL(blob));
    }
    return this.pictures.get(path);
  }

  /** Everything as one zip of class folders. */
  async zip() {
    return (await this.#fetch(`${RECORDINGS}/recordings.zip`)).blob();
  }

  /** {missing, ready, name, training: null | {state, stage, share, said, warnings, seconds, comparison, error, …}} */
  trainings() {
    return this.#ask(TRAININGS);
  }

  train(also) {
    return this.#post(TRAININGS, { also });
  }

  cancel() {
    return this.#post(`${TRAININGS}/cancel`, {});
  }

  keep(name) {
    return this.#post(`${TRAININGS}/keep`, { name });
  }

  close() {
    for (const url of this.pictures.values()) URL.revokeObjectURL(url);
    this.pictures.clear();
  }

  async #change(route, what) {
    const answer = await this.#post(route, what);
    this.close(); // other frames may have these paths from now on
    return answer;
  }

  #post(route, what) {
    return this.#ask(route, { method: "POST", body: JSON.stringify(what), type: "application/json" });
  }

  async #ask(route, options) {
    return (await this.#fetch(route, options)).json();
  }

  async #fetch(route, { type, ...options } = {}) {
    const headers = type ? { ...this.headers, "Content-Type": type } : this.headers;
    let answer;
    try {
      answer = await fetch(route, { cache: "no-store", ...options, headers });
    } catch {
      throw new StudioError("learn_no_server");
    }
    if (answer.ok) return answer;
    const { error } = await answer.json().catch(() => ({}));
    throw new StudioError("learn_failed", [error?.message, error?.fix].filter(Boolean).join(" "));
  }
}
