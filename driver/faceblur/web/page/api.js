// Calls of the server's API. Each one throws an ApiError where the server refuses, with its one line.

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, { body, headers } = {}) {
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method,
      headers: { ...headers, ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "the server does not answer: is `faceblur review` still running?");
  }
  if (answer.ok) return answer;
  let message = `the server answers ${answer.status}`;
  try {
    message = (await answer.json()).error.message;
  } catch {
    // It is no JSON of the server: the status is all there is to say.
  }
  throw new ApiError(answer.status, message);
}

/** The videos, and how far each one is. */
export const getVideos = async () => (await call("GET", "/videos")).json();

/** The jobs, the last one last. */
export const getJobs = async () => (await call("GET", "/jobs")).json();

const tagged = async (answer) => ({ video: await answer.json(), tag: answer.headers.get("ETag") });

/** One video, and the tag that edits of this state of it name. */
export const getVideo = async (id) => tagged(await call("GET", `/videos/${id}`));

/** Append edits, unless somebody else did since the tag was read. */
export const postEdits = async (id, tag, by, reason, operations) =>
  tagged(await call("POST", `/videos/${id}/edits`, { body: { by, reason, operations }, headers: { "If-Match": tag } }));

/** Say what a finding is. */
export const putVerdict = async (id, key, by, verdict) =>
  tagged(await call("PUT", `/videos/${id}/findings/${encodeURIComponent(key)}`, { body: { by, verdict } }));

/** Begin a job: "render" or "audit". */
export const postJob = async (id, kind) => (await call("POST", `/videos/${id}/jobs`, { body: { kind } })).json();

/** Cancel a job. */
export const deleteJob = async (job) => call("DELETE", `/jobs/${job}`);

const framePath = (id, frame) => `/videos/${id}/frames/${frame}`;

/** The faces of a frame, with the edits. */
export const getFaces = async (id, stream, frame) =>
  (await call("GET", `${framePath(id, frame)}/faces?stream=${stream}`)).json();

/** What is in the frames that a player of the output shows in the 10 s after `start`. */
export const getShown = async (id, stream, start) =>
  (await call("GET", `/videos/${id}/faces?${new URLSearchParams({ stream, start })}`)).json();

/** Where the face in a box of a frame is in the frames around, not beyond `first` and `last`. */
export async function getFollowed(id, stream, frame, box, first, last) {
  const query = new URLSearchParams({ stream, box: box.map((value) => value.toFixed(1)).join(","), first, last });
  return (await call("GET", `${framePath(id, frame)}/follow?${query}`)).json();
}

/** The still of a frame, as a Blob. */
export const getStill = async (id, stream, frame, layer) =>
  (await call("GET", `${framePath(id, frame)}?stream=${stream}&layer=${layer}`)).blob();

/** Where a part of a frame is, around a box; without a box all of it. `version` is of the output. */
export function cropUrl(id, stream, frame, box, { layer = "source", height = 96, version = "" } = {}) {
  const crop = box ? `&crop=${box.map((value) => value.toFixed(1)).join(",")}` : "";
  return `/api/v1${framePath(id, frame)}?stream=${stream}&layer=${layer}&height=${height}${crop}&version=${version}`;
}

/** Where the output is. */
export const outputUrl = (id, version) => `/api/v1/videos/${id}/media/output?version=${version}`;
