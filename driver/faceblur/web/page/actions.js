// What a person does: each action asks the server, and changes the state by its answer.
import * as api from "./api.js";
import { asOperation } from "./draft.js";
import { currentFinding, frameCount, getState, nameOf, say, setState } from "./store.js";

const POLL_MILLISECONDS = 700;

/** An action whose errors are shown, never lost. */
const shown = (act) => async (...rest) => {
  try {
    return await act(...rest);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (error.status === 412) await reload();
    say(error.message, true);
  }
};

export const loadVideos = shown(async () => {
  setState({ videos: await api.getVideos() });
  await followJob();
});

export const openVideo = shown(async (id) => {
  clearStage();
  setState({ video: null, selected: new Set(), finding: null, draft: null, playing: false, layer: "source" });
  take(await api.getVideo(id));
  setState({ stream: getState().video.streams[0]?.stream ?? 0 });
  await goTo(0);
  await followJob();
});

function take({ video, tag }) {
  setState({ video, tag });
}

/** Load the open video again, as after somebody else edited it. */
export async function reload() {
  take(await api.getVideo(getState().video.id));
  await show();
}

/** Put a frame on the stage. */
export async function goTo(frame, stream = getState().stream) {
  setState({ stream });
  setState({ frame: Math.max(0, Math.min(frameCount(getState()) - 1, Math.round(frame))), playing: false });
  await show();
}

let isLoading = false;

/** Load what the stage shows. Of several frames that are asked for meanwhile only the last one is loaded. */
export const show = shown(async () => {
  if (isLoading) return;
  isLoading = true;
  try {
    while (getState().video && getState().shown?.key !== wanted()) await load();
  } finally {
    isLoading = false;
  }
});

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
  if (!getState().video) return URL.revokeObjectURL(url);
  const { shown: before } = getState();
  setState({ shown: { key, stream, frame, layer, url, size, ...faces } });
  if (before) URL.revokeObjectURL(before.url);
}

function clearStage() {
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

/** The name of who edits: asked for once. */
async function who() {
  const known = localStorage.getItem("faceblur-by");
  if (known) return known;
  const given = await ask({ kind: "name" });
  if (given) localStorage.setItem("faceblur-by", given);
  return given;
}

/** Open a dialog, and wait for what it gives; null: it was closed. */
export const ask = (dialog) =>
  new Promise((resolve) => {
    setState({ dialog: { ...dialog, answer: (value) => (setState({ dialog: null }), resolve(value)) } });
  });

const edit = shown(async (operations, reason = null) => {
  const by = await who();
  if (!by) return false;
  const { video, tag } = getState();
  take(await api.postEdits(video.id, tag, by, reason, operations));
  await show();
  return true;
});

/** Make an edit of each selected track: "mask-track", "remove-track" or "spare-track". */
export async function editSelected(op) {
  const { video, selected } = getState();
  const tracks = video.tracks.filter((track) => selected.has(nameOf(track)));
  if (!tracks.length) return say("select a track first: click on it");
  const reason = op === "spare-track" ? await ask({ kind: "reason", tracks }) : null;
  if (op === "spare-track" && !reason) return;
  const done = await edit(tracks.map(({ stream, track }) => ({ op, stream, track })), reason);
  if (done) say(`saved: ${tracks.map(({ track }) => `track ${track}`).join(", ")}`);
}

export async function undo(line) {
  if (await edit([{ op: "undo", line }])) say(getState().video.log.at(-1).text);
}

/** Undo the last edit that counts. */
export async function undoLast() {
  const last = getState().video.log.findLast((one) => one.op !== "undo" && !one.is_undone);
  if (!last) return say("there is no edit to undo");
  await undo(last.line);
}

/** Save the face that is being drawn. */
export async function saveDraft() {
  const { draft } = getState();
  if (draft && (await edit([asOperation(draft)]))) {
    setState({ draft: null });
    say(`saved: a face in frames ${draft.first} to ${draft.last}`);
  }
}

/** Look at a finding: its worst frame, before and after. */
export async function lookAt(finding) {
  setState({ finding: finding.key, layer: "source" });
  await goTo(finding.frame, finding.stream);
}

/** Look at the next finding that nobody has judged yet. */
export async function nextFinding() {
  const { video, finding } = getState();
  const index = video.findings.findIndex((one) => one.key === finding);
  const inTurn = [...video.findings.slice(index + 1), ...video.findings.slice(0, index + 1)];
  const next = inTurn.find((one) => one.verdict === null);
  if (next) await lookAt(next);
  else say("every finding is judged");
}

/** Say what the finding is that is looked at, and go on to the next one. */
export const judge = shown(async (verdict) => {
  const finding = currentFinding(getState());
  if (!finding) return say("look at a finding first: N");
  const by = await who();
  if (!by) return;
  take(await api.putVerdict(getState().video.id, finding.key, by, verdict));
  if (verdict === null) return show();
  await nextFinding();
});

/** Begin to write the output again, or to audit it. */
export const begin = shown(async (kind) => {
  const { video } = getState();
  setState({ job: await api.postJob(video.id, kind) });
  await followJob();
});

export const cancelJob = shown(async () => api.deleteJob(getState().job.id));

let isFollowing = false;

/** Show how far the job is that runs, until it ends. */
async function followJob() {
  if (isFollowing) return;
  isFollowing = true;
  try {
    for (;;) {
      const before = getState().job;
      const job = (await api.getJobs()).findLast((one) => one.state === "running") ?? null;
      setState({ job });
      if (before && before.id !== job?.id) await ended(before);
      if (!job) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    }
  } finally {
    isFollowing = false;
  }
}

async function ended(before) {
  const job = (await api.getJobs()).find((one) => one.id === before.id);
  setState({ version: getState().version + 1 });
  if (getState().video) await reload();
  else setState({ videos: await api.getVideos() });
  if (job?.state === "failed") say(job.reason, true);
  else say(job?.state === "done" ? "done" : "cancelled: the output is as it was");
}
