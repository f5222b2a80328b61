/** Strips of pictures below the stage: photographs and films that were opened, and hands that the program drew. */
import { button, make } from "./dom.js";
import { filmSource, stillSource } from "./sources.js";
import { say, sayDecision } from "./text.js";

const MOST = 100; // files
const FILM = /\.(mp4|m4v|mov|webm|ogv|mkv)$/i;
const PICTURE = /\.(jpe?g|png|webp|avif|bmp|gif|heic|heif)$/i;

/**
 * The files that were opened, each a button with its picture and what was read in it.
 * @param {import("./stage.js").Stage} stage
 * @returns {{element: HTMLElement, ask: function(): void, close: function(): void}}
 */
export function openPhotos(stage) {
  const input = make("input.unseen", { type: "file", multiple: true, accept: "image/*,video/*", tabindex: "-1" });
  input.setAttribute("aria-label", say("open_files"));
  const list = make("div.strip", { role: "group", "aria-label": say("photos_title") });
  const more = button("quiet", "photos", say("open_more"), () => input.click());
  const urls = [];
  let closed = false;
  const show = (files) => {
    list.replaceChildren();
    more.hidden = files.length === 0;
    if (files.length > MOST) stage.context.notify(say("too_many_files", { count: MOST }));
    const items = files.slice(0, MOST).map((file) => fileItem(stage, file, list, urls));
    list.append(...items.map((item) => item.element));
    list.hidden = items.length < 2;
    items[0]?.show();
    readAll(stage, items.slice(1), () => closed);
  };
  input.addEventListener("change", () => stage.open(input.files));
  queueMicrotask(() => show(stage.context.picture.files)); // once the stage knows this strip
  const close = () => {
    closed = true;
    urls.forEach((url) => URL.revokeObjectURL(url));
  };
  return { element: make("div.strip-row", {}, list, more, input), ask: () => input.click(), close };
}

function fileItem(stage, file, list, urls) {
  const isFilm = file.type.startsWith("video/") || FILM.test(file.name);
  const isPicture = file.type.startsWith("image/") || PICTURE.test(file.name);
  const caption = make("span.caption", { text: isFilm ? say("film") : "…" });
  const element = make("button.thumb", { type: "button", title: file.name }, caption);
  name(element, file, say("photo_waiting"));
  if (isPicture) element.prepend(thumbnail(file, urls));
  const tell = (decision) => {
    item.isRead = true;
    caption.textContent = sayDecision(decision);
    name(element, file, sayDecision(decision));
  };
  const show = async () => {
    if (!isFilm && !isPicture) return stage.context.notify(say("file_other_kind", { name: file.name }));
    press(list, element);
    try {
      const source = isFilm ? filmSource(file) : await stillSource(file);
      await source.opened;
      if (element.getAttribute("aria-pressed") !== "true") return source.close(); // another was chosen meanwhile
      stage.use(source);
      if (!isFilm) captionOnce(stage, source, tell);
    } catch {
      caption.textContent = "–";
      stage.context.notify(say("file_unreadable", { name: file.name }));
    }
  };
  element.addEventListener("click", show);
  const item = { element, show, tell, file, isRead: !isPicture };
  return item;
}

/** Reads the pictures that nobody has looked at yet, one after the other, once the first is read. */
async function readAll(stage, items, isClosed) {
  await new Promise((resolve) => stage.addEventListener("answer", resolve, { once: true }));
  for (const item of items) {
    if (isClosed()) return;
    if (item.isRead) continue;
    try {
      const bitmap = await createImageBitmap(item.file);
      const answer = await stage.context.recognizer?.recognize(bitmap, { follow: false, heat: false });
      if (answer && !isClosed()) item.tell(answer.decision); // null: another picture came first; a click reads it
    } catch {
      // who looks at it will be told
    }
  }
}

function name(element, file, decision) {
  element.setAttribute("aria-label", say("photo_of", { name: file.name, decision }));
}

function thumbnail(file, urls) {
  const url = URL.createObjectURL(file);
  urls.push(url);
  return make("img", { src: url, alt: "", loading: "lazy", decoding: "async" });
}

function captionOnce(stage, source, use) {
  const listener = (event) => {
    if (stage.source === source) use(event.detail.answer.decision);
    stage.removeEventListener("answer", listener);
  };
  stage.addEventListener("answer", listener);
}

function press(list, element) {
  for (const button of list.children) button.setAttribute("aria-pressed", String(button === element));
}

/**
 * Hands drawn by the program, for machines without a camera: one button a label.
 * @param {import("./stage.js").Stage} stage
 * @param {string|null} first is shown at once
 * @returns {{element: HTMLElement, close: function(): void}}
 */
export function openHands(stage, first) {
  const { practice } = stage.context.site;
  const list = make("div.keys", { role: "group", "aria-label": say("hands_title") });
  const turns = {};
  const show = async (label, element) => {
    press(list, element);
    const number = (turns[label] = (turns[label] ?? -1) + 1) % practice[label]; // another hand each time
    try {
      const response = await fetch(drawnHand(label, number));
      if (!response.ok) throw new Error("server_lost");
      const source = await stillSource(await response.blob());
      if (element.getAttribute("aria-pressed") === "true") stage.use(source);
      else source.close();
    } catch {
      stage.context.notify(say("recognize_failed"));
    }
  };
  for (const label of Object.keys(practice)) {
    const key = make("button.key", { type: "button", "aria-label": say("hand_of", { label }), text: label });
    key.addEventListener("click", () => show(label, key));
    list.append(key);
    if (label === first) queueMicrotask(() => key.click());
  }
  return { element: list, close: () => {} };
}

/** Where the drawn hand of a label lies. */
export function drawnHand(label, number = 0) {
  return `practice/${encodeURIComponent(label)}_${number}.jpg`;
}
