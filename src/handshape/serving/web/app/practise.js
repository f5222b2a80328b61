/** The view that practises: a letter is named and drawn, the signer shows it, and is told what differs. */
import { button, make, segmented } from "./dom.js";
import { differenceFrom } from "./fingers.js";
import { emptyMemory, mixedUp, nextLabel, remembered } from "./memory.js";
import { ownValue } from "./own.js";
import { progressPanel } from "./progress.js";
import { Round } from "./round.js";
import { recall, remember } from "./settings.js";
import { Stage } from "./stage.js";
import { drawnHand } from "./stills.js";
import { isLabel, say, sayDecision } from "./text.js";

const MEMORY = "practice"; // what it is kept under on this device
const PRAISE_MS = 1300; // before the next letter
const ADVICE_MS = 1500; // for which one piece of advice stands, so that it can be read

/**
 * @param {HTMLElement} root
 * @param {Object} context of main.js
 * @returns {{close: function(): void}}
 */
export function open(root, context) {
  const stage = new Stage(context);
  const practice = new Practice(context, stage);
  const columns = make("div.columns", {}, stage.element, practice.element);
  root.append(make("h1.unseen", { text: say("practise_title") }), columns);
  stage.addEventListener("answer", ({ detail }) => practice.see(detail));
  return {
    close() {
      clearTimeout(practice.timer);
      stage.close();
    },
  };
}

class Practice {
  constructor(context, stage) {
    this.context = context;
    this.stage = stage;
    this.labels = context.site.model.labels.filter((label) => ownValue(context.site.practice, label));
    if (!this.labels.length) this.labels = context.site.model.labels;
    this.words = practiceWords(this.labels);
    this.memory = recall(MEMORY, emptyMemory());
    this.mode = this.words.length ? recall("mode", "letters") : "letters";
    this.word = "";
    this.build();
    this.next();
  }

  build() {
    this.title = make("h2.target");
    this.spelled = make("p.target-word", { hidden: true });
    this.image = make("img.drawn", { width: 224, height: 224 });
    this.noImage = make("p.hint");
    this.verdict = make("p.verdict", { "data-kind": "waiting" });
    this.how = make("p.how");
    const toggle = () => this.reveal(this.image.hidden);
    this.hide = button("quiet", "eye", say("practise_hide"), toggle, { "aria-pressed": "false" });
    const skip = button("quiet", "skip", say("practise_skip"), () => this.next());
    this.progress = make("div.progress");
    const card = make("div.card", {}, make("div.card-image", {}, this.image, this.noImage),
      make("div.card-words", {}, this.title, this.spelled, this.verdict, this.how));
    const summary = make("summary", { text: say("practise_memory") });
    const memory = make("details.remembered", { open: true }, summary, this.progress);
    this.element = make("section.practice", { "aria-label": say("practise_title") }, card,
      make("div.row", {}, skip, this.hide), this.choices(), memory, this.movingNote());
  }

  choices() {
    const modes = ["letters", ...(this.words.length ? ["words"] : [])];
    const modeChoices = modes.map((value) => ({ value, words: say(`practise_${value}`) }));
    const mode = segmented(say("practise_mode"), modeChoices, this.mode, (value) => this.choose("mode", value));
    const hands = ["right", "left"].map((value) => ({ value, words: say(`practise_${value}_hand`) }));
    const chosen = recall("hand", "right");
    const hand = segmented(say("practise_hand"), hands, chosen, (value) => this.choose("hand", value), true);
    return make("div.row.choices", {}, modes.length > 1 ? mode : null, hand);
  }

  /** J and Z, where the model knows the other letters. */
  movingNote() {
    const { labels } = this.context.site.model;
    const fingerspells = ["I", "D", "Y"].every((letter) => labels.includes(letter));
    return fingerspells ? make("p.hint", { text: say("practise_moving") }) : null;
  }

  choose(name, value) {
    remember(name, value);
    if (name === "mode") {
      this.mode = value;
      this.word = "";
      this.next();
    } else this.draw();
  }

  /** Goes to the next letter, of the word or of all. */
  next(label = null) {
    clearTimeout(this.timer);
    if (label) this.word = "";
    this.label = label ?? (this.mode === "words" ? this.nextOfWord() : null) ?? nextLabel(this.memory, this.labels, this.label ?? null, Math.random());
    this.round = new Round(this.label);
    this.advised = -Infinity;
    this.mistaken = null;
    this.done = false;
    this.draw();
    this.tell("waiting", say("practise_ready"));
    this.context.announce(say("practise_show", { label: sayDecision(this.label) }));
  }

