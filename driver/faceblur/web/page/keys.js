// The keyboard: which key does what, and the legend of it.
import * as act from "./actions.js";
import { boxAt, withFirst, withKeyframe, withLast } from "./draft.js";
import { frameCount, getState, say, setState } from "./store.js";

const step = (frames) => () => act.goTo(getState().frame + frames);

function ofDraft(change) {
  return () => {
    const { draft, frame, stream } = getState();
    if (draft && draft.stream !== stream) say(`the face is drawn in stream ${draft.stream}: show that one first`, true);
    else if (draft) setState({ draft: change(draft, frame) });
  };
}

/** Keys, what they are called, what they do, and the function. */
export const KEYS = [
  ["n", "N", "the next finding that is open", act.nextFinding],
  ["1", "1", "this finding is fine", () => act.judge("fine")],
  ["2", "2", "mask this finding", () => act.judge("mask")],
  ["3", "3", "this finding is no face", () => act.judge("no-face")],
  ["4", "4", "unclear: somebody else should look", () => act.judge("unclear")],
  ["c", "C", "mask the selected tracks", () => act.editSelected("mask-track")],
  ["x", "X", "the selected tracks are no faces", () => act.editSelected("remove-track")],
  ["s", "S", "leave the selected tracks visible, with a reason", () => act.editSelected("spare-track")],
  ["g", "G", "which part of them: the whole track, this frame, from it on, up to it", act.nextPart],
  ["z", "Z", "undo the last edit", act.undoLast],
  [",", ",", "the frame before; with Shift ten", step(-1)],
  [".", ".", "the next frame; with Shift ten", step(1)],
  ["<", null, null, step(-10)],
  [";", null, null, step(-10)], // as on German keyboards
  [">", null, null, step(10)],
  [":", null, null, step(10)],
  ["Home", "Home", "the first frame", () => act.goTo(0)],
  ["End", "End", "the last frame", () => act.goTo(frameCount(getState()) - 1)],
  ["o", "O", "outlines on or off", () => setState({ outlines: !getState().outlines })],
  ["l", "L", "source or output", () => act.chooseLayer(getState().layer === "source" ? "output" : "source")],
  ["p", "P", "play the output, or stop", act.togglePlaying],
  ["k", "K", "a face that is drawn: a keyframe at this frame", ofDraft((one, frame) => withKeyframe(one, frame, boxAt(one, frame)))],
  ["t", "T", "follow it from this frame, in both directions", act.followDraft],
  ["[", "[", "it begins at this frame", ofDraft(withFirst)],
  ["]", "]", "it ends at this frame", ofDraft(withLast)],
  ["f", "F", "it is in all frames", ofDraft((one) => withLast(withFirst(one, 0), frameCount(getState()) - 1))],
  ["Enter", "Enter", "save it", act.saveDraft],
  ["Escape", "Esc", "discard it", () => setState({ draft: null, message: null, selected: new Set() })],
  ["?", "?", "this list", () => act.ask({ kind: "legend" })],
];
const ACTIONS = new Map(KEYS.map(([key, , , action]) => [key, action]));
const REPEATED = ",.<>;:"; // what goes on while a key is held; one verdict, or one edit, is of one press
const FIELDS = "input:not([type=range]):not([type=checkbox]), textarea, select";

/** Have the keys work while a video is open, but not in fields and dialogs. */
export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    const { video, dialog, message } = getState();
    if (!video || dialog || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target.matches(FIELDS)) return event.target.blur();
    if (event.target.matches(FIELDS) || (event.key === "Enter" && event.target.matches("button, a"))) return;
    const action = ACTIONS.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!action) return;
    event.preventDefault();
    if (message && !message.isError) setState({ message: null }); // it is of the key before
    if (!event.repeat || REPEATED.includes(event.key)) action();
  });
}
