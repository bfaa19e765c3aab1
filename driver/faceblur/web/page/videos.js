// The videos: which one is open, and how far each one is.
import * as api from "./api.js";
import { getState, setState } from "./store.js";
import { clearStage, goTo, show } from "./stills.js";

export async function loadVideos() {
  setState({ videos: await api.getVideos() });
}

export async function openVideo(id) {
  clearStage();
  setState({ selected: new Set(), finding: null, draft: null, part: "all", playing: false, layer: "source" });
  take(await api.getVideo(id));
  if (getState().id !== id) return;
  setState({ stream: getState().video.streams[0]?.stream ?? 0 });
  await goTo(0);
}

/** Show what the server says of a video, if it is still the open one. */
export function take({ video, tag }) {
  if (getState().id === video.id) setState({ video, tag });
}

/** Load the open video again, as after somebody else edited it. */
export async function reload() {
  take(await api.getVideo(getState().id));
  await show();
}

/** Load again what changed while nobody looked at this page. */
export async function refresh() {
  const { id, tag: before } = getState();
  if (id === null) return loadVideos();
  await reload();
  const { tag, version } = getState();
  if (tag !== before) setState({ version: version + 1 });
}
