// The state of the page: one object, which is replaced by each change; whoever listens draws it.

/**
 * `id` is of the video that the address names, null: the list; `video` is that one, once it is loaded, and `tag` names its
 * state; `shown` is the still on the stage with its faces, which may be of the frame before while that of `frame` is
 * loaded; `since` is when the player begins, in seconds; `selected` are the names of tracks; `finding` is the key of the one that is
 * looked at; `part` is which part of tracks the next edit is of, by its name in PARTS; `draft` is a face that is being drawn; `version` counts how often the output was written.
 */
let state = {
  videos: null,
  id: undefined,
  video: null,
  tag: null,
  stream: 0,
  frame: 0,
  shown: null,
  layer: "source",
  outlines: true,
  playing: false,
  since: 0,
  selected: new Set(),
  finding: null,
  draft: null,
  sort: "score",
  part: "all",
  jobs: [],
  version: 0,
  dialog: null,
  message: null,
};
const listeners = [];

export const getState = () => state;

export function setState(change) {
  state = { ...state, ...change };
  listeners.forEach((listen) => listen());
}

export function onChange(listen) {
  listeners.push(listen);
}

/** Show one line at the bottom. */
export function say(text, isError = false) {
  setState({ message: { text, isError } });
}

/** The name of a track: tracks of several streams have the same numbers. */
export const nameOf = (track) => `${track.stream}/${track.track}`;

/** How many frames the stream on the stage has. */
export const frameCount = ({ video, stream }) => video?.streams.find((one) => one.stream === stream)?.frames ?? 0;

/** The parts of a track that an edit may be of: what they are called, and from which frame to which they reach. */
export const PARTS = {
  all: ["the whole track", () => ({})],
  frame: ["this frame", (frame) => ({ first_frame: frame, last_frame: frame })],
  on: ["from this frame on", (frame) => ({ first_frame: frame })],
  upTo: ["up to this frame", (frame) => ({ last_frame: frame })],
};

/** The job that runs on a video. */
export const jobOf = (jobs, id) => jobs.find((one) => one.video === id) ?? null;

/** The finding that is looked at. */
export const currentFinding = ({ video, finding }) => video?.findings.find((one) => one.key === finding) ?? null;
