// The queue of findings, the worst first, and what the one that is looked at shows before and after.
import * as act from "./actions.js";
import { cropUrl } from "./api.js";
import { html, pure } from "./html.js";
import { currentFinding } from "./store.js";

const VERDICTS = [
  ["fine", "1 fine"],
  ["mask", "2 mask"],
  ["no-face", "3 no face"],
  ["unclear", "4 unclear"],
];

export const Queue = pure(["video", "finding", "version"], (state) => {
  const { video, version } = state;
  const current = currentFinding(state);
  return html`
    <section class="queue" aria-label="Findings">
      <h2>Findings</h2>
      ${current && html`<${Pair} id=${video.id} finding=${current} version=${version} />`}
      ${!video.audit && html`<p>The output was not audited yet: <em>Audit</em> does it.</p>`}
      ${video.audit && !video.findings.length && html`<p>None.</p>`}
      <ol>
        ${video.findings.map(
          (one) => html`<${Entry} key=${one.key} finding=${one} isCurrent=${one.key === current?.key} />`,
        )}
      </ol>
    </section>
  `;
});

function Entry({ finding, isCurrent }) {
  return html`
    <li class="${finding.fails ? "fails" : ""} ${isCurrent ? "current" : ""} ${finding.verdict ? "judged" : ""}">
      <button type="button" onClick=${() => act.lookAt(finding)} title=${finding.text}>
        <b>${finding.title}</b>
        <span>${finding.time}${finding.track !== null ? `, track ${finding.track}` : ""}</span>
        ${finding.verdict && html`<mark>${finding.verdict}</mark>`}
      </button>
    </li>
  `;
}

function Pair({ id, finding, version }) {
  const url = (layer) => cropUrl(id, finding.stream, finding.frame, finding.box, { layer, height: 180, version });
  return html`
    <div class="pair">
      <figure><img src=${url("source")} alt="before" /><figcaption>source</figcaption></figure>
      <figure><img src=${url("output")} alt="after" /><figcaption>output</figcaption></figure>
      <p>${finding.text}</p>
      <p class="buttons">
        ${VERDICTS.filter(([verdict]) => verdict !== "mask" || finding.can_mask).map(
          ([verdict, label]) =>
            html`<button
              type="button"
              key=${verdict}
              aria-pressed=${finding.verdict === verdict}
              onClick=${() => act.judge(finding.verdict === verdict ? null : verdict)}
            >
              ${label}
            </button>`,
        )}
      </p>
    </div>
  `;
}
