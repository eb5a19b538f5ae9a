# SPDX-License-Identifier: Apache-2.0
"""Reads text with PP-OCRv4: where lines are (detection), which way up (direction), what they say (recognition).
What comes before and after each network; no inference in here.

A line is four corners (x, y) in pixels, from its top left, clockwise.
"""
import os

import numpy as np

from images import cut_out, fit
from ort import cache_dir

INPUT = "x"
FOUND, DIRECTION, TEXT = "sigmoid_0.tmp_0", "softmax_0.tmp_0", "softmax_11.tmp_0"
MEAN, SPREAD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
# Of PaddleOCR's defaults: text from this probability of a pixel, and of a line on average; how much of the
# line's area is added around it, as the network is trained to find its core.
INK, LEAST_MEAN, GROWTH, LEAST_SIDE = 0.3, 0.6, 1.6, 3
TURNED = 0.9
LINE_HEIGHT, DIRECTION_WIDTH = 48, 192
LEAST_WIDTH, MOST_WIDTH = 320, 1280
MOST_SIDE = 960


def characters():
    """What the indices of the text network stand for; 0 is "nothing new"."""
    with open(os.path.join(cache_dir(), "networks", "ppocr-keys.txt"), encoding="utf-8") as file:
        return ["", *file.read().split("\n")[:6623], " "]


# --- detection ---

def page_shape(image):
    """(height, width) of the network's input: multiples of 32."""
    factor = min(1, MOST_SIDE / max(image.shape[:2]))
    return tuple(max(32, int(np.ceil(n * factor / 32)) * 32) for n in image.shape[:2])


def blue_first(image):
    """The networks were trained so."""
    return image[:, :, ::-1]


def page_input(image):
    """(float32 [1,3,H,W], factor of size)"""
    page, factor = fit(blue_first(image), *page_shape(image), 255)
    return ((page / 255 - MEAN) / SPREAD).transpose(2, 0, 1)[None].astype(np.float32), factor


def components(mask):
    """Yield (ys, xs) of each set of pixels that touch, corners included, in order of its first pixel."""
    label = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    around = np.zeros([n + 2 for n in mask.shape], label.dtype)
    height, width = mask.shape
    while True:
        around[1:-1, 1:-1] = label
        wide = np.maximum(np.maximum(around[:, :-2], around[:, 2:]), around[:, 1:-1])
        best = np.maximum(np.maximum(wide[:-2], wide[2:]), wide[1:-1]) * mask
        # A label names a pixel: what that pixel has learnt holds for all that bear its name.
        best = np.where(mask, np.maximum(best, best.ravel()[np.maximum(best, 1) - 1]), 0)
        if np.array_equal(best, label):
            break
        label = best
    ys, xs = np.nonzero(label)
    names = label[ys, xs]
    for name in dict.fromkeys(names.tolist()):
        yield ys[names == name], xs[names == name]


def outermost(ys, xs):
    """Corners (x, y) of the first and the last pixel of each row, the only ones that a hull can have."""
    top = ys.min()
    first, last = np.full(ys.max() - top + 1, xs.max()), np.zeros(ys.max() - top + 1, xs.dtype)
    np.minimum.at(first, ys - top, xs)
    np.maximum.at(last, ys - top, xs + 1)
    rows = np.arange(len(first)) + top
    return np.concatenate([np.stack([side, rows + dy], 1) for side in (first, last) for dy in (0, 1)])


def hull(points):
    """Convex hull of integer points, counter-clockwise (y up)."""
    points = sorted(set(map(tuple, points)))
    if len(points) < 3:
        return points

    def half(sequence):
        out = []
        for p in sequence:
            while len(out) > 1 and ((out[-1][0] - out[-2][0]) * (p[1] - out[-2][1]) -
                                    (out[-1][1] - out[-2][1]) * (p[0] - out[-2][0])) <= 0:
                out.pop()
            out.append(p)
        return out[:-1]
    return half(points) + half(points[::-1])


