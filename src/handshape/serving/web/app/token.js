/** The token that a server may ask for; kept for as long as the tab is open. */
import { make } from "./dom.js";
import { say } from "./text.js";

const NAME = "handshape.token";

/** The token of this tab, or null. */
export function keptToken() {
  try {
    return sessionStorage.getItem(NAME);
  } catch {
    return null;
  }
}

/**
 * Asks for a token. Once one is given the form rests: a second one typed while the server looks at it would be lost.
 * @param {HTMLElement} root
 * @param {boolean} again the one before was not the right one
 * @returns {Promise<string>}
 */
export function askForToken(root, again) {
  return new Promise((resolve) => {
    const input = make("input", { type: "password", id: "token", autocomplete: "off", required: true });
    const form = make("form.token", {},
      make("h1", { text: say("token_title") }),
      make("label", { for: "token", text: say(again ? "token_wrong" : "token_text") }),
      input,
      make("button.primary", { type: "submit", text: say("token_send") }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      for (const field of form.elements) field.disabled = true;
      keep(input.value.trim());
      resolve(input.value.trim());
    });
    root.replaceChildren(form);
    input.focus();
  });
}

function keep(token) {
  try {
    sessionStorage.setItem(NAME, token);
  } catch {
    // then it is asked for again after the next reload
  }
}
