// A face that is being drawn: boxes at keyframes and followed ones, and between them interpolated ones. Nothing here changes
// what it gets.

/**
 * A draft with its first box. `keyframes` are the person's boxes by frame, `followed` those that the server found;
 * `isFirstSet` and `isLastSet`: the person said where it begins or ends; `following` is the keyframe's box that the
 * server follows now, null: none.
 */
export const begin = (stream, frame, box) => ({
  stream,
  first: frame,
  last: frame,
  isFirstSet: false,
  isLastSet: false,
  keyframes: new Map([[frame, box]]),
  followed: new Map(),
  following: null,
});

const byFrame = (entries) => new Map(entries.sort(([one], [other]) => one - other));

/** The draft with a keyframe at a frame, which it then reaches. */
export function withKeyframe(draft, frame, box) {
  const keyframes = byFrame([...draft.keyframes, [frame, box]]);
  return { ...draft, keyframes, first: Math.min(draft.first, frame), last: Math.max(draft.last, frame) };
}

/** The draft with another first frame. */
export const withFirst = (draft, frame) => ({ ...draft, isFirstSet: true, first: frame, last: Math.max(draft.last, frame) });

/** The draft with another last frame. */
export const withLast = (draft, frame) => ({ ...draft, isLastSet: true, last: frame, first: Math.min(draft.first, frame) });

/** How far the keyframe at a frame may be followed: not to the person's next ones, nor beyond the draft's set ends. */
export function boundsOf({ keyframes, first, last, isFirstSet, isLastSet }, frame) {
  const others = [...keyframes.keys()];
  return [
    Math.max(isFirstSet ? first : 0, (others.findLast((other) => other < frame) ?? -1) + 1),
    Math.min(isLastSet ? last : Infinity, (others.find((other) => other > frame) ?? Infinity) - 1),
  ];
}

/** The draft with the boxes to which the keyframe at a frame was followed; it then reaches them. */
export function withFollowed(draft, frame, boxes) {
  const [first, last] = boundsOf(draft, frame);
  const found = boxes.filter((one) => first <= one.frame && one.frame <= last).map((one) => [one.frame, one.box]);
  const frames = found.map(([number]) => number);
  return {
    ...draft,
    followed: byFrame([...new Map([...draft.followed, ...found])]),
    first: Math.min(draft.first, ...frames),
    last: Math.max(draft.last, ...frames),
  };
}

/** All boxes by their frames: where a frame has a keyframe of the person, it is that one. */
const boxes = ({ followed, keyframes }) => byFrame([...new Map([...followed, ...keyframes])]);

/** The box at a frame: before the first one and after the last one it stays. */
export function boxAt(draft, frame) {
  const entries = [...boxes(draft)];
  const after = entries.find(([number]) => number >= frame);
  const before = entries.findLast(([number]) => number <= frame);
  if (!after || !before || after[0] === before[0]) return (before ?? after)[1];
  const share = (frame - before[0]) / (after[0] - before[0]);
  return before[1].map((value, index) => value + share * (after[1][index] - value));
}

/** Whether it is in a frame. */
export const isIn = (draft, frame) => draft.first <= frame && frame <= draft.last;

/** As the server takes it. */
export const asOperation = (draft) => ({
  op: "add",
  stream: draft.stream,
  first_frame: draft.first,
  last_frame: draft.last,
  keyframes: [...boxes(draft)].map(([frame, box]) => ({ frame, box })),
});

/** A box of two corners, within the frame. */
export function boxOf([x1, y1], [x2, y2], [width, height]) {
  const within = (value, limit) => Math.round(Math.max(0, Math.min(limit, value)) * 10) / 10;
  return [
    within(Math.min(x1, x2), width),
    within(Math.min(y1, y2), height),
    within(Math.max(x1, x2), width),
    within(Math.max(y1, y2), height),
  ];
}

/** A box that is moved, or of which a corner is moved: `part` is "move" or which sides, such as "left top". */
export function changed(box, part, [dx, dy], size) {
  const [x1, y1, x2, y2] = box;
  if (part === "move") {
    const moved = [Math.max(-x1, Math.min(size[0] - x2, dx)), Math.max(-y1, Math.min(size[1] - y2, dy))];
    return boxOf([x1 + moved[0], y1 + moved[1]], [x2 + moved[0], y2 + moved[1]], size);
  }
  const corner = [part.includes("left") ? x1 + dx : x1, part.includes("top") ? y1 + dy : y1];
  const opposite = [part.includes("right") ? x2 + dx : x2, part.includes("bottom") ? y2 + dy : y2];
  return boxOf(corner, opposite, size);
}