def smallest_rectangle(points):
    """(centre, unit vector along the longer side, length, breadth) of the smallest rectangle around points (x, y)."""
    outline = np.array(hull(points), np.float64)
    edges = np.roll(outline, -1, 0) - outline
    best = None
    for edge in edges:
        length = np.hypot(*edge)
        u = edge / length if length else np.array([1.0, 0.0])
        axes = np.array([u, (-u[1], u[0])])
        places = outline @ axes.T
        low, high = places.min(0), places.max(0)
        size = high - low
        if best is None or np.prod(size) < best[0]:
            best = (np.prod(size), (low + high) / 2 @ axes, axes, size)
    _, centre, axes, size = best
    along = axes[int(size[1] > size[0])]
    return centre, along, max(size), min(size)


def grown(centre, along, length, breadth):
    """The line's corners around its core: the area by its circumference is what is added on each side."""
    more = length * breadth * GROWTH / (2 * (length + breadth))
    if along[0] < 0 or (along[0] == 0 and along[1] < 0):
        along = -along
    right, down = along * (length / 2 + more), np.array([-along[1], along[0]]) * (breadth / 2 + more)
    return np.array([centre - right - down, centre + right - down, centre + right + down, centre - right + down])


def find_lines(outputs, factor):
    """Lines in pixels of the picture, from top to bottom."""
    heat = outputs[FOUND].reshape(outputs[FOUND].shape[-2:])
    lines = []
    for ys, xs in components(heat > INK):
        if len(ys) < LEAST_SIDE ** 2 or heat[ys, xs].mean() < LEAST_MEAN:
            continue
        centre, along, length, breadth = smallest_rectangle(outermost(ys, xs))
        if breadth >= LEAST_SIDE:
            lines.append(grown(centre, along, length, breadth) / factor)
    return sorted(lines, key=lambda c: (round(c[:, 1].mean() / 10), c[:, 0].mean()))


# --- direction ---

def line_image(image, line, width):
    """float32 [3,48,width]: the line upright, from -1 to 1; what is left at its end is 0."""
    a, b, _, d = line
    length, breadth = np.linalg.norm(b - a), np.linalg.norm(d - a)
    fits = int(np.clip(np.ceil(LINE_HEIGHT * length / max(breadth, 1e-6)), 1, width))
    out = np.zeros((3, LINE_HEIGHT, width), np.float32)
    out[:, :, :fits] = (cut_out(blue_first(image), line, LINE_HEIGHT, fits) / 127.5 - 1).transpose(2, 0, 1)
    return out


def direction_input(image, lines):
    """float32 [N,3,48,192]: the lines' beginnings"""
    return np.stack([line_image(image, line, DIRECTION_WIDTH) for line in lines])


def upright(lines, outputs):
    """The lines with those turned round that are upside down."""
    turned = outputs[DIRECTION].reshape(len(lines), 2)[:, 1] > TURNED
    return [np.roll(line, 2, 0) if t else line for line, t in zip(lines, turned)], turned


# --- recognition ---

def text_width(lines):
    """Pixels that the longest line needs when it is 48 pixels high: a multiple of 32."""
    ratio = max(np.linalg.norm(b - a) / max(1e-6, np.linalg.norm(d - a)) for a, b, _, d in lines)
    return int(np.clip(np.ceil(LINE_HEIGHT * ratio / 32) * 32, LEAST_WIDTH, MOST_WIDTH))


def text_input(image, lines, width):
    """float32 [N,3,48,width]"""
    return np.stack([line_image(image, line, width) for line in lines])


def decode(shares, names):
    """Connectionist temporal classification, the best at each step: [T,C] -> (text, mean share of its characters)."""
    best = shares.argmax(1)
    new = (best != 0) & (best != np.concatenate([[0], best[:-1]]))
    text = "".join(names[i] for i in best[new])
    return text, float(shares.max(1)[new].mean()) if new.any() else 0.0


def texts(outputs, count, names):
    """[(text, how sure)] of each line."""
    shares = outputs[TEXT].reshape(count, -1, len(names))
    return [decode(s, names) for s in shares]
