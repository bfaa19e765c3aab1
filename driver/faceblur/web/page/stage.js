// The stage: the exact still of a frame with what is in it, and a face that is drawn there.
import * as act from "./actions.js";
import { begin, boxAt, boxOf, changed, isIn, withKeyframe } from "./draft.js";
import { Component, html } from "./html.js";
import { Outlines } from "./outlines.js";
import { Player } from "./player.js";
import { frameCount, getState, say, setState } from "./store.js";

const MIN_PIXELS = 4; // of the screen, of a drag: less is a click

export function Stage(state) {
  const { video, stream, frame, layer, outlines, playing, shown } = state;
  const frames = frameCount(state);
  return html`
    <section class="stage" aria-label="Frame">
      ${playing
        ? html`<${Player} ...${state} size=${video.frame_wh} />`
        : shown && html`<${Still} ...${state} />`}
      <p class="controls">
        <button type="button" onClick=${() => act.goTo(frame - 1)} aria-label="the frame before">‹</button>
        <input type="range" min="0" max=${frames - 1} value=${frame} aria-label="frame"
          onInput=${(event) => act.goTo(event.target.valueAsNumber)} />
        <button type="button" onClick=${() => act.goTo(frame + 1)} aria-label="the next frame">›</button>
        <${FrameField} frame=${frame} frames=${frames} />
        <span>of ${frames}${shown && !playing ? `, ${shown.seconds.toFixed(3)} s` : ""}</span>
        ${["source", "output"].map(
          (one) => html`<button type="button" key=${one} aria-pressed=${layer === one && !playing}
            onClick=${() => act.chooseLayer(one)}>${one}</button>`,
        )}
        <label><input type="checkbox" checked=${outlines} onChange=${() => setState({ outlines: !outlines })} /> outlines</label>
        <button type="button" aria-pressed=${playing} onClick=${act.togglePlaying}>play the output</button>
        ${video.streams.length > 1 &&
        html`<label>stream <select value=${stream} onChange=${(event) => act.goTo(0, Number(event.target.value))}>
          ${video.streams.map((one) => html`<option key=${one.stream} value=${one.stream}>${one.stream}</option>`)}
        </select></label>`}
      </p>
      <${DraftBar} ...${state} />
    </section>
  `;
}

/** The number of the frame. What is typed stays, whatever is drawn again meanwhile. */
class FrameField extends Component {
  state = { typed: null };

  render({ frame, frames }, { typed }) {
    const leave = () => this.setState({ typed: null });
    const go = (event) => {
      if (event.target.value) act.goTo(event.target.valueAsNumber);
      leave();
    };
    return html`
      <label>frame <input type="number" min="0" max=${frames - 1} value=${typed ?? frame}
        onInput=${(event) => this.setState({ typed: event.target.value })} onChange=${go} onBlur=${leave} /></label>
    `;
  }
}

function DraftBar({ draft, playing }) {
  const toDraw = "Drag on the picture to draw a face that was missed.";
  if (!draft) return html`<p class="draft">${playing ? "Stop (P) at a face that was missed, to draw it." : toDraw}</p>`;
  const followed = [...draft.followed.keys()].filter((frame) => isIn(draft, frame) && !draft.keyframes.has(frame)).length;
  return html`
    <p class="draft">
      A face in frames ${draft.first} to ${draft.last}, ${draft.keyframes.size} keyframe${draft.keyframes.size > 1 ? "s" : ""}${
        followed ? `, ${followed} followed` : ""}.
      Have it followed, or go to another frame and drag the box there.
      <button type="button" disabled=${draft.following !== null} onClick=${act.followDraft}>
        ${draft.following ? "Following …" : "Follow (T)"}
      </button>
      <button type="button" onClick=${act.saveDraft}>Save (Enter)</button>
      <button type="button" onClick=${() => setState({ draft: null })}>Discard (Esc)</button>
    </p>
  `;
}

/** The picture, and over it the faces. What is dragged is in its own state: it changes with each move of the mouse. */
class Still extends Component {
  state = { drag: null };

