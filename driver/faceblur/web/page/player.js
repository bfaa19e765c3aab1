// The player of the output, from the frame that was on the stage, with the outlines of the frame that it shows.
import * as act from "./actions.js";
import { getShown, outputUrl } from "./api.js";
import { Component, html } from "./html.js";
import { Outlines } from "./outlines.js";
import { getState, setState } from "./store.js";

const PART = 10; // seconds, of which the server gives the faces in one answer
const ROUNDED = 0.001; // seconds: times of frames are given so exactly

export class Player extends Component {
  state = { shown: null, size: null };
  parts = new Map(); // by their number: the frames of a part, or null while they are loaded
  seconds = this.props.since; // when the frame is shown that is seen
  isOver = false;

  componentDidMount() {
    this.begin();
    this.watch();
  }

  componentWillUnmount() {
    this.isOver = true; // what is loaded late is of no frame that is seen
    this.player.cancelVideoFrameCallback(this.watching);
  }

  componentDidUpdate({ tag, version }) {
    if (version !== this.props.version) this.begin();
    if (tag === this.props.tag) return;
    this.parts.clear(); // the edits changed
    this.follow();
  }

  /** Begin where the page is, also in an output that was written again. */
  begin() {
    this.player.currentTime = this.seconds + ROUNDED;
  }

  watch = () => {
    this.watching = this.player.requestVideoFrameCallback((_, { mediaTime }) => {
      this.isAt(mediaTime);
      this.watch();
    });
  };

  isAt(seconds) {
    this.seconds = seconds;
    this.follow();
  }

  /** Have the page be at the frame that is seen. A frame is not seen before the page knows which one it is. */
  follow() {
    const number = Math.floor(this.seconds / PART);
    for (const part of [number, number + 1]) this.load(part);
    const shown = this.parts.get(number)?.findLast((one) => one.seconds <= this.seconds + ROUNDED) ?? null;
    this.setState({ shown });
    if (shown) setState({ frame: shown.frame });
  }

  async load(number) {
    if (this.parts.has(number)) return;
    const { id, stream, tag } = this.props;
    this.parts.set(number, null);
    const frames = await act.tried(getShown)(id, stream, number * PART);
    if (this.isOver || tag !== this.props.tag) return;
    if (!frames) return act.goTo(getState().frame); // which frame is seen is not known
    this.parts.set(number, frames);
    this.follow();
  }

  render({ id, version, stream, outlines, selected, size: [width, height] }, { shown, size }) {
    const [across, down] = size ?? [width, height];
    return html`
      <div class="still">
        <video src=${outputUrl(id, version)} controls autoplay ref=${(player) => (this.player = player)}
          onLoadedMetadata=${({ target }) => this.setState({ size: [target.videoWidth, target.videoHeight] })}
          onSeeked=${({ target }) => this.isAt(target.currentTime) /* of a paused video there may be no callback */}
          onError=${act.cannotPlay} />
        <svg class="over" viewBox="0 0 ${across} ${down}" font-size=${height / 40}>
          ${!shown && html`<rect class="unknown" width=${across} height=${down} />`}
          <g transform="scale(${across / width} ${down / height})">
            ${outlines && shown && html`<${Outlines} faces=${shown.faces} stream=${stream} selected=${selected} top=${height / 40} />`}
          </g>
        </svg>
      </div>
    `;
  }
}
