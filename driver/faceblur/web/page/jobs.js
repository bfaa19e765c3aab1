// The jobs: outputs that are written again and audited, begun here or on another page.
import * as api from "./api.js";
import { getState, say, setState } from "./store.js";
import { loadVideos, reload } from "./videos.js";

const POLL_MILLISECONDS = 700;

/** Begin to write the output of the open video again, or to audit it. */
export async function begin(kind) {
  await api.postJob(getState().id, kind);
  await followJobs();
}

export const cancelJob = async (job) => api.deleteJob(job.id);

let isFollowing = false;
let isAsked = false; // again, since the answer that is on its way was asked for
let known = null; // the jobs that had ended when they were last asked for

/** Show how far the jobs are that run, until they end. What has ended since the last call is said. */
export async function followJobs() {
  isAsked = true;
  if (isFollowing) return;
  isFollowing = true;
  try {
    do {
      if (getState().jobs.length) await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
      isAsked = false;
      const all = await api.getJobs();
      const over = all.filter((one) => one.state !== "running");
      const news = known ? over.filter((one) => !known.has(one.id)) : [];
      known = new Set(over.map((one) => one.id));
      setState({ jobs: all.filter((one) => one.state === "running") });
      for (const job of news) await ended(job);
    } while (getState().jobs.length || isAsked);
  } finally {
    isFollowing = false;
  }
}

async function ended(job) {
  const { id, version } = getState();
  if (id === null) return loadVideos();
  if (id !== job.video) return;
  setState({ version: version + 1 });
  await reload();
  if (job.state === "failed") say(job.reason, true);
  else if (job.state === "done") say("done");
  else if (job.kind === "render" && job.step === "auditing") say("cancelled: the output is written, but not audited");
  else say("cancelled: the output is as it was");
}
