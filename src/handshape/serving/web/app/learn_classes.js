/** The classes that were recorded: a picture, how much there is, and what can be done with them. */
import { button, make } from "./dom.js";
import { say } from "./text.js";

export class Classes {
  /**
   * @param {Studio} studio
   * @param {{choose: function(string): void, changed: function(): Promise<void>, fail: function(Error): void}} hooks
   */
  constructor(studio, hooks) {
    this.studio = studio;
    this.hooks = hooks;
    this.dialog = make("dialog.learn-dialog");
    this.list = make("ul.learn-classes");
    this.empty = make("p.hint", { text: say("learn_empty") });
    this.zip = button("quiet", "copy", say("learn_export"), () => this.#export());
    this.place = make("p.hint.learn-place");
    this.title = make("h2", { id: "learn-classes-title", tabindex: "-1", text: say("learn_classes") });
    this.element = make("section", { "aria-labelledby": "learn-classes-title" }, this.title, this.empty, this.list,
      make("div.row", {}, this.zip), this.place, this.dialog);
  }

  /** @param {{folder: string, classes: Object[]}} recordings */
  show({ folder, classes }) {
    this.empty.hidden = classes.length > 0;
    this.zip.hidden = classes.length === 0;
    this.place.textContent = say("learn_place", { folder });
    const opened = new Set([...this.list.querySelectorAll("details[open]")].map((details) => details.dataset.label));
    this.list.replaceChildren(...classes.map((one) => this.#class(one, opened.has(one.name))));
  }

  #class(one, opened) {
    const picture = make("img", { alt: "", width: 64, height: 64 });
    this.studio.picture(one.sessions[0].shown).then((url) => (picture.src = url), () => {});
    const facts = say("learn_count_of", { frames: one.frames, sessions: one.sessions.length });
    const more = () => this.hooks.choose(one.name);
    return make("li", {}, picture,
      make("div.learn-about", {}, make("strong", { text: one.name }), make("span.hint", { text: facts })),
      button("quiet", null, say("learn_more"), more, { "aria-label": say("learn_more_of", { label: one.name }) }),
      this.#others(one, opened));
  }

  /** What is seldom wanted: another name, and deleting all or a session. */
  #others(one, opened) {
    const sessions = one.sessions.length > 1 ? one.sessions.map((session) => this.#session(one, session)) : [];
    const { name: label } = one;
    return make("details.learn-sessions", { open: opened, "data-label": label },
      make("summary", { "aria-label": say("learn_change_of", { label }) }, make("span", { text: say("learn_change") })),
      make("div.row", {},
        action(null, "learn_rename", label, () => this.#rename(one)),
        action("clear", "learn_delete", label, () => this.#delete(one))),
      make("ul", {}, ...sessions));
  }

  #session(one, session) {
    const name = [session.signer, session.name].filter(Boolean).join(", ") || say("learn_loose");
    const what = say("learn_session_of", { label: one.name, session: name });
    const remove = () => this.#ask(
      say("learn_delete_sure", { what }), say("learn_delete"), () => this.studio.remove(one.name, session.folder)
    );
    return make("li", {}, make("span", { text: say("learn_session_has", { session: name, frames: session.frames }) }),
      button("link", null, say("learn_delete"), remove, { "aria-label": say("learn_delete_of", { label: what }) }));
  }

  #delete(one) {
    this.#ask(say("learn_delete_sure", { what: one.name }), say("learn_delete"), () => this.studio.remove(one.name));
  }

  #rename(one) {
    const input = make("input", { type: "text", id: "learn-new-name", value: one.name, required: true, maxlength: 60 });
    const field = make("div.learn-field", {}, make("label", { for: "learn-new-name", text: say("learn_new_name") }), input);
    const title = say("learn_rename_title", { label: one.name });
    this.#ask(title, say("learn_rename"), () => this.studio.rename(one.name, input.value), field);
    input.select();
  }

  /** Asks before something is done; Escape, and the first button, leave it. */
  #ask(title, action, work, more = null) {
    const form = make("form", { method: "dialog" }, make("h2", { id: "learn-dialog-title", text: title }), more,
      make("div.row", {}, button("quiet", null, say("learn_leave"), () => this.dialog.close()),
        make("button.primary", { type: "submit", text: action })));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      this.dialog.close();
      try {
        await work();
      } catch (error) {
        this.hooks.fail(error);
      }
      await this.hooks.changed(); // what failed, too: another page may have changed it meanwhile
      this.title.focus(); // the button that was pressed is gone
    });
    this.dialog.setAttribute("aria-labelledby", "learn-dialog-title");
    this.dialog.replaceChildren(form);
    this.dialog.showModal();
  }

  async #export() {
    try {
      const url = URL.createObjectURL(await this.studio.zip());
      make("a", { href: url, download: "recordings.zip" }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      this.hooks.fail(error);
    }
  }
}

/** A button whose words do not say what it is about; screen readers are told. */
function action(image, key, label, onclick) {
  return button("quiet", image, say(key), onclick, { "aria-label": say(`${key}_of`, { label }) });
}
