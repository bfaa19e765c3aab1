// The timeline: lanes for findings, added faces and tracks; a click shows the frame.
import * as act from "./actions.js";
import { html, pure } from "./html.js";
import { frameCount, nameOf } from "./store.js";

const ROWS = 12; // of tracks: those that do not overlap share one, and more than these lie over each other
const HEIGHT = ROWS + 4;

export function Timeline(state) {
  const { frame } = state;
  const frames = frameCount(state);
  const jump = (event) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    act.goTo(Math.floor(((event.clientX - left) / width) * frames));
  };
  return html`
    <section class="timeline" aria-label="Timeline">
      <svg viewBox="0 0 ${frames} ${HEIGHT}" preserveAspectRatio="none" onClick=${jump}>
        <${Bars} ...${state} frames=${frames} />
        <line x1=${frame + 0.5} x2=${frame + 0.5} y1="0" y2=${HEIGHT} />
      </svg>
    </section>
  `;
}

const Bars = pure(["video", "stream", "selected", "draft"], ({ video, stream, selected, draft, frames }) => {
  const isOf = (one) => one.stream === stream;
  const tracks = video.tracks.filter(isOf);
  const rows = rowsOf(tracks);
  const bar = (className, y, first, last, title) =>
    html`<rect class=${className} x=${first} y=${y} width=${Math.max(last - first + 1, frames / 400)} height="0.8">
      <title>${title}</title>
    </rect>`;
  return html`
    <g>
      ${video.findings
        .filter(isOf)
        .map((one) => bar(`finding ${one.fails ? "fails" : ""}`, 0, one.first_frame, one.last_frame, one.title))}
      ${video.added.filter(isOf).map((one) => bar("added", 1, one.first_frame, one.last_frame, "added by a person"))}
      ${draft && draft.stream === stream && bar("draft", 2, draft.first, draft.last, "the face that is drawn")}
      ${tracks.map((one, index) =>
        bar(
          `${one.state} ${selected.has(nameOf(one)) ? "selected" : ""}`,
          3 + rows[index],
          one.first_frame,
          one.last_frame,
          `track ${one.track}, ${one.state}`,
        ),
      )}
    </g>
  `;
});

/** For each track the row in which it has room. */
function rowsOf(tracks) {
  const ends = [];
  return tracks.map(({ first_frame, last_frame }) => {
    const free = ends.findIndex((end) => end < first_frame);
    const row = free >= 0 ? free : ends.length;
    ends[row] = last_frame;
    return row % ROWS;
  });
}
