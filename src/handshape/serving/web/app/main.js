/**
 * The page: reads site.json, opens the recogniser, and shows one view at a time.
 *
 * A view is a module with `open(root, context)` → `{close()}`. Its `context` has
 *   site        what site.json says; `token` what the server wants to be shown, or null
 *   recognizer  of recognizer/recognizer.js; null until it is ready, and another one after a model was promoted
 *   camera      of camera.js, one for all views; `picture` {kind, files}: where pictures come from, kept between views
 *   events      fires "recognizer" when that was exchanged, "progress" while it is being loaded
 *   announce(text) tells screen readers, notify(text) shows a message for a while
 *   onrecognizerfailed(error) after recognize() threw
 *   refresh() looks now, and not some seconds later, whether another model is served
 */
import { openAnnouncer } from "./announcer.js";
import { Camera } from "./camera.js";
import { icon, make } from "./dom.js";
import { Notices } from "./notices.js";
import { recall } from "./settings.js";
import { readSite, watchSite } from "./site.js";
import { fillWords, say, sayError } from "./text.js";
import { askForToken, keptToken } from "./token.js";

const VIEWS = ["read", "spell", "practise"];
const RETRY_MS = [1000, 2000, 5000, 10000];

async function start() {
  fillWords(document);
  const announce = openAnnouncer(document.getElementById("announcer"));
  const notices = new Notices(document.getElementById("notices"), announce);
  const view = document.getElementById("view");
  try {
    const { site, token } = await firstSite(view);
    new Page(site, token, { view, notices, announce }).start();
  } catch (error) {
    view.replaceChildren(make("p.plain", { text: sayError(error, "no_site") }));
  }
}

async function firstSite(view) {
  let token = keptToken();
  let site = await readSite(token);
  while (site.token && !site.model) {
    token = await askForToken(view, token !== null);
    site = await readSite(token);
  }
  return { site, token };
}

class Page {
  constructor(site, token, { view, notices, announce }) {
    this.view = view;
    this.notices = notices;
    this.opened = null;
    this.asked = 0;
    this.failures = 0;
    this.context = {
      site,
      token,
      recognizer: null,
      progress: 0,
      camera: new Camera(),
      picture: { kind: null, files: [] },
      events: new EventTarget(),
      announce,
      notify: (text) => notices.show(text),
      onrecognizerfailed: (error) => this.#recognizerFailed(error),
      refresh: async () => this.#siteSeen(await readSite(this.context.token)),
    };
  }

  start() {
    const { site } = this.context;
    const more = { learn: site.training, labels: site.labels };
    this.views = [...(site.model ? VIEWS : []), ...Object.keys(more).filter((name) => more[name])];
    this.#buildNavigation();
    this.#describe();
    this.#load();
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault(); // the address names the view, and would name none
      this.view.focus();
    });
    globalThis.addEventListener("hashchange", () => this.#show(true));
    this.#startAsLastTime().finally(() => this.#show(false));
    if (site.server) {
      const hooks = { onsite: (site) => this.#siteSeen(site), onlost: () => this.#serverLost() };
      watchSite(() => this.context.token, hooks);
    }
  }

  #buildNavigation() {
    const links = this.views.map((name) =>
      make("a", { href: `#${name}` }, icon(name), make("span", { text: say(`nav_${name}`) })));
    const nav = document.getElementById("views");
    nav.setAttribute("aria-label", say("nav"));
    nav.replaceChildren(...links);
  }

  /** The camera starts by itself where it was used before and is still allowed. */
  async #startAsLastTime() {
    if (recall("source", null) !== "camera" || !Camera.possible) return;
    try {
      const { state } = await navigator.permissions.query({ name: "camera" });
      if (state === "granted") this.context.picture.kind = "camera";
    } catch {
      // browsers that do not tell: the welcome asks
    }
  }

  async #show(move) {
    const name = this.views.find((one) => location.hash === `#${one}`) ?? this.views[0];
    for (const link of document.querySelectorAll("#views a")) {
      if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.shown = name;
    const asked = ++this.asked;
    this.opened?.close();
    this.opened = null;
    document.title = `${say(`nav_${name}`)} · ${say("title")}`;
    const root = make(`div.view.view-${name}`);
    try {
      const module = await import(`./${name}.js`);
      if (asked !== this.asked) return;
      this.view.replaceChildren(root);
      this.opened = module.open(root, this.context);
    } catch (error) {
      this.view.replaceChildren(make("p.plain", { text: say("view_failed", { reason: error.message }) }));
    }
    if (move) this.view.focus({ preventScroll: true });
  }

  /** Opens the recogniser of the site's model, and closes the one before. */
  async #load() {
    const { context } = this;
    const { site } = context;
    if (!site.model) return;
    const before = context.recognizer;
    try {
      const { openRecognizer } = await import("../recognizer/recognizer.js");
      const onProgress = (share) => this.#progress(share);
      const recognizer = await openRecognizer(site, { onProgress, token: context.token });
      if (site !== context.site) return recognizer.close(); // another model was promoted while this one was loading
      context.recognizer = recognizer;
      before?.close();
      this.failures = 0;
      this.notices.drop("recognizer");
      this.#describe();
      context.events.dispatchEvent(new Event("recognizer"));
    } catch (error) {
      this.notices.keep("recognizer", sayError(error, "recognizer_failed"));
      this.#loadLater();
    }
  }

  #loadLater() {
    const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.#load(), wait);
  }

  #progress(share) {
    this.context.progress = share;
    this.context.events.dispatchEvent(new Event("progress"));
  }

  #recognizerFailed(error) {
    const { recognizer } = this.context;
    if (!recognizer) return; // another one is being loaded already
    this.notices.keep("recognizer", sayError(error, "recognizer_failed"));
    this.context.recognizer = null;
    recognizer.close();
    this.#loadLater();
  }

  #siteSeen(site) {
    if (this.notices.drop("server")) this.notices.show(say("server_back"));
    this.lost = 0;
    const before = this.context.site;
    if (!site.model || site.model.sha256 === before.model?.sha256) return;
    this.context.site = site;
    this.#describe();
    this.notices.show(say("model_changed", site.model));
    this.failures = 0;
    this.#load();
    if (VIEWS.includes(this.shown)) this.#show(false); // its labels may be others now
  }

  #serverLost() {
    this.lost = (this.lost ?? 0) + 1;
    if (this.lost < 2) return; // one answer may be late
    const here = this.context.recognizer?.backend === "device";
    this.notices.keep("server", say(here ? "server_lost_device" : "server_lost"));
  }

  #describe() {
    const { site, recognizer } = this.context;
    const { name, about } = site.model ?? {};
    const words = about ? say("model_is", { name, about }) : say("model_named", { name });
    document.getElementById("about").textContent = name ? words : "";
    const chip = document.getElementById("backend");
    chip.hidden = !recognizer;
    if (!recognizer) return;
    const here = recognizer.backend === "device";
    chip.replaceChildren(icon(here ? "lock" : "server"), make("span", { text: say(here ? "on_device" : "by_server") }));
    chip.title = say(here ? "backend_device" : "backend_server");
  }
}

start();
