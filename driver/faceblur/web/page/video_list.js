// The list of the videos: how far each one is.
import { html } from "./html.js";
import { jobOf } from "./store.js";

export function VideoList({ videos, jobs }) {
  if (!videos) return html`<main class="list"><p>Loading …</p></main>`;
  return html`
    <main class="list">
      <h1>Videos to review</h1>
      <table>
        <thead>
          <tr><th>Video</th><th>Audit</th><th>Findings reviewed</th><th>Edits</th><th></th></tr>
        </thead>
        <tbody>
          ${videos.map((video) => html`<${Row} key=${video.id} video=${video} isBusy=${jobOf(jobs, video.id) !== null} />`)}
        </tbody>
      </table>
    </main>
  `;
}

function Row({ video, isBusy }) {
  const { audit } = video;
  if (video.problem) {
    return html`<tr><td>${video.name}</td><td colspan="4" class="error">${video.problem}</td></tr>`;
  }
  return html`
    <tr>
      <td><a href="#/videos/${video.id}">${video.name}</a></td>
      <td class=${audit && !audit.passed ? "error" : ""}>${verdictOf(audit)}</td>
      <td>${audit ? `${audit.reviewed} of ${audit.listed}` : ""}</td>
      <td>${video.edits || ""}</td>
      <td>${isBusy ? "being written or audited" : video.is_pending ? "edits are not in the output yet" : ""}</td>
    </tr>
  `;
}

/** What the last audit says. */
export function verdictOf(audit) {
  if (!audit) return "not audited";
  const verdict = audit.passed ? "nothing exposed was found" : `${audit.findings} exposed or lost: do not publish`;
  return audit.is_current ? verdict : `${verdict} (before the output was last written)`;
}
