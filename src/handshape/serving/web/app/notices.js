/** Short messages above the view: some go by themselves, some stay until what they say is over. */
import { make } from "./dom.js";
import { say } from "./text.js";

const SHOWN_MS = 6000;

export class Notices {
  /**
   * @param {HTMLElement} place
   * @param {function(string): void} announce
   */
  constructor(place, announce) {
    this.place = place;
    this.announce = announce;
    this.standing = new Map();
  }

  /** Shows a text for a while. */
  show(text) {
    const notice = this.#put(text);
    setTimeout(() => notice.remove(), SHOWN_MS);
  }

  /** Shows a text until `drop(name)`; a second one of the same name takes its place. */
  keep(name, text) {
    if (this.standing.get(name)?.text === text) return;
    this.drop(name);
    this.standing.set(name, { text, notice: this.#put(text) });
  }

  /** Whether there was one of this name. */
  drop(name) {
    this.standing.get(name)?.notice.remove();
    return this.standing.delete(name);
  }

  #put(text) {
    const close = make("button.notice-close", { type: "button", "aria-label": say("close"), text: "×" });
    const notice = make("div.notice", {}, make("p", { text }), close);
    close.addEventListener("click", () => notice.remove());
    this.place.append(notice);
    this.announce(text);
    return notice;
  }
}
