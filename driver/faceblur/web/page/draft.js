// A face that is being drawn: boxes at keyframes, and between them interpolated ones. Nothing here changes what it gets.

/** A draft with its first box. */
export const begin = (stream, frame, box) => ({ stream, first: frame, last: frame, keyframes: new Map([[frame, box]]) });

/** The draft with a keyframe at a frame, which it then reaches. */
export function withKeyframe(draft, frame, box) {
  const keyframes = new Map([...draft.keyframes, [frame, box]].sort(([one], [other]) => one - other));
  return { ...draft, keyframes, first: Math.min(draft.first, frame), last: Math.max(draft.last, frame) };
}

/** The draft with another first frame. */
export const withFirst = (draft, frame) => ({ ...draft, first: frame, last: Math.max(draft.last, frame) });

/** The draft with another last frame. */
export const withLast = (draft, frame) => ({ ...draft, last: frame, first: Math.min(draft.first, frame) });

/** The box at a frame: before the first keyframe and after the last one it stays. */
export function boxAt(draft, frame) {
  const entries = [...draft.keyframes];
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
  keyframes: [...draft.keyframes].map(([frame, box]) => ({ frame, box })),
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
