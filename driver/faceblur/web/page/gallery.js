// The gallery: a chip for each track, whose pictures follow each other while the mouse is over it.
import * as act from "./actions.js";
import { cropUrl } from "./api.js";
import { Component, html, pure } from "./html.js";
import { getState, nameOf, PARTS, setState } from "./store.js";

const CYCLE_MILLISECONDS = 350;
const ORDERS = {
  score: ["lowest score", (one, other) => (one.score ?? 0) - (other.score ?? 0)],
  length: ["shortest", (one, other) => one.frames - other.frames],
  size: ["smallest", (one, other) => one.width - other.width],
  time: ["first", (one, other) => one.first_frame - other.first_frame],
};

export const Gallery = pure(["video", "selected", "sort", "part"], ({ video, selected, sort, part }) => {
  const tracks = [...video.tracks].sort(ORDERS[sort][1]);
  return html`
    <section class="gallery" aria-label="Tracks">
      <h2>
        ${tracks.length} track${tracks.length === 1 ? "" : "s"}
        <label>
          the ${" "}
          <select value=${sort} onChange=${(event) => setState({ sort: event.target.value })}>
            ${Object.entries(ORDERS).map(([key, [label]]) => html`<option key=${key} value=${key}>${label}</option>`)}
          </select>
          ${" "} first
        </label>
      </h2>
      <p class="buttons">
        <button type="button" disabled=${!selected.size} onClick=${() => act.editSelected("mask-track")}>C mask</button>
        <button type="button" disabled=${!selected.size} onClick=${() => act.editSelected("remove-track")}>X no face</button>
        <button type="button" disabled=${!selected.size} onClick=${() => act.editSelected("spare-track")}>S spare</button>
        <select aria-label="Part of the tracks" value=${part} onChange=${(event) => setState({ part: event.target.value })}>
          ${Object.entries(PARTS).map(([key, [label]]) => html`<option key=${key} value=${key}>${label}</option>`)}
        </select>
      </p>
      <ul>
        ${tracks.map(
          (track) =>
            html`<${Chip}
              key=${nameOf(track)}
              id=${video.id}
              track=${track}
              isSelected=${selected.has(nameOf(track))}
              onSelect=${(event) => select(tracks, track, event)}
            />`,
        )}
      </ul>
    </section>
  `;
});

/** A click selects one track, with Ctrl one more, with Shift all up to it; and shows where it is. */
function select(tracks, track, event) {
  const { selected } = getState();
  const name = nameOf(track);
  const last = tracks.findIndex((one) => nameOf(one) === [...selected].at(-1));
  if (event.shiftKey && last >= 0) {
    const index = tracks.indexOf(track);
    const range = tracks.slice(Math.min(last, index), Math.max(last, index) + 1);
    setState({ selected: new Set([...selected, ...range.map(nameOf)]) });
  } else if (event.ctrlKey || event.metaKey) {
    const changed = new Set(selected);
    if (!changed.delete(name)) changed.add(name);
    setState({ selected: changed });
  } else {
    setState({ selected: new Set([name]) });
    const middle = track.samples[track.samples.length >> 1];
    act.goTo(middle.frame, track.stream);
  }
}

/** How much of a track is spared, if it is not all. */
const sparedPart = ({ state, spared_frames, frames }) =>
  state === "spared" && spared_frames < frames ? ` in ${spared_frames} of ${frames} frames` : "";

class Chip extends Component {
  state = { sample: 0 };

  componentWillUnmount() {
    clearInterval(this.timer);
  }

  start = () => {
    clearInterval(this.timer);
    const next = ({ sample }) => ({ sample: (sample + 1) % this.props.track.samples.length });
    this.timer = setInterval(() => this.setState(next), CYCLE_MILLISECONDS);
  };

  stop = () => clearInterval(this.timer);

  render({ id, track, isSelected, onSelect }, { sample }) {
    const { frame, box } = track.samples[sample] ?? track.samples[0];
    return html`
      <li class="chip ${track.state}">
        <button
          type="button"
          aria-pressed=${isSelected}
          aria-label="track ${track.track}, ${track.state}"
          onClick=${onSelect}
          onMouseEnter=${this.start}
          onMouseLeave=${this.stop}
        >
          <img loading="lazy" alt="" src=${cropUrl(id, track.stream, frame, box)} />
          <b>#${track.track}</b> ${track.state}${sparedPart(track)}
          <small>${(track.end - track.start).toFixed(1)} s, ${track.score?.toFixed(2) ?? "no score"}</small>
        </button>
      </li>
    `;
  }
}
