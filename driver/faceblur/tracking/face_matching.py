"""Which boxes of two frames are the same face: by overlap, then by nearness.

Only boxes near each other are compared, so that the work grows with the number of faces, not with its square.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from lap import lapjv
from numpy.typing import NDArray

from faceblur.tracking.boxes import Box

# Two boxes may be one face when they overlap by this IoU, or when they are of like size (a factor of 2) and their
# centres lie no further apart than this share of it: a small fast face may not overlap itself in the next frame.
MIN_IOU = 0.1
MAX_DISTANCE = 1.0
MAX_GROWTH = 2.0
# What is not possible costs more than all possible pairs of a group.
IMPOSSIBLE = 1e4
# A crowd whose faces all touch makes one group. Above this many boxes the best pair goes first, whatever is left for
# the others: an optimal pairing of 500 boxes takes 10 ms, one of thousands takes seconds.
MAX_GROUP = 500
# So few are compared faster than sorted.
FEW_PAIRS = 256

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]


def match_boxes(expected: Sequence[Box], detected: Sequence[Box]) -> list[tuple[int, int]]:
    """The best one-to-one pairing of boxes that may be the same face, as pairs of indices, sorted."""
    if not expected or not detected:
        return []
    a, b = np.asarray(expected, float), np.asarray(detected, float)
    rows, columns = _all(a, b) if len(a) * len(b) <= FEW_PAIRS else _near(a, b)
    cost, possible = _costs(a[rows], b[columns])
    edges = list(zip(rows[possible].tolist(), columns[possible].tolist(), cost[possible].tolist(), strict=True))
    return sorted(pair for group in _groups(edges) for pair in _best(group))


def _all(a: NDArray[np.float64], b: NDArray[np.float64]) -> Pairs:
    """All pairs, as indices."""
    return np.repeat(np.arange(len(a)), len(b)), np.tile(np.arange(len(b)), len(a))


def _near(a: NDArray[np.float64], b: NDArray[np.float64]) -> Pairs:
    """The pairs, as indices, of which one may be possible: those whose squares around them touch."""
    (centres, sides), (others, other_sides) = ((box[:, :2] + box[:, 2:], _sides(box)) for box in (a, b))
    found: list[Pairs] = []
    # By the size of the others, in steps of a factor of 2: one large face has all small ones near it, not the reverse.
    steps = np.floor(np.log2(other_sides))
    for step in np.unique(steps):
        members = np.flatnonzero(steps == step)
        members = members[np.argsort(others[members, 0])]
        x, reach = others[members, 0], sides + other_sides[members].max()
        first, last = np.searchsorted(x, centres[:, 0] - reach), np.searchsorted(x, centres[:, 0] + reach, "right")
        counts = last - first
        rows = np.repeat(np.arange(len(a)), counts)
        columns = members[np.arange(counts.sum()) + np.repeat(first - (counts.cumsum() - counts), counts)]
        near = np.abs(centres[rows] - others[columns]).max(axis=1, initial=0) <= sides[rows] + other_sides[columns]
        found.append((rows[near], columns[near]))
    return np.concatenate([rows for rows, _ in found]), np.concatenate([columns for _, columns in found])


def _sides(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    sides: NDArray[np.float64] = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6).max(axis=1)
    return sides


def _costs(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The cost of each pair of boxes, and whether they may be the same face."""
    overlap = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(axis=1)
    areas = [np.maximum(one[:, 2:] - one[:, :2], 1e-6).prod(axis=1) for one in (a, b)]
    iou = overlap / (areas[0] + areas[1] - overlap)
    side = np.sqrt(np.minimum(*areas))
    between = np.linalg.norm((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2, axis=1) / side
    growth = np.sqrt(np.maximum(areas[0] / areas[1], areas[1] / areas[0]))
    # Overlap first, nearness second.
    cost = 2 - iou + np.minimum(between, 9) / 10
    return cost, (iou >= MIN_IOU) | ((between <= MAX_DISTANCE) & (growth <= MAX_GROWTH))


Edge = tuple[int, int, float]


def _groups(edges: Iterable[Edge]) -> Iterable[list[Edge]]:
    """The edges in groups that have no box in common."""
    parents: dict[int, int] = {}

    def root(one: int) -> int:
        while (above := parents.setdefault(one, one)) != one:
            parents[one] = one = parents[above]
        return one

    edges = list(edges)
    for row, column, _ in edges:
        parents[root(row)] = root(-1 - column)
    groups: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        groups[root(edge[0])].append(edge)
    return groups.values()


def _best(edges: list[Edge]) -> list[tuple[int, int]]:
    """The best pairing of one group: as many pairs as possible, at the lowest cost."""
    if len(edges) == 1:
        return [edges[0][:2]]
    rows, columns = sorted({row for row, _, _ in edges}), sorted({column for _, column, _ in edges})
    if max(len(rows), len(columns)) > MAX_GROUP:
        return _greedy(edges)
    row_of, column_of = ({number: index for index, number in enumerate(numbers)} for numbers in (rows, columns))
    cost = np.full((len(rows), len(columns)), IMPOSSIBLE)
    for row, column, value in edges:
        cost[row_of[row], column_of[column]] = value
    _, chosen, _ = lapjv(cost, extend_cost=True)
    return [(rows[i], columns[j]) for i, j in enumerate(chosen.tolist()) if j >= 0 and cost[i, j] < IMPOSSIBLE]


def _greedy(edges: list[Edge]) -> list[tuple[int, int]]:
    """Pairs of a group, those of the lowest cost first."""
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for row, column, _ in sorted(edges, key=lambda edge: edge[2]):
        if row not in pairs and column not in taken:
            pairs[row] = column
            taken.add(column)
    return list(pairs.items())
