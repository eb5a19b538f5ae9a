# SPDX-License-Identifier: Apache-2.0
"""Finds faces with UltraFace: the picture as the network wants it, boxes of its answer. No inference in here."""
import numpy as np

from images import resize

INPUT, OUTPUTS = "input", ("scores", "boxes")
HEIGHT, WIDTH = 240, 320
LEAST_SCORE, MOST_OVERLAP = 0.8, 0.3


def network_input(image):
    """float32 [1,3,240,320]: the whole picture, whatever its shape; the network was trained so."""
    return ((resize(image, HEIGHT, WIDTH) - 127) / 128).transpose(2, 0, 1)[None].astype(np.float32)


def overlaps(box, boxes):
    """Intersection over union of one box with each of @boxes [N,4]: left, top, right, bottom."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    both = np.prod(np.maximum(high - low, 0), 1)
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), 1)
    union = np.prod(np.maximum(box[2:] - box[:2], 0)) + areas - both
    return np.where(union > 0, both / np.where(union > 0, union, 1), 0)


def suppress(boxes, scores, most):
    """Indices of the boxes that stay, best first: none overlaps a better one by more than @most."""
    order, kept = list(np.argsort(-scores, kind="stable")), []
    while order:
        best = order.pop(0)
        kept.append(best)
        if order:
            near = overlaps(boxes[best], boxes[order]) > most
            order = [i for i, n in zip(order, near) if not n]
    return kept


def find(outputs, height, width):
    """[(score, [left, top, right, bottom] in pixels of the picture)], best first."""
    scores = outputs["scores"].reshape(-1, 2)[:, 1]
    boxes = np.clip(outputs["boxes"].reshape(-1, 4), 0, 1) * [width, height, width, height]
    sure = np.flatnonzero(scores >= LEAST_SCORE)
    boxes, scores = boxes[sure], scores[sure]
    return [(float(scores[i]), boxes[i]) for i in suppress(boxes, scores, MOST_OVERLAP)]


def corners(box):
    left, top, right, bottom = box
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
