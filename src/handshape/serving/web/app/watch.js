/** How a served model fares: its answers in use beside those when it was tested. Asks /v1/watch every few seconds. */
import { make } from "./dom.js";
import { Server, ServerError } from "./server.js";
import { fillWords, say, sayDecision } from "./text.js";
import { askForToken, keptToken } from "./token.js";

const EVERY_MS = 5000;
const SVG = "http://www.w3.org/2000/svg";
const SIZES = [16, 32, 64, 128, 256, 512, 1024]; // model/profile.py
const VERDICTS = { alike: "same", "somewhat different": "slight", different: "clear", "too few to tell": "none" };

async function start() {
  fillWords(document);
  document.title = say("watch_title");
  const view = document.getElementById("view");
  let server = new Server(keptToken(), "watch");
  for (;;) {
    try {
      show(view, await server.ask("/v1/watch"));
    } catch (error) {
      if (error instanceof ServerError && error.code === "unauthorized") {
        server = new Server(await askForToken(view, keptToken() !== null), "watch");
        continue;
      }
      if (!view.querySelector("table")) {
        view.replaceChildren(make("p.plain", { text: say(error.code === "not_watched" ? "watch_off" : error.message) }));
      }
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

function show(view, told) {
  const since = new Date(told.since).toLocaleString();
  const parts = Object.keys(told.drift).map((name) => part(name, told));
  view.replaceChildren(
    make("h1", { text: say("watch_title") }),
    make("p", { text: say("watch_since", { answers: told.answers.toLocaleString(), since }) }),
    make("p.watch-note", { text: say("watch_compared", { what: told.compared_with }) }),
    make("div.watch-parts", {}, ...parts),
    labels(told.seen.labels),
    ...(told.shadow ? [shadow(told.shadow)] : []),
    ...(told.unsure ? [unsure(told.unsure)] : []),
    hours(told.hours),
  );
}

/** One part: a bar for use, and one for the test, of each kind of answer. */
function part(name, told) {
  const { index, verdict } = told.drift[name];
  const [expected, seen] = [shares(told.expected[name]), shares(told.seen[name])];
  const rows = names(name).map((words, number) =>
    make("tr", {}, make("th", { scope: "row", text: words }), bar(seen[number], "seen"), bar(expected[number], "expected")));
  const said = index === null ? verdict : `${verdict} (${index.toFixed(2)})`;
  return make("section", {},
    make("h2", {}, say(`watch_${name.replaceAll(" ", "_")}`), make(`span.watch-verdict.${VERDICTS[verdict]}`, { text: said })),
    make("table", {},
      make("thead", {}, make("tr", {}, make("td"), heading("watch_seen"), heading("watch_expected"))),
      make("tbody", {}, ...rows)));
}

function names(part) {
  if (part === "outcome") return ["watch_label", "unknown", "no_hand"].map((key) => say(key));
  if (part === "confidence") return Array.from({ length: 10 }, (_, tenth) => `${tenth * 10}–${tenth * 10 + 10} %`);
  return [`< ${SIZES[0]} px`, ...SIZES.slice(1).map((size, number) => `${SIZES[number]}–${size} px`), `≥ ${SIZES.at(-1)} px`];
}

function shares(counts) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (all ? count / all : 0));
}

function bar(share, kind) {
  return make("td.watch-bar", {}, drawn(share, kind), make("span", { text: `${(100 * share).toFixed(share && share < .1 ? 1 : 0)} %` }));
}

/** A bar from 0 to 1; the number stands beside it. */
function drawn(share, kind) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of [["viewBox", "0 0 100 25"], ["class", kind], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
  for (const width of [100, 100 * share]) {
    const bar = document.createElementNS(SVG, "rect");
    for (const [name, value] of [["width", width], ["height", 25], ["rx", 6]]) bar.setAttribute(name, value);
    svg.append(bar);
  }
  return svg;
}

function heading(key) {
  return make("th", { scope: "col", text: say(key) });
}

function labels(counts) {
  const sorted = Object.entries(counts).sort((one, other) => other[1] - one[1]);
  const listed = sorted.map(([label, count]) => make("li", {}, make("b", { text: label }), ` ${count.toLocaleString()}`));
  return make("section", {}, make("h2", { text: say("watch_labels") }), make("ul.watch-labels", {}, ...listed));
}

function shadow({ model, answers, alike, passed_over: passedOver, failed, differences }) {
  const rows = differences.map((each) => make("tr", {},
    make("td", { text: sayDecision(each.served) }), make("td", { text: sayDecision(each.shadow) }),
    make("td", { text: each.images.toLocaleString() })));
  const values = { answers, alike, share: answers ? (100 * alike / answers).toFixed(1) : "–", passedOver, failed };
  const table = make("table.watch-pairs", {},
    make("thead", {}, make("tr", {}, heading("watch_served"), heading("watch_shadowed"), heading("watch_images"))),
    make("tbody", {}, ...rows));
  return make("section", {}, make("h2", { text: say("watch_shadow", { model }) }),
    make("p", { text: say("watch_alike", values) }), rows.length ? table : null);
}

function unsure({ folder, images, most, surest }) {
  const margin = surest === null ? "–" : surest.toFixed(2);
  return make("section", {}, make("h2", { text: say("watch_unsure") }),
    make("p", { text: say("watch_kept", { images, most, folder, margin }) }));
}

function hours(list) {
  const rows = [...list].reverse().map((each) => make("tr", {},
    make("th", { scope: "row", text: new Date(each.hour).toLocaleString([], { dateStyle: "short", timeStyle: "short" }) }),
    ...["answers", "label", "unknown", "no hand"].map((name) => make("td", { text: each[name].toLocaleString() }))));
  const columns = ["watch_hour", "watch_answers", "watch_label", "unknown", "no_hand"].map(heading);
  return make("section", {}, make("h2", { text: say("watch_hours") }),
    make("table.watch-pairs", {}, make("thead", {}, make("tr", {}, ...columns)), make("tbody", {}, ...rows)));
}

start();
