/** What lies over the picture while there is none: a welcome, what the camera waits for, or what is wrong with it. */
import { button, make } from "./dom.js";
import { say } from "./text.js";

/**
 * The content of the cover; empty where the picture is to be seen.
 * @param {import("./stage.js").Stage} stage
 * @returns {Node[]}
 */
export function coverFor(stage) {
  const { kind } = stage.context.picture;
  if (kind === null) return welcome(stage);
  if (kind === "camera" && stage.context.camera.state !== "on") return aboutCamera(stage);
  if (stage.source && !stage.last && !stage.context.recognizer) return [loading(stage.context)];
  if (kind === "photos" && !stage.source) return photographs(stage);
  if (kind === "hands" && !stage.source) return [make("p.cover-title", { text: say("hands_choose") })];
  return [];
}

function welcome(stage) {
  const drawable = Object.keys(stage.context.site.practice ?? {}).length > 0;
  return [
    make("p.cover-title", { text: say("welcome") }),
    make("p.cover-text", { text: say(drawable ? "welcome_text" : "welcome_text_other") }),
    make("div.cover-buttons", {},
      button("primary", "camera", say("welcome_camera"), () => stage.choose("camera")),
      drawable ? button("quiet", "hands", say("welcome_hands"), () => stage.choose("hands")) : null),
    make("p.cover-small", { text: say("drop_hint") }),
  ];
}

function photographs(stage) {
  return [
    make("p.cover-title", { text: say("source_photos") }),
    make("p.cover-text", { text: say("drop_hint") }),
    make("div.cover-buttons", {}, button("primary", "photos", say("open_files"), () => stage.strip?.ask())),
  ];
}

function aboutCamera(stage) {
  const { camera } = stage.context;
  if (camera.state === "starting") return [make("p.cover-title", { text: say("camera_starting") })];
  if (camera.state === "hidden") return [make("p.cover-title", { text: say("camera_hidden") })];
  if (camera.state === "off") return welcome(stage);
  const localhost = `http://localhost${location.port ? `:${location.port}` : ""}/`;
  const again = camera.state === "insecure" ? null
    : button("primary", "camera", say("try_again"), () => camera.start());
  return [
    make("p.cover-title", { text: say(`camera_${camera.state}`) }),
    make("p.cover-text", { text: say(`camera_${camera.state}_text`, { localhost }) }),
    make("div.cover-buttons", {},
      again, button("quiet", "photos", say("welcome_photos"), () => stage.choose("photos"))),
  ];
}

function loading(context) {
  const bar = make("progress", { max: 1, "aria-label": say("loading") });
  if (context.progress > 0) bar.value = context.progress;
  return make("div.loading", {}, make("p.cover-title", { text: say("loading") }), bar);
}