  /** The label of the word's next letter, of another word after the last one. */
  nextOfWord() {
    if (this.word && this.at < this.word.length - 1) this.at += 1;
    else {
      const others = this.words.filter((word) => word !== this.word);
      this.word = others[Math.floor(Math.random() * others.length)] ?? this.words[0];
      this.at = 0;
    }
    return this.labels.find((one) => one.toUpperCase() === this.word[this.at]);
  }

  draw() {
    const name = sayDecision(this.label);
    this.title.replaceChildren(...this.titled(name));
    this.showWord();
    const count = ownValue(this.context.site.practice, this.label) ?? 0;
    this.noImage.textContent = count ? "" : say("practise_no_drawing", { label: name });
    this.image.alt = say("practise_drawn", { label: name });
    this.image.classList.toggle("mirrored", recall("hand", "right") === "right"); // as in the mirror beside it
    if (count) this.image.src = drawnHand(this.label, 0);
    else this.image.removeAttribute("src");
    this.reveal(count > 0 && recall("drawing", true), false);
    this.showProgress();
  }

  /** The letter large, and words around it as the language has them. */
  titled(name) {
    const [before, after] = say("practise_show", { label: "\u0000" }).split("\u0000");
    return [before, make("strong", { text: name }), after ?? ""];
  }

  showWord() {
    this.spelled.hidden = !this.word;
    if (!this.word) return;
    const tag = (index) => (index < this.at ? "b" : index === this.at ? "mark" : "span");
    this.spelled.replaceChildren(...[...this.word].map((letter, index) => make(tag(index), { text: letter })));
  }

  reveal(shown, keep = true) {
    if (keep) remember("drawing", shown);
    this.image.hidden = !shown;
    this.hide.setAttribute("aria-pressed", String(!shown));
  }

  showProgress() {
    this.progress.replaceChildren(...progressPanel(this.memory, this.labels, this.label, {
      onchoose: (label) => this.next(label),
      onforget: () => this.keep(emptyMemory()) || this.context.notify(say("practise_forgotten")),
    }));
  }

  keep(memory) {
    this.memory = memory;
    remember(MEMORY, memory);
    this.showProgress();
  }

  see({ answer, time }) {
    if (this.done) return;
    const { state, other, seconds } = this.round.see(time, answer.decision);
    if (state === "right") this.right(seconds);
    else if (state === "holding") this.tell("holding", say("practise_holding"));
    else if (state === "wrong") this.wrong(answer, other, time);
  }

  right(seconds) {
    this.done = true;
    this.keep(remembered(this.memory, this.label, seconds));
    const isDone = this.word && this.at === this.word.length - 1;
    const good = say("practise_good_in", { seconds: seconds.toFixed(1) });
    const words = isDone ? say("practise_word_done", { word: this.word }) : good;
    this.tell("right", words);
    this.context.announce(words);
    this.timer = setTimeout(() => this.next(), PRAISE_MS);
  }

  wrong(answer, other, time) {
    if (time - this.advised < ADVICE_MS) return;
    this.advised = time;
    if (isLabel(other) && other !== this.mistaken) this.keep(mixedUp(this.memory, this.label, other));
    this.mistaken = other;
    const difference = differenceFrom(answer.hand, this.label, isLabel(other) ? other : null);
    const looks = isLabel(other) ? say("practise_looks_like", { label: sayDecision(other) }) : say("practise_unknown");
    this.tell("wrong", looks, difference);
    this.context.announce(`${looks} ${this.how.textContent}`);
  }

  tell(kind, words, difference = null) {
    if (this.verdict.dataset.kind === kind && this.verdict.textContent === words && !difference) return;
    this.verdict.dataset.kind = kind;
    this.verdict.textContent = words;
    this.how.textContent = difference ? sayDifference(difference) : "";
    this.stage.mark(difference?.fingers ?? []);
  }
}

function sayDifference({ key, fingers }) {
  const [finger, other] = fingers.map((name) => say(`finger_${name}`));
  return say(key, { finger, other });
}

/** Words of the list that the labels can spell. */
function practiceWords(labels) {
  const known = new Set(labels.map((label) => label.toUpperCase()));
  return say("practise_word_list").split(" ").filter((word) => [...word].every((letter) => known.has(letter)));
}
