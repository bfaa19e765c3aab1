// What the stage shows: the exact still of a frame, and the faces in it.
import * as api from "./api.js";
import { frameCount, getState, setState } from "./store.js";

/** Put a frame on the stage. */
export async function goTo(frame, stream = getState().stream) {
  setState({ stream });
  setState({ frame: Math.max(0, Math.min(frameCount(getState()) - 1, Math.round(frame))), playing: false });
  await show();
}

let isLoading = false;

/** Load what the stage shows. Of several frames that are asked for meanwhile only the last one is loaded. */
export async function show() {
  if (isLoading) return;
  isLoading = true;
  try {
    while (getState().video && !getState().playing && getState().shown?.key !== wanted()) await loadWanted();
  } finally {
    isLoading = false;
  }
}

async function loadWanted() {
  const key = wanted();
  try {
    await load();
  } catch (error) {
    if (getState().video && wanted() !== key) return; // another frame is wanted meanwhile
    clearStage(); // the frame before would be taken for this one
    throw error;
  }
}

/** What the stage is to show. */
const wanted = () => {
  const { video, tag, stream, frame, layer } = getState();
  return [video.id, tag, stream, frame, layer].join(" ");
};

async function load() {
  const { video, stream, frame, layer } = getState();
  const key = wanted();
  const [still, faces] = await Promise.all([
    api.getStill(video.id, stream, frame, layer),
    api.getFaces(video.id, stream, frame),
  ]);
  const url = URL.createObjectURL(still);
  const size = await sizeOf(url);
  const { video: open, shown: before } = getState();
  if (open?.id !== video.id) return URL.revokeObjectURL(url);
  setState({ shown: { key, stream, frame, layer, url, size, ...faces } });
  if (before) URL.revokeObjectURL(before.url);
}

export function clearStage() {
  const { shown } = getState();
  if (shown) URL.revokeObjectURL(shown.url);
  setState({ shown: null });
}

async function sizeOf(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return [image.naturalWidth, image.naturalHeight];
}

export async function chooseLayer(layer) {
  setState({ layer, playing: false });
  await show();
}
