/** The view that reads a hand: the decision large, the five likeliest below, and what to do where there is none. */
import { adviceFor } from "./advice.js";
import { alphabet } from "./alphabet.js";
import { make } from "./dom.js";
import { Stage } from "./stage.js";
import { Steady } from "./steady.js";
import { isLabel, percent, say, sayDecision } from "./text.js";

const SHOWN_MS = 120; // a decision is shown when it has lasted this long, so that nothing flickers
const SAID_MS = 800; // and told to screen readers after this long
const BARS = 5;

/**
 * @param {HTMLElement} root
 * @param {Object} context of main.js
 * @returns {{close: function(): void}}
 */
export function open(root, context) {
  const stage = new Stage(context, { heat: true, firstHand: Object.keys(context.site.practice ?? {})[0] });
  const reading = new Reading(context, alphabet(context, (label) => stage.choose("hands", label)));
  root.append(make("h1.unseen", { text: say("read_title") }), make("div.columns", {}, stage.element, reading.element));
  stage.addEventListener("answer", (event) => reading.see(event.detail));
  stage.addEventListener("idle", () => reading.idle(stage.source !== null));
  return { close: () => stage.close() };
}

class Reading {
  constructor(context, known) {
    this.context = context;
    this.known = known;
    this.shown = new Steady(SHOWN_MS);
    this.said = new Steady(SAID_MS);
    this.speed = null;
    this.decision = make("p.decision", { "data-kind": "idle" });
    this.more = make("p.more");
    this.bars = Array.from({ length: BARS }, makeBar);
    this.list = make("ol.bars", { "aria-label": say("top") }, ...this.bars.map((bar) => bar.row));
    this.hand = make("span");
    this.pace = make("span");
    const facts = make("p.facts", {}, this.hand, this.pace);
    this.answer = make("div.answer", {}, this.decision, this.more, this.list, facts);
    this.element = make("section.reading", { "aria-label": say("read_title") }, this.answer, known);
    this.idle(false);
  }

  /** There is no picture any more, or another one, `coming`, that is not read yet. */
  idle(coming) {
    if (coming) return;
    this.#show(false);
    this.shown.clear();
    this.said.clear();
    this.speed = null;
    this.#head("idle", "–", say("nothing_yet"));
    this.#fill([]);
    this.hand.textContent = this.pace.textContent = "";
  }

  #show(answered) {
    this.answer.hidden = !answered && this.known !== null;
    if (this.known) this.known.hidden = answered;
  }

  see({ answer, time, brightness, still }) {
    this.#show(true);
    const decision = this.shown.see(answer.decision, time, still);
    const advice = say(adviceFor(answer, brightness));
    if (decision !== null) this.#decide(decision, answer, advice);
    this.#fill(answer.hand || isLabel(answer.decision) ? answer.top : []);
    this.#tell(answer, time, still, advice);
    this.hand.textContent = answer.hand ? say(answer.hand.handedness === "Left" ? "hand_left" : "hand_right") : "";
    this.speed = this.speed === null || still ? answer.milliseconds : 0.9 * this.speed + 0.1 * answer.milliseconds;
    this.pace.textContent = say("milliseconds", { milliseconds: Math.round(this.speed) });
  }

  #decide(decision, answer, advice) {
    if (decision === "no hand") return this.#head("no-hand", sayDecision(decision), advice);
    if (decision === "unknown") return this.#head("unknown", sayDecision(decision), advice);
    const likelihood = answer.top.find(([label]) => label === decision)?.[1] ?? answer.confidence;
    this.#head("label", sayDecision(decision), say("sure", { percent: percent(likelihood) }));
  }

  #head(kind, decision, more) {
    this.decision.dataset.kind = kind;
    this.decision.classList.toggle("long", decision.length > 2);
    if (this.decision.textContent !== decision) this.decision.textContent = decision;
    this.more.textContent = more;
  }

  #fill(top) {
    for (const [index, { row, label, share, line }] of this.bars.entries()) {
      const [name, probability] = top[index] ?? ["", 0];
      row.classList.toggle("empty", !name);
      label.textContent = name && sayDecision(name);
      share.textContent = name && `${percent(probability)} %`;
      line.style.transform = `scaleX(${probability})`;
    }
  }

  #tell(answer, time, still, advice) {
    const before = this.said.value;
    const decision = this.said.see(answer.decision, time, still);
    if (decision === null || decision === before) return;
    const key = { unknown: "heard_unknown", "no hand": "heard_no_hand" }[decision] ?? "heard_label";
    this.context.announce(say(key, { label: sayDecision(decision), advice }));
  }
}

function makeBar() {
  const [label, share, line] = [make("span.bar-label"), make("span.bar-share"), make("span.bar-line")];
  const row = make("li.empty", {}, label, make("span.bar", { "aria-hidden": "true" }, line), share);
  return { row, label, share, line };
}
