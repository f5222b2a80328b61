/** The handshapes that the model knows, each with a drawn hand. */
import { make } from "./dom.js";
import { drawnHand } from "./stills.js";
import { say } from "./text.js";

/**
 * @param {Object} context of main.js; drawing takes a server a moment, so the pictures wait for the recogniser
 * @param {function(string): void} onchoose a label was chosen
 * @returns {HTMLElement|null} null where there are no drawn hands
 */
export function alphabet(context, onchoose) {
  const labels = Object.keys(context.site.practice ?? {});
  if (!labels.length) return null;
  const tiles = labels.map((label) => make("button.tile", {
    type: "button", "aria-label": say("hand_of", { label }), onclick: () => onchoose(label),
  }, make("img", { alt: "", width: 80, height: 80, loading: "lazy", decoding: "async", hidden: true }),
  make("span", { text: label })));
  const draw = () => tiles.forEach((tile, index) => {
    tile.firstChild.src = drawnHand(labels[index]);
    tile.firstChild.hidden = false;
  });
  if (context.recognizer) draw();
  else context.events.addEventListener("recognizer", draw, { once: true });
  return make("div.alphabet", {}, make("h2", { text: say("knows") }), make("p.hint", { text: say("knows_text") }),
    make("div.tiles", {}, ...tiles));
}
