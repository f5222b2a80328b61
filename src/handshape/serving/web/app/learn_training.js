/** Training: what to keep of a ready model, how far it is, before and after, and what becomes of it. */
import { button, make } from "./dom.js";
import { percent, say } from "./text.js";

const EVERY_MS = 500;
const STAGES = ["start", "read", "learn", "learn_all"];

export class TrainingPanel {
  /**
   * @param {Studio} studio
   * @param {{announce: function(string): void, fail: function(Error): void, notify: function(string): void,
   *   reload: function(): Promise<void>, busy: function(boolean): void}} hooks reload has the page read with the model
   *   that is served now; busy is told whether the machine trains
   */
  constructor(studio, hooks) {
    this.studio = studio;
    this.hooks = hooks;
    this.also = new Set();
    this.shown = "";
    this.timer = null;
    this.busy = false;
    this.body = make("div.learn-training");
    this.element = make("section", { "aria-labelledby": "learn-train-title" },
      make("h2", { id: "learn-train-title", text: say("learn_train_title") }), this.body);
  }

  /** Asks how it stands, and goes on asking while something runs. */
  async look() {
    clearTimeout(this.timer);
    try {
      this.#show(await this.studio.trainings());
    } catch (error) {
      if (this.shown === "") this.hooks.fail(error); // later on the page itself says that the server is gone
    }
    if (this.shown === "running") this.timer = setTimeout(() => this.look(), EVERY_MS);
  }

  close() {
    clearTimeout(this.timer);
  }

  #show(about) {
    const state = about.training?.state ?? "none";
    const before = this.shown;
    this.shown = state;
    this.hooks.busy(state === "running");
    if (state === "running") {
      if (before !== "running") this.#build(this.#running());
      return this.#progress(about.training);
    }
    if (before === "running") this.hooks.announce(say(`learn_state_${state}`));
    this.#build({
      done: () => this.#done(about),
      failed: () => [make("p.learn-error", { text: about.training.error }), ...this.#start(about)],
      kept: () => [make("p", { text: say("learn_kept_as", { version: about.training.version }) }), ...this.#start(about)],
    }[state]?.() ?? this.#start(about));
  }

  #build(nodes) {
    this.body.replaceChildren(...nodes);
  }

  #start({ missing, ready }) {
    if (missing) return [make("p", { text: missing })];
    const keep = ready.map((name) => {
      const input = make("input", { type: "checkbox", role: "switch", checked: this.also.has(name) });
      input.addEventListener("change", () => (input.checked ? this.also.add(name) : this.also.delete(name)));
      return make("label.switch", {}, input, make("span", { text: say("learn_also", { name }) }));
    });
    return [make("p.hint", { text: say("learn_train_hint") }), ...keep,
      button("primary", null, say("learn_train"), () => this.#do(() => this.studio.train([...this.also])))];
  }

  #running() {
    this.bar = make("progress", { max: 1, "aria-label": say("learn_progress") });
    this.stage = make("p", { role: "status" });
    this.said = make("p.hint");
    const cancel = () => this.#do(() => this.studio.cancel());
    return [this.stage, this.bar, this.said, button("quiet", "stop", say("learn_cancel"), cancel)];
  }

  #progress({ stage, share, said, seconds }) {
    const words = say(`learn_stage_${STAGES.includes(stage) ? stage : "start"}`);
    if (this.stage.textContent !== words) this.stage.textContent = words;
    this.bar.value = share;
    this.said.textContent = `${say("learn_seconds", { seconds: Math.round(seconds) })} ${said}`;
  }

  #done({ training, name }) {
    const { comparison } = training;
    const input = make("input", { type: "text", id: "learn-model", value: name, maxlength: 60, spellcheck: "false" });
    const keep = () => this.#do(async () => {
      await this.studio.keep(input.value.trim());
      await this.hooks.reload();
    }, say("learn_kept_said"));
    const drop = () => this.#do(() => this.studio.cancel());
    return [
      ...this.#table(comparison),
      make("div.learn-field", {}, make("label", { for: "learn-model", text: say("learn_model_name") }), input),
      make("div.row", {},
        button("primary", "check", say("learn_keep"), keep), button("quiet", "clear", say("learn_drop"), drop)),
    ];
  }

  #table({ classes, before, after, frames, by, seen, also }) {
    const columns = ["learn_class", "learn_before", "learn_after", "learn_kept_back"];
    const head = make("tr", {}, ...columns.map((key) => make("th", { scope: "col", text: say(key) })));
    const all = { name: say("learn_all"), before, after, frames };
    return [
      make("p", { text: say("learn_compared", { frames }) }),
      make("table.learn-table", {}, make("caption.unseen", { text: say("learn_table") }), make("thead", {}, head),
        make("tbody", {}, ...[...classes, all].map(row))),
      make("p.hint", { text: say(by === "signer" ? "learn_by_signer" : "learn_by_session") }),
      ...(also ? [make("p.hint", { text: say("learn_also_compared", inPercent(also)) })] : []),
      ...(seen ? [make("p.hint", { text: say("learn_seen") })] : []),
    ];
  }

  async #do(work, said = "") {
    if (this.busy) return; // the second click of two
    this.busy = true;
    try {
      await work();
      if (said) this.hooks.notify(said);
    } catch (error) {
      this.hooks.fail(error);
    }
    await this.look();
    this.busy = false;
  }
}

function row({ name, before, after, frames }) {
  const cells = [shareOf(before), shareOf(after), String(frames)];
  return make("tr", {}, make("th", { scope: "row", text: name }), ...cells.map((text) => make("td", { text })));
}

function inPercent({ images, before, after }) {
  return { images, before: shareOf(before), after: shareOf(after) };
}

function shareOf(share) {
  return share === null || share === undefined ? say("learn_not_known") : `${percent(share)} %`;
}