  point(event) {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [place.x, place.y];
  }

  down = (event) => {
    if (event.button !== 0) return;
    const { draft, shown } = this.props;
    const part = event.target.dataset.part;
    const box = part && draft ? boxAt(draft, shown.frame) : null;
    this.svg.setPointerCapture(event.pointerId);
    this.setState({ drag: { part: box && part, box, from: this.point(event), to: this.point(event) } });
  };

  move = (event) => {
    if (this.state.drag) this.setState({ drag: { ...this.state.drag, to: this.point(event) } });
  };

  up = () => {
    const { drag } = this.state;
    if (!drag) return;
    const box = this.dragged();
    this.setState({ drag: null });
    if (!box) return drag.part ? undefined : this.selectAt(drag.from);
    const { draft } = getState();
    const { stream, frame } = this.props.shown;
    if (draft && draft.stream !== stream) return say("save the face that is drawn (Enter), or discard it (Esc)", true);
    setState({ draft: draft ? withKeyframe(draft, frame, box) : begin(stream, frame, box) });
  };

  /** A click selects the track of the smallest face at this place. */
  selectAt([x, y]) {
    const { stream, faces } = this.props.shown;
    const area = ({ box: [x1, y1, x2, y2] }) => (x2 - x1) * (y2 - y1);
    const hit = faces
      .filter(({ track, box: [x1, y1, x2, y2] }) => track !== null && x1 <= x && x <= x2 && y1 <= y && y <= y2)
      .sort((one, other) => area(one) - area(other))[0];
    setState({ selected: new Set(hit ? [`${stream}/${hit.track}`] : []) });
  }

  /** The box that is dragged; null for a click, and for one without an area. */
  dragged() {
    const { part, box, from, to } = this.state.drag;
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    const { size } = this.props.shown;
    const least = MIN_PIXELS / this.svg.getScreenCTM().a;
    if (Math.max(Math.abs(dx), Math.abs(dy)) < least) return null;
    const made = part ? changed(box, part, [dx, dy], size) : boxOf(from, to, size);
    return Math.min(made[2] - made[0], made[3] - made[1]) < Math.min(least, 1) ? null : made;
  }

  render({ shown, outlines, selected, draft }, { drag }) {
    const [width, height] = shown.size;
    const dragged = drag && this.dragged();
    const drawn = dragged ?? (draft && draft.stream === shown.stream && isIn(draft, shown.frame) && boxAt(draft, shown.frame));
    const kind = dragged || draft?.keyframes.has(shown.frame) ? "keyframe" : draft?.followed.has(shown.frame) ? "followed" : "";
    return html`
      <div class="still">
        <img src=${shown.url} alt="frame ${shown.frame} of the ${shown.layer}" draggable=${false} />
        <svg viewBox="0 0 ${width} ${height}" font-size=${height / 40} ref=${(svg) => (this.svg = svg)}
          onPointerDown=${this.down} onPointerMove=${this.move} onPointerUp=${this.up}>
          ${outlines && html`<${Outlines} faces=${shown.faces} stream=${shown.stream} selected=${selected} top=${height / 40} />`}
          ${drawn && html`<${Drawn} box=${drawn} kind=${kind} least=${height / 80} />`}
        </svg>
      </div>
    `;
  }
}

const HANDLES = [["left", "top"], ["right", "top"], ["left", "bottom"], ["right", "bottom"]];

function Drawn({ box: [x1, y1, x2, y2], kind, least }) {
  const radius = Math.max(least, Math.min(x2 - x1, y2 - y1) / 12);
  return html`
    <g class="drawn ${kind}">
      <rect x=${x1} y=${y1} width=${x2 - x1} height=${y2 - y1} data-part="move" />
      ${HANDLES.map(
        ([side, end]) => html`<circle key=${side + end} r=${radius} data-part="${side} ${end}"
          cx=${side === "left" ? x1 : x2} cy=${end === "top" ? y1 : y2} />`,
      )}
    </g>
  `;
}
