// A face that is drawn is followed by its own pixels: the server finds it in the frames around the keyframe.
import * as api from "./api.js";
import { boundsOf, boxAt, isIn, withFollowed, withKeyframe } from "./draft.js";
import { frameCount, getState, say, setState } from "./store.js";

const REASONS = {
  lost: "lost there",
  cut: "a cut",
  end: "the video ends",
  limit: "no further at once: T there follows on",
  asked: "your next keyframe or end",
};

/** Follow the box at this frame, which is a keyframe of the person's from then on, in both directions. */
export async function followDraft() {
  const { id, frame, draft } = getState();
  if (!draft) return say("draw a face first: drag on the picture");
  if (draft.following) return say("the face is still being followed");
  if (draft.stream !== getState().stream || !isIn(draft, frame)) return say("draw the face in this frame first");
  const box = boxAt(draft, frame);
  const begun = { ...withKeyframe(draft, frame, box), following: box };
  setState({ draft: begun, message: { text: `following the face from frame ${frame} …` } });
  const [first, last] = boundsOf(begun, frame);
  try {
    const answer = await api.getFollowed(id, draft.stream, frame, box, first, Math.min(last, frameCount(getState()) - 1));
    take(frame, box, answer);
  } finally {
    const { draft: now } = getState();
    if (now?.following === box) setState({ draft: { ...now, following: null } });
  }
}

/** Take what was found, unless the face was discarded, or its box drawn anew, meanwhile. */
function take(frame, box, { boxes, earlier, later }) {
  const { draft } = getState();
  if (draft?.following !== box) return;
  if (draft.keyframes.get(frame) !== box) return say("the box was changed while it was followed: T follows the new one", true);
  setState({ draft: { ...withFollowed(draft, frame, boxes), following: null } });
  const [before, after] = [earlier, later].map(({ reason }) => REASONS[reason]);
  if (boxes.length) say(`followed from frame ${earlier.frame} (${earlier.reason === "end" ? "the video begins" : before}) to frame ${later.frame} (${after})`);
  else say(`followed to no other frame: ${before === after ? after : `${before} before, ${after} after`}`, true);
}
