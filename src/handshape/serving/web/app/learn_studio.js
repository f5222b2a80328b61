/** What "Learn my signs" asks of the server: recordings, and trainings on them. */

import { Server } from "./server.js";

const RECORDINGS = "v1/recordings";
const TRAININGS = "v1/trainings";

export class Studio {
  /** @param {string|null} token where the server asks for one */
  constructor(token) {
    this.server = new Server(token, "learn");
    this.pictures = new Map(); // object URLs by path
  }

  /** {folder, bytes, classes: [{name, frames, sessions: [{name, folder, signer, frames, shown}]}]} */
  recordings() {
    return this.server.ask(RECORDINGS);
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
    return this.server.ask(RECORDINGS, { method: "POST", body });
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
      const blob = await this.server.fetch(`${RECORDINGS}/frame?path=${encodeURIComponent(path)}`).then((answer) => answer.blob());
      this.pictures.set(path, URL.createObjectURL(blob));
    }
    return this.pictures.get(path);
  }

  /** Everything as one zip of class folders. */
  async zip() {
    return (await this.server.fetch(`${RECORDINGS}/recordings.zip`)).blob();
  }

  /** {missing, ready, name, training: null | {state, stage, share, said, warnings, seconds, comparison, error, …}} */
  trainings() {
    return this.server.ask(TRAININGS);
  }

  train(also) {
    return this.server.post(TRAININGS, { also });
  }

  cancel() {
    return this.server.post(`${TRAININGS}/cancel`, {});
  }

  keep(name) {
    return this.server.post(`${TRAININGS}/keep`, { name });
  }

  close() {
    for (const url of this.pictures.values()) URL.revokeObjectURL(url);
    this.pictures.clear();
  }

  async #change(route, what) {
    const answer = await this.server.post(route, what);
    this.close(); // other frames may have these paths from now on
    return answer;
  }
}
