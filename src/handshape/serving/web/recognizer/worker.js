/** The recogniser's thread: messages in, answers out. Each message has a number, and its answer the same. */

import { openSession } from "./session.js";

let session = null;

const tasks = {
  open: async ({ site, root, token }, number) => {
    const progress = (share) => postMessage({ number, progress: share });
    session = await openSession(site, new URL(root), token, progress);
  },
  recognize: ({ bitmap, options }) => session.recognize(bitmap, options),
  forget: () => session.forget(),
};

addEventListener("message", async ({ data: { number, task, ...given } }) => {
  try {
    const answer = (await tasks[task](given, number)) ?? null;
    postMessage({ number, answer }, transferable(answer));
  } catch (error) {
    postMessage({ number, error: String(error?.message ?? error) });
  }
});

function transferable(answer) {
  return [answer?.probabilities, answer?.heat?.values].filter(Boolean).map((values) => values.buffer);
}
