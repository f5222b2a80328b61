/**
 * Where pictures come from. A source has `element` to show, `mirrored`, `still`, `size` {width, height} in pixels
 * (null until there is a picture), `playing`, `grab()` → ImageBitmap as the camera saw it, `next()` → a promise that
 * there is something new to read, and `close()`.
 */
import { make } from "./dom.js";

const PATIENCE_MS = 400; // without a new frame: look whether the source still plays
const STILL_MS = 120; // how often a still answers again, so that a drawn hand can be held like a real one

/** The camera, shown as in a mirror. */
export function cameraSource(camera) {
  const video = make("video", { playsinline: true, muted: true, autoplay: true, "aria-hidden": "true" });
  video.muted = true; // the attribute alone does not count when it is set by a script
  video.srcObject = camera.stream;
  video.play().catch(() => {}); // a camera that went away meanwhile says so itself
  return moving(video, { stream: camera.stream, mirrored: true, close: () => (video.srcObject = null) });
}

/** A film out of a file. */
export function filmSource(file) {
  const url = URL.createObjectURL(file);
  const video = make("video", { playsinline: true, controls: true, loop: true, src: url });
  video.muted = true;
  const opened = new Promise((resolve, reject) => {
    video.addEventListener("loadeddata", resolve, { once: true });
    video.addEventListener("error", () => reject(new Error("file_unreadable")), { once: true });
  });
  video.play().catch(() => {}); // then its controls start it
  const close = () => {
    video.pause();
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(url);
  };
  return moving(video, { opened, mirrored: false, close });
}

function moving(video, more) {
  return {
    ...more,
    element: video,
    still: false,
    get size() {
      return video.videoWidth ? { width: video.videoWidth, height: video.videoHeight } : null;
    },
    get playing() {
      return video.readyState >= 2;
    },
    grab: () => createImageBitmap(video),
    next: () => nextFrame(video),
  };
}

function nextFrame(video) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS);
    const go = () => {
      clearTimeout(timer);
      resolve();
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(go);
    else requestAnimationFrame(go);
  });
}

/**
 * A photograph or a drawn hand.
 * @param {Blob} blob
 * @throws {Error} file_unreadable
 */
export async function stillSource(blob) {
  const canvas = make("canvas.still", { "aria-hidden": "true" });
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    throw new Error("file_unreadable");
  }
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return {
    element: canvas,
    mirrored: false,
    still: true,
    size: { width: bitmap.width, height: bitmap.height },
    playing: true,
    grab: () => createImageBitmap(bitmap),
    next: () => new Promise((resolve) => setTimeout(resolve, STILL_MS)),
    close: () => bitmap.close(),
  };
}
