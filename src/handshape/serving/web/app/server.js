/** Asking the server of the page, and what it says where it refuses. */

/** What went wrong; `message` is a key of words.js, `code` and `text` what the server said of it, or "". */
export class ServerError extends Error {
  constructor(message, { code = "", message: happened = "", fix = "" } = {}) {
    super(message);
    this.code = code;
    this.text = [happened, fix].filter(Boolean).join(" ");
  }
}

export class Server {
  /**
   * @param {string|null} token where it asks for one
   * @param {string} view whose words it takes: learn_no_server, learn_failed …
   */
  constructor(token, view) {
    this.headers = token ? { Authorization: `Bearer ${token}` } : {};
    this.view = view;
  }

  /** @throws {ServerError} it is not there, or refuses */
  async fetch(route, options = {}) {
    let answer;
    try {
      answer = await fetch(route, { cache: "no-store", ...options, headers: { ...this.headers, ...options.headers } });
    } catch {
      throw new ServerError(`${this.view}_no_server`);
    }
    if (answer.ok) return answer;
    const { error } = await answer.json().catch(() => ({}));
    throw new ServerError(`${this.view}_failed`, error);
  }

  async ask(route, options) {
    return (await this.fetch(route, options)).json();
  }

  post(route, what) {
    const headers = { "Content-Type": "application/json" };
    return this.ask(route, { method: "POST", body: JSON.stringify(what), headers });
  }
}
