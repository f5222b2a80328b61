/** The camera: started, refused, absent, busy, unplugged, hidden; one for the whole page. */

const PROBLEMS = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "absent",
  NotReadableError: "busy",
  AbortError: "busy",
};
const LINGER_MS = 500; // while one view closes and the next opens

/**
 * States: off, starting, on, hidden (rests with the page), refused, absent, busy, lost, insecure.
 * Fires "change" with every new state and whenever the cameras of the machine change.
 */
export class Camera extends EventTarget {
  constructor() {
    super();
    this.state = "off";
    this.stream = null;
    this.devices = [];
    this.deviceId = null;
    this.wanted = false;
    this.users = 0;
    this.attempt = 0;
    document.addEventListener("visibilitychange", () => this.#seen(!document.hidden));
    globalThis.addEventListener("pagehide", () => this.#seen(false));
    globalThis.addEventListener("pageshow", () => this.#seen(!document.hidden)); // kept by the browser, and come back to
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#devicesChanged());
  }

  /** Whether browsers lend this page a camera at all. */
  static get possible() {
    return globalThis.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
  }

  /**
   * Starts the camera, or another one.
   * @param {string|null} deviceId of `devices`; null for the last one, or any
   */
  async start(deviceId = null) {
    this.wanted = true;
    this.deviceId = deviceId ?? this.deviceId;
    if (!Camera.possible) return this.#become("insecure");
    if (document.hidden) return this.#become("hidden");
    const attempt = ++this.attempt;
    this.#release();
    this.#become("starting");
    try {
      const stream = await this.#open();
      if (attempt !== this.attempt) return stopTracks(stream);
      this.#use(stream);
    } catch (error) {
      if (attempt === this.attempt) this.#become(PROBLEMS[error.name] ?? "busy");
    }
    await this.#listDevices();
  }

  /** Gives the camera back. */
  stop() {
    this.wanted = false;
    this.attempt += 1;
    this.#release();
    this.#become("off");
  }

  /** A view uses the camera; when the last has let go, it stops. Returns the function that lets go. */
  hold() {
    this.users += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.users -= 1;
      setTimeout(() => this.users === 0 && this.wanted && this.stop(), LINGER_MS);
    };
  }

  async #open() {
    const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
    if (this.deviceId) {
      try {
        const one = { ...size, deviceId: { exact: this.deviceId } };
        return await navigator.mediaDevices.getUserMedia({ audio: false, video: one });
      } catch (error) {
        if (error.name !== "OverconstrainedError" && error.name !== "NotFoundError") throw error;
        this.deviceId = null; // the camera that was chosen is gone: any other will do
      }
    }
    return navigator.mediaDevices.getUserMedia({ audio: false, video: { ...size, facingMode: "user" } });
  }

  #use(stream) {
    this.stream = stream;
    const [track] = stream.getVideoTracks();
    this.deviceId = track.getSettings?.().deviceId ?? this.deviceId;
    track.addEventListener("ended", () => this.stream === stream && this.#ended());
    this.#become("on");
  }

  async #ended() {
    this.#release();
    this.deviceId = null;
    await this.#listDevices();
    if (this.devices.length) return this.start();
    this.#become("lost");
  }

  async #devicesChanged() {
    const before = this.devices.length;
    await this.#listDevices();
    const waits = this.state === "absent" || this.state === "lost" || (this.state === "busy" && before === 0);
    if (this.wanted && waits && this.devices.length) this.start();
  }

  async #listDevices() {
    try {
      const all = await navigator.mediaDevices.enumerateDevices();
      this.devices = all.filter((device) => device.kind === "videoinput");
    } catch {
      this.devices = [];
    }
    this.dispatchEvent(new Event("change"));
  }

  #seen(visible) {
    if (!this.wanted || visible !== (this.state === "hidden")) return;
    if (visible) return void this.start();
    this.attempt += 1;
    this.#release();
    this.#become("hidden");
  }

  #release() {
    if (this.stream) stopTracks(this.stream);
    this.stream = null;
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

function stopTracks(stream) {
  for (const track of stream.getTracks()) track.stop();
}
