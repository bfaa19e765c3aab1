// The page of one video: its header, the queue, the stage, the gallery, the timeline and the edits.
import * as act from "./actions.js";
import { EditLog } from "./edit_log.js";
import { Gallery } from "./gallery.js";
import { html } from "./html.js";
import { Queue } from "./queue.js";
import { Stage } from "./stage.js";
import { jobOf } from "./store.js";
import { Timeline } from "./timeline.js";
import { verdictOf } from "./video_list.js";

export function VideoPage(state) {
  const { video } = state;
  if (!video) return html`<main><p><a href="#/">All videos</a></p><p>Loading …</p></main>`;
  return html`
    <main class="video">
      <${Header} ...${state} />
      <${Queue} ...${state} />
      <${Stage} ...${state} />
      <section class="right">
        <${Gallery} ...${state} />
        <${EditLog} log=${video.log} />
      </section>
      <${Timeline} ...${state} />
    </main>
  `;
}

function Header({ video, jobs }) {
  const { audit } = video;
  const job = jobOf(jobs, video.id);
  return html`
    <header>
      <a href="#/">All videos</a>
      <h1>${video.name}</h1>
      <span class=${audit && !audit.passed ? "error" : ""}>${verdictOf(audit)}</span>
      ${audit && html`<span>${audit.reviewed} of ${audit.listed} findings reviewed</span>`}
      ${video.is_pending && html`<strong>edits are not in the output yet</strong>`}
      <span class="buttons">
        ${job ? html`<${JobProgress} job=${job} />` : html`<${Jobs} video=${video} />`}
        <button type="button" onClick=${() => act.ask({ kind: "legend" })} title="the keys">?</button>
      </span>
    </header>
  `;
}

const framesOf = (video) => video.streams.reduce((sum, one) => sum + one.frames, 0);

function Jobs({ video }) {
  return html`
    <button type="button" onClick=${() => act.begin("render")} title="${framesOf(video)} frames are written again, and audited">
      Apply the edits
    </button>
    <button type="button" onClick=${() => act.begin("audit")}>${video.audit ? "Audit again" : "Audit"}</button>
  `;
}

function JobProgress({ job }) {
  return html`
    <label>
      ${job.step} ${job.total ? `${job.done} of ${job.total} frames` : "…"}
      <progress value=${job.total ? job.done : undefined} max=${job.total ?? 1} />
    </label>
    <button type="button" onClick=${() => act.cancelJob(job)}>Cancel</button>
  `;
}
