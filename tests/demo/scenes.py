# SPDX-License-Identifier: Apache-2.0
"""What the demo shows to the networks, with the right answers: a page of text that looks photographed, and a photo of
a face (NASA, in the public domain)."""
import os
import textwrap

import numpy as np

from images import read_png, sample
from ort import cache_dir
from typeface import draw_text

# One is upside down.
LINES = ["Hello, Inferentia!", "compiled from ONNX by neuron-cc", "upside down: 2 + 2 = 4"]
UPSIDE_DOWN = {2}
WIDTH, MARGIN, LARGEST, PITCH = 512, 40, 34, 82
TILT = np.radians(3)
# Left, top, right, bottom: what a person drew around the face.
FACES = [(177, 62, 268, 176)]


def wrapped(text):
    """Lines that stay legible on the page."""
    return [line for part in text.splitlines() for line in textwrap.wrap(part, 32)]


def ink_of(line):
    """As large as fits the page, float32 [H,W]."""
    ink = draw_text(line, LARGEST)
    room = WIDTH - 2 * MARGIN
    return ink if ink.shape[1] <= room else draw_text(line, LARGEST * room // ink.shape[1])


def page(lines, upside_down=(), seed=5):
    """uint8 [H,512,3]: dark ink on unevenly lit paper, not quite straight, with a camera's noise."""
    height = -(-(PITCH * len(lines) + 2 * MARGIN) // 32) * 32
    flat = np.zeros((height, WIDTH, 1), np.float32)
    for i, line in enumerate(lines):
        ink = ink_of(line)
        ink = ink[::-1, ::-1] if i in upside_down else ink
        middle = MARGIN + PITCH * i + PITCH // 2
        top = middle - ink.shape[0] // 2
        flat[top:top + ink.shape[0], MARGIN:MARGIN + ink.shape[1], 0] = ink
    y, x = np.mgrid[0:height, 0:WIDTH].astype(np.float64)
    across, down, c, s = x - WIDTH / 2, y - height / 2, np.cos(TILT), np.sin(TILT)
    turned = sample(flat, c * across + s * down + WIDTH / 2, c * down - s * across + height / 2)
    light = 0.82 + 0.1 * (x / WIDTH) - 0.08 * (y / height)
    paper = light[..., None] * np.array([255, 250, 238])
    noise = np.random.default_rng(seed).normal(0, 4, (height, WIDTH, 3))
    return np.clip(paper * (1 - 0.85 * turned) + noise, 0, 255).astype(np.uint8)


def photo():
    return read_png(os.path.join(cache_dir(), "networks", "astronaut.png"))
