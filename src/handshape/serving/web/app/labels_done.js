/** What "Fix labels" shows once every suspect is decided on: what the file changes, and that nothing else did. */
import { button, make } from "./dom.js";
import { say } from "./text.js";

const FEW = 12; // suspects whose list is open from the start

/**
 * Shows it.
 * @param {HTMLElement} root
 * @param {Desk} desk of labels_desk.js
 * @param {{look: function(number): void, undo: function(): void}} hooks look at a suspect again; undo the last decision
 * @param {boolean} move whether the focus goes there
 */
export function showDone(root, desk, hooks, move) {
  const title = make("h1", { text: say(desk.suspects.length ? "labels_done" : "labels_none"), tabindex: "-1" });
  const undo = desk.history.length ? [button("quiet", "undo", say("labels_undo"), hooks.undo)] : [];
  root.replaceChildren(
    make("section.labels-done", {},
      title,
      facts(desk.counts),
      make("p", { text: `${say("labels_done_file")} ` }, make("bdi.labels-file", { text: desk.file })),
      make("p", { text: say("labels_done_safe") }),
      make("p", { text: say("labels_done_next") }),
      ...undo,
      ...(desk.suspects.length ? [list(desk, hooks)] : [])));
  if (move) title.focus();
}

function facts({ keep, move, leave_out: leftOut }) {
  const counts = [["labels_done_moved", move], ["labels_done_left_out", leftOut], ["labels_done_kept", keep]];
  const rows = counts.map(([key, count]) =>
    make("div", {}, make("dt", { text: say(key) }), make("dd", { text: String(count) })));
  return make("dl.labels-facts", {}, ...rows);
}

function list(desk, hooks) {
  const heads = ["labels_column_photo", "labels_column_decision", "labels_look_again"];
  const head = heads.map((key) => make("th", { scope: "col", text: say(key) }));
  return make("details.remembered", { open: desk.suspects.length <= FEW },
    make("summary", { text: say("labels_list") }),
    make("table", {},
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...desk.suspects.map((suspect, place) => row(suspect, () => hooks.look(place))))));
}

function row({ path, decision }, look) {
  const said = decision ? say(`labels_is_${decision.kind}`, { label: decision.label }) : say("labels_undecided");
  const again = button("link", null, say("labels_look_again"), look);
  again.setAttribute("aria-label", say("labels_look_again_at", { path }));
  return make("tr", {},
    make("th", { scope: "row" }, make("bdi", { text: path })),
    make("td", { text: said }),
    make("td", {}, again));
}
