/** "Learn my signs": record your own signs, train on them, see what it brought, and read with the new model. */
import { make } from "./dom.js";
import { Classes } from "./learn_classes.js";
import { Recorder } from "./learn_recorder.js";
import { Studio } from "./learn_studio.js";
import { TrainingPanel } from "./learn_training.js";
import { Stage } from "./stage.js";
import { say } from "./text.js";

const PAUSE_MS = 500; // between frames while the machine trains: both would share its cores

/**
 * @param {HTMLElement} root
 * @param {Object} context of main.js
 * @returns {{close: function(): void}}
 */
export function open(root, context) {
  const fail = (error) => context.notify([say(error.message), error.text].filter(Boolean).join(" "));
  const stage = new Stage(context, { firstHand: Object.keys(context.site.practice ?? {})[0] });
  const studio = new Studio(context.token);
  const picture = { grab: () => stage.grab(), still: () => Boolean(stage.source?.still) };
  const labels = context.site.model?.labels ?? [];
  const recorder = new Recorder(picture, studio, { labels, announce: context.announce, fail });
  const { announce, notify, refresh: reload } = context;
  const busy = (running) => (stage.pause = running ? PAUSE_MS : 0);
  const training = new TrainingPanel(studio, { announce, notify, fail, reload, busy });
  const changed = () => refresh().catch(fail);
  const classes = new Classes(studio, { choose: (name) => recorder.choose(name), changed, fail });

  async function refresh() {
    const recordings = await studio.recordings();
    classes.show(recordings);
    recorder.offer(recordings.classes.map((one) => one.name));
  }

  recorder.addEventListener("recorded", changed);
  root.append(make("h1.learn-title", { text: say("learn_title") }), make("p.hint", { text: say("learn_intro") }),
    make("div.columns", {}, make("div.learn-left", {}, stage.element, recorder.element),
      make("div.learn-right", {}, classes.element, training.element)));
  changed();
  training.look();
  return {
    close() {
      recorder.close();
      training.close();
      studio.close();
      stage.close();
    },
  };
}
