// The outlines of the faces in a frame, with their tracks and scores.
import { html } from "./html.js";

/** `top` is the height of a line of text, in pixels of the frame; `selected` are names of tracks. */
export const Outlines = ({ faces, stream, selected, top }) =>
  faces.map((face, index) => html`<${Outline} key=${index} face=${face} top=${top}
    isSelected=${face.track !== null && selected.has(`${stream}/${face.track}`)} />`);

function Outline({ face: { box: [x1, y1, x2, y2], track, state, score }, top, isSelected }) {
  return html`
    <g class="face ${state} ${isSelected ? "selected" : ""}">
      <rect x=${x1} y=${y1} width=${x2 - x1} height=${y2 - y1} />
      <text x=${x1} y=${Math.max(y1 - top / 4, top)}>${track === null ? "" : `#${track} `}${score?.toFixed(2) ?? ""}</text>
    </g>
  `;
}
