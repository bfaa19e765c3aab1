// What a person does: each action asks the server, and changes the state by its answer.
import * as api from "./api.js";
import { asOperation } from "./draft.js";
import * as following from "./following.js";
import * as jobs from "./jobs.js";
import * as stills from "./stills.js";
import { currentFinding, frameCount, getState, nameOf, PARTS, say, setState } from "./store.js";
import * as videos from "./videos.js";

/** An action whose errors are shown, never lost. */
const shown = (act) => async (...rest) => {
  try {
    return await act(...rest);
  } catch (error) {
    say(error.message, true);
    if (error.status === 412) await videos.refresh().catch((other) => say(other.message, true));
    if (error.status === 409) followJobs(); // another page began it
    if (!(error instanceof api.ApiError)) throw error;
  }
};

export const goTo = shown(stills.goTo);
const show = shown(stills.show);
export const chooseLayer = shown(stills.chooseLayer);
export const loadVideos = shown(videos.loadVideos);
export const openVideo = shown(videos.openVideo);
export const refresh = shown(videos.refresh);
export const followJobs = shown(jobs.followJobs);
export const begin = shown(jobs.begin);
export const followDraft = shown(following.followDraft);
export const cancelJob = shown(jobs.cancelJob);

/** Play the output from the frame on the stage, or stop: then the frame that was shown last is on the stage. */
export const togglePlaying = shown(async () => {
  const { playing, id, stream, frame, video } = getState();
  if (playing) return stills.goTo(frame);
  const { seconds } = await api.getFaces(id, stream, frame); // the still of the frame may not be loaded yet
  const now = getState();
  if (now.id !== id || now.stream !== stream || now.frame !== frame) return; // another one is wanted meanwhile
  const since = frame < frameCount(now) - 1 ? seconds : 0;
  setState({ playing: true, since, stream: video.streams[0].stream }); // browsers play the first one
});

/** Show the still of the frame again, and say that the browser cannot play. */
export const cannotPlay = shown(async () => {
  await stills.goTo(getState().frame);
  say("this browser cannot play the output: step through its frames", true);
});

/** What the server says, or undefined and its error at the bottom of the page. */
export const tried = shown;

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

let turn = Promise.resolve();

/**
 * An action that saves: it waits for those before, and is of the video that is open now or of none. Where `isNeeded` says
 * no, nobody is asked for a name.
 */
const saving = (act, isNeeded = () => true) => (...rest) => {
  const { id } = getState();
  const isOpen = () => getState().id === id;
  const inTurn = shown(async () => {
    if (isOpen() && !isNeeded(...rest)) return;
    const by = isOpen() && (await who());
    if (by && isOpen()) return act(by, ...rest);
    if (!isOpen()) say("not saved: the video was left before", true);
  });
  turn = turn.catch(() => {}).then(inTurn);
  return turn;
};

async function post(by, operations, reason = null) {
  const { id, tag } = getState();
  const answer = await api.postEdits(id, tag, by, reason, operations);
  videos.take(answer);
  return answer.video;
}

const edit = saving(async (by, operations, reason, text) => {
  await post(by, operations, reason);
  say(text);
  await show(); // it is saved, also where this fails
  return true;
});

/** Choose the next part of tracks for the edit that comes. */
export function nextPart() {
  const names = Object.keys(PARTS);
  setState({ part: names[(names.indexOf(getState().part) + 1) % names.length] });
}

/** Make an edit of each selected track, or of the chosen part: "mask-track", "remove-track" or "spare-track". */
export async function editSelected(op) {
  const { id, video, selected, part, frame, stream: shown } = getState();
  const tracks = video.tracks.filter((track) => selected.has(nameOf(track)));
  if (!tracks.length) return say("select a track first: click on it");
  const [label, reachFrom] = PARTS[part];
  if (part !== "all" && tracks.some(({ stream }) => stream !== shown)) {
    return say("a part is of the stream that is shown: select its tracks only", true);
  }
  const names = tracks.map(({ track }) => `track ${track}`).join(", ") + (part === "all" ? "" : `, ${label}`);
  const reason = op === "spare-track" ? await ask({ kind: "reason", of: names }) : null;
  if ((op === "spare-track" && !reason) || getState().id !== id) return;
  setState({ part: "all" }); // a part that stays chosen would leave the rest of the next track as it is
  const operations = tracks.map(({ stream, track }) => ({ op, stream, track, ...reachFrom(frame) }));
  if (!(await edit(operations, reason, `saved: ${names}`)) && getState().id === id) setState({ part }); // the same key is of it again
}

const lastEdit = () => getState().video?.log.findLast((one) => one.op !== "undo" && !one.is_undone);

export const undo = saving(
  async (by, edit) => {
    const { lines } = edit ?? lastEdit(); // undefined: the last edit that counts, now that all before are saved
    say((await post(by, lines.map((line) => ({ op: "undo", line })))).log.at(-1).text);
    await stills.show();
  },
  (edit) => edit || lastEdit() || say("there is no edit to undo"),
);

/** Undo the last edit that counts. */
export const undoLast = () => undo(undefined);

/** Save the face that is being drawn, once it is followed: before that, most of it would be missing. */
export function saveDraft() {
  const { draft } = getState();
  if (draft?.following) return say("not saved: the face is still being followed", true);
  return draft && save();
}

const save = saving(async (by) => {
  const { draft } = getState();
  if (!draft) return; // it was saved by the same key before
  await post(by, [asOperation(draft)]);
  if (getState().draft === draft) setState({ draft: null });
  say(`saved: a face in frames ${draft.first} to ${draft.last}`);
  await stills.show();
});

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
  else say(video.findings.length ? "every finding is judged" : "there are no findings");
}

let isJudging = false;

/** Say what the finding is that is looked at, and go on to the next one. Until that is shown nothing is judged. */
export async function judge(verdict) {
  const finding = currentFinding(getState());
  if (!finding) return say("look at a finding first: N");
  if (isJudging) return;
  isJudging = true;
  try {
    await putVerdict(finding.key, verdict);
  } finally {
    isJudging = false;
  }
}

const putVerdict = saving(async (by, key, verdict) => {
  const { id } = getState();
  videos.take(await api.putVerdict(id, key, by, verdict));
  if (getState().id !== id) return;
  if (verdict === null) await stills.show();
  else await nextFinding();
});
