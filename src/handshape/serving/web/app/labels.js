/**
 * Fix labels: suspect photographs one by one, each beside typical ones of the class it lies in and of the one it looks
 * like; to keep, to move, to leave out. Every decision is written at once; no photograph is moved on the disk.
 */
import { button, make } from "./dom.js";
import { Desk } from "./labels_desk.js";
import { showDone } from "./labels_done.js";
import { recall, remember } from "./settings.js";
import { percent, say } from "./text.js";

const KEYS = {
  k: "keep", m: "move", l: "leave_out", u: "undo", z: "closer", ArrowLeft: "previous", ArrowRight: "next",
};
const ARROWS = { ArrowLeft: "←", ArrowRight: "→" };
const TURNED = { previous: "next", next: "previous" }; // where one reads from right to left
const LETTERS = "labels.letters"; // whether letter keys decide, which gets in the way of those who speak their commands

/**
 * Opens the view.
 * @param {HTMLElement} root
 * @param {Object} context as main.js describes it
 * @returns {{close: function(): void}}
 */
export function open(root, context) {
  const view = new LabelsView(root, context);
  view.start();
  return { close: () => view.close() };
}

class LabelsView {
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.desk = new Desk(context.token);
    this.place = 0;
    this.closer = false;
    this.busy = false;
    this.letters = recall(LETTERS, true);
    this.onkey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onkey);
  }

  async start() {
    try {
      await this.desk.read();
    } catch (error) {
      this.root.replaceChildren(make("p.plain", { text: this.#errorText(error) }));
      return;
    }
    const open = this.desk.nextOpen(-1);
    if (open < 0) return this.#done(false);
    this.#build();
    this.#show(open);
  }

  close() {
    document.removeEventListener("keydown", this.onkey);
  }

  #build() {
    const act = (selector, name, words, symbol = null) => {
      const node = button(selector, symbol, words, () => this.#act(name), { "aria-keyshortcuts": shortcut(name) });
      const key = shortcut(name);
      node.append(make("kbd", { "aria-hidden": "true", text: ARROWS[key] ?? key }));
      return node;
    };
    this.photo = make("img");
    this.caption = make("figcaption");
    this.progress = make("progress", { "aria-label": say("labels_progress") });
    this.count = make("p");
    this.state = make("p.labels-state");
    this.here = make("div");
    this.like = make("div");
    this.buttons = {
      keep: act("primary", "keep", ""),
      move: act("primary", "move", ""),
      leave_out: act("quiet", "leave_out", say("labels_leave_out"), "clear"),
      undo: act("quiet", "undo", say("labels_undo"), "undo"),
      closer: act("quiet", "closer", say("labels_closer"), "eye"),
      previous: act("quiet", "previous", say("labels_previous")),
      next: act("quiet", "next", say("labels_next")),
    };
    const { keep, move, leave_out, undo, closer, previous, next } = this.buttons;
    this.root.replaceChildren(
      make("header.labels-head", {}, make("h1", { text: say("labels_title") }), this.count, this.progress),
      make("div.labels-desk", {},
        make("figure.labels-figure", {}, make("div.labels-frame", {}, this.photo), this.caption),
        make("section.labels-class", {}, this.here, keep),
        make("section.labels-class", {}, this.like, move),
        make("div.labels-actions", {},
          make("div.row", {}, leave_out, undo, closer),
          this.state,
          this.#otherClass(),
          make("nav.row", { "aria-label": say("labels_steps") }, previous, next))),
      this.#letterSwitch(),
      make("p.hint", { text: say("labels_written", { file: this.desk.file }) }));
  }

  /** Any class: what it looks like to the program need not be what it is. */
  #otherClass() {
    this.other = make("select.chooser", { id: "labels-other" },
      make("option", { value: "", text: say("labels_other_none") }),
      ...this.desk.classes.map((label) => make("option", { value: label, text: label })));
    this.otherMove = button("quiet", null, say("labels_move_there"), () => {
      if (this.other.value) this.#decide("move", this.other.value);
    });
    const label = make("label", { for: "labels-other", text: say("labels_other") });
    return make("div.row", {}, label, this.other, this.otherMove);
  }

  #letterSwitch() {
    const box = make("input", { type: "checkbox" });
    box.checked = this.letters;
    this.root.classList.toggle("labels-by-mouse", !this.letters);
    box.addEventListener("change", () => {
      this.letters = box.checked;
      this.root.classList.toggle("labels-by-mouse", !this.letters);
      remember(LETTERS, box.checked);
    });
    return make("label.switch.labels-letters", {}, box, make("span", { text: say("labels_keys") }));
  }

  #show(place, said = "") {
    const { desk, buttons } = this;
    this.place = place;
    const suspect = desk.suspects[place];
    const { label, suggested, confidence, decision } = suspect;
    const facts = { label, suggested, percent: Math.min(99, percent(confidence)) };
    this.closer = false;
    this.#showPicture();
    const signer = make("span", { text: `${say("labels_signer")} ` }, make("bdi", { text: suspect.signer ?? "" }));
    this.caption.replaceChildren(make("bdi", { text: suspect.path }), ...(suspect.signer ? [signer] : []));
    this.#showClass(this.here, "labels_lies_in", label, facts);
    this.#showClass(this.like, "labels_looks_like", suggested, facts);
    setWords(buttons.keep, say("labels_keep", facts));
    setWords(buttons.move, say("labels_move", facts));
    this.other.value = "";
    const count = { number: place + 1, count: desk.suspects.length, decided: desk.decided };
    this.count.textContent = say("labels_count", count);
    Object.assign(this.progress, { max: desk.suspects.length, value: desk.decided });
    this.state.textContent = decision ? sayDecided(decision) : say("labels_undecided");
    this.state.dataset.decided = decision?.kind ?? "";
    this.#enable(buttons.undo, decision || desk.history.length > 0);
    const heard = say("labels_heard", { ...count, ...facts });
    this.context.announce([said, heard, decision ? sayDecided(decision) : ""].filter(Boolean).join(" "));
    const after = desk.suspects[(place + 1) % desk.suspects.length];
    new Image().src = desk.picture(after.image, false); // so that it is there when it is asked for
  }

  #showPicture() {
    const suspect = this.desk.suspects[this.place];
    this.photo.src = this.desk.picture(suspect.image, this.closer);
    this.photo.alt = say(this.closer ? "labels_alt_hand" : "labels_alt", { path: suspect.path, label: suspect.label });
    this.buttons.closer.setAttribute("aria-pressed", String(this.closer));
  }

  /** What a class looks like, in a few of its photographs. */
  #showClass(section, key, label, facts) {
    const pictures = (this.desk.typical[label] ?? []).map((image, number) => {
      const alt = say("labels_alt_typical", { label, number: number + 1 });
      return make("img", { src: this.desk.picture(image, true), alt });
    });
    const none = make("p", { text: say("labels_no_typical", { label }) });
    const shown = pictures.length ? make("div.labels-typical", {}, ...pictures) : none;
    section.replaceChildren(make("h2", { text: say(key, facts) }), shown);
  }

  #enable(node, can) {
    node.setAttribute("aria-disabled", String(!can)); // a disabled button would lose the focus
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("select, input, textarea")) return;
    const name = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!name || !this.desk.suspects || (event.key.length === 1 && (!this.letters || event.repeat))) return;
    event.preventDefault();
    this.#act(inReadingOrder(name));
  }

  #act(name) {
    const { suspects } = this.desk;
    if (name === "undo") return this.#undo();
    if (!this.#isLooking) return null; // all is done
    if (name === "closer") {
      this.closer = !this.closer;
      return this.#showPicture();
    }
    if (name === "previous" || name === "next") {
      const step = name === "next" ? 1 : suspects.length - 1;
      return this.#show((this.place + step) % suspects.length);
    }
    return this.#decide(name, name === "move" ? suspects[this.place].suggested : "");
  }

  /** Whether a photograph is shown, and not what was decided of all. */
  get #isLooking() {
    return Boolean(this.photo && this.root.contains(this.photo));
  }

  async #decide(kind, label) {
    const { desk, place } = this;
    if (!(await this.#written(place, kind, label))) return;
    const said = sayDecided(desk.suspects[place].decision);
    const open = desk.nextOpen(place);
    if (open < 0) this.#done(true);
    else this.#show(open, said);
  }

  /** Takes back what was decided on this photograph, else the last decision. */
  async #undo() {
    const { desk } = this;
    const isLooking = this.#isLooking;
    const place = isLooking && desk.suspects[this.place].decision ? this.place : desk.history.at(-1);
    if (place === undefined || !(await this.#written(place, "undo"))) return;
    if (!isLooking) this.#build();
    this.#show(place, say("labels_undone"));
  }

  /** Whether the server has written it down; one thing at a time. */
  async #written(place, kind, label) {
    if (this.busy) return false;
    this.busy = true;
    try {
      await this.desk.decide(place, kind, label);
      return true;
    } catch (error) {
      this.context.notify(this.#errorText(error));
      await this.#lookAgain(error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** Where somebody else has decided meanwhile, what they decided is shown. */
  async #lookAgain(error) {
    if (error.message !== "labels_decided_elsewhere") return;
    try {
      await this.desk.read();
      if (this.#isLooking) this.#show(this.place);
    } catch {
      // the next decision says what is wrong
    }
  }

  #done(move) {
    showDone(this.root, this.desk, {
      look: (place) => {
        this.#build();
        this.#show(place);
        this.photo.closest("figure").scrollIntoView({ block: "nearest" });
        this.buttons.keep.focus();
      },
      undo: () => this.#undo(),
    }, move);
    if (move) this.context.announce(say("labels_done"));
  }

  #errorText(error) {
    return [say(error.message), error.text].filter(Boolean).join(" ");
  }
}

/** What a decision is called. */
export function sayDecided(decision) {
  return say(`labels_is_${decision.kind}`, { label: decision.label });
}

function setWords(node, words) {
  node.querySelector("span").textContent = words;
}

function inReadingOrder(name) {
  return document.documentElement.dir === "rtl" ? TURNED[name] ?? name : name;
}

function shortcut(name) {
  const key = Object.keys(KEYS).find((one) => KEYS[one] === inReadingOrder(name));
  return key.length === 1 ? key.toUpperCase() : key;
}
