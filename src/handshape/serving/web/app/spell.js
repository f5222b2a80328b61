/** The view that spells: letters that are held become text. */
import { button, make } from "./dom.js";
import { makeRing } from "./ring.js";
import { Stage } from "./stage.js";
import { say, sayDecision } from "./text.js";
import { optionsFor, Speller } from "../spelling/spelling.js";

/**
 * @param {HTMLElement} root
 * @param {Object} context of main.js; its `spelled` keeps the text while another view is shown
 * @returns {{close: function(): void}}
 */
export function open(root, context) {
  const stage = new Stage(context);
  const spelling = new Spelling(context);
  const columns = make("div.columns", {}, stage.element, spelling.element);
  root.append(make("h1.unseen", { text: say("spell_title") }), columns);
  stage.addEventListener("answer", ({ detail }) => spelling.see(detail.time, detail.answer));
  stage.addEventListener("idle", () => spelling.idle());
  const pressed = (event) => spelling.key(event);
  document.addEventListener("keydown", pressed);
  return {
    close() {
      document.removeEventListener("keydown", pressed);
      stage.close();
    },
  };
}

class Spelling {
  constructor(context) {
    this.context = context;
    const { labels } = context.site.model;
    context.spelled ??= new Speller(optionsFor(labels));
    this.speller = context.spelled;
    this.speller.options = optionsFor(labels); // another model may have been promoted since
    this.speller.forget();
    this.ring = makeRing();
    this.holding = make("p.holding", { text: say("spell_idle") });
    this.words = make("div.words", { role: "group", "aria-label": say("spell_suggestions") });
    this.text = make("output.spelled", { "aria-label": say("spell_text"), "aria-live": "off", tabindex: "0" });
    this.buttons = this.#buildButtons();
    this.element = make("section.spelling", { "aria-label": say("spell_title") },
      make("div.held", {}, this.ring.element, this.holding), this.text, this.words, this.buttons.row,
      make("p.hint", { text: say("spell_how") }), make("p.hint.keys-hint", { text: say("spell_keys") }));
    this.#show();
  }

  see(time, answer) {
    const state = this.speller.see(time, answer);
    const label = state.holding ? sayDecision(state.holding) : "";
    this.ring.show(label, state.progress);
    this.holding.textContent = label ? say("spell_holding", { label }) : say("spell_idle");
    if (state.event) this.#changed(state.event);
  }

  idle() {
    this.speller.forget();
    this.ring.show("", 0);
    this.holding.textContent = say("spell_idle");
  }

  /** Keys that work wherever nothing else uses them. */
  key(event) {
    if (event.target.closest?.("input, select, textarea, [contenteditable]")) return;
    const command = event.ctrlKey || event.metaKey;
    const onButton = event.target.closest?.("button, a, summary");
    if (command && event.key === "z") this.#do("undo", event);
    else if (command && event.key === "c" && getSelection().isCollapsed) this.#copy(event);
    else if (command || event.altKey) return;
    else if (event.key === "Backspace") this.#do("backspace", event);
    else if (event.key === " " && !onButton) this.#do("space", event);
  }

  #buildButtons() {
    const plain = (name, iconName, run) => button("quiet", iconName, say(`spell_${name}`), run);
    const made = {
      space: plain("space", "space", () => this.#do("space")),
      backspace: plain("delete", "delete", () => this.#do("backspace")),
      undo: plain("undo", "undo", () => this.#do("undo")),
      clear: plain("clear", "clear", () => this.#do("clear")),
      copy: plain("copy", "copy", () => this.#copy()),
    };
    if (globalThis.speechSynthesis) made.speak = plain("speak", "speak", () => this.#speak());
    return { ...made, row: make("div.row", {}, ...Object.values(made)) };
  }

  #do(action, event) {
    event?.preventDefault();
    const done = this.speller[action]();
    if (done) this.#changed(done);
  }

  #changed({ kind, value }) {
    const { text } = this.speller;
    if (kind === "letter") {
      this.ring.flash();
      this.context.announce(say("spell_added", { letter: value, text }));
    } else if (kind === "space") this.context.announce(say("spell_added_space"));
    else if (kind === "clear") this.context.announce(say("spell_cleared"));
    else if (kind === "delete" || kind === "undo") this.context.announce(say("spell_deleted", { text }));
    else this.context.announce(text);
    this.#show();
  }

  #show() {
    const { text } = this.speller;
    this.text.classList.toggle("empty", !text);
    this.text.replaceChildren(text || say("spell_empty"));
    if (text) this.text.append(make("span.caret", { "aria-hidden": "true" }));
    for (const name of ["clear", "copy", "speak", "backspace"]) this.#enable(name, text !== "");
    this.#suggest();
  }

  /** Buttons stay where they are and keep the focus: what cannot be done now is only said to be so. */
  #enable(name, possible) {
    this.buttons[name]?.setAttribute("aria-disabled", String(!possible));
  }

  async #suggest() {
    const { text } = this.speller;
    const { commonWords } = this.context;
    const found = this.speller.suggestions(commonWords ?? []);
    this.words.replaceChildren(...found.map((word) =>
      make("button.word", { type: "button", text: word, onclick: () => this.#accept(word) })));
    if (commonWords) return;
    this.context.commonWords = [];
    this.context.commonWords = await loadWords();
    if (text === this.speller.text) this.#suggest();
  }

  #accept(word) {
    const done = this.speller.accept(word);
    if (done) this.#changed(done);
    this.text.focus(); // the suggestion that had the focus is gone
  }

  async #copy(event) {
    event?.preventDefault();
    const { text } = this.speller;
    if (!text) return;
    try {
      await navigator.clipboard.writeText(text);
      this.context.notify(say("spell_copied"));
    } catch {
      getSelection().selectAllChildren(this.text);
      this.context.notify(say("spell_copy_failed"));
    }
  }

  #speak() {
    if (!this.speller.text) return;
    speechSynthesis.cancel();
    speechSynthesis.speak(new SpeechSynthesisUtterance(this.speller.text.toLowerCase()));
  }
}

async function loadWords() {
  try {
    const response = await fetch("spelling/words.json");
    return response.ok ? await response.json() : [];
  } catch {
    return [];
  }
}
