#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Weights arrive while the layer before computes: in the model of time, a chain of layers takes about as long as the
busier of array and DMA, not as long as both after each other.

usage: test_overlap.py [--out build]
"""
import argparse
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

import neuron_run               # noqa: E402
from neuron import compile_file # noqa: E402
from onnx_writer import model, node     # noqa: E402
from tap import Tap             # noqa: E402

LAYERS, WIDTH = 16, 512
# docs/isa.md, "Cycles": LDWEIGHTS of 128 rows, MATMUL of N columns (64 at least), bytes of device memory a cycle
LOAD, LEAST, BYTES = 128, 64, 110


def cycles(tokens, layers, out):
    random = np.random.default_rng(1)
    weights = {f"w{i}": random.normal(0, 0.05, (WIDTH, WIDTH)).astype(np.float32) for i in range(layers)}
    nodes = [node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(layers)]
    x = random.normal(0, 1, (tokens, WIDTH)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path, neff = os.path.join(folder, "chain.onnx"), os.path.join(folder, "chain.neff")
        with open(path, "wb") as file:
            file.write(model(nodes, {"x0": x.shape}, {f"x{layers}": [tokens, WIDTH]}, weights))
        compile_file(path, neff, out=out)
        return neuron_run.in_process(neff, {"x0": x}, [], out)[1]["cycles"]


def check(tap, tokens, out):
    """What each further layer takes: so the first one's weights and the input do not count."""
    each = (cycles(tokens, LAYERS, out) - cycles(tokens, LAYERS // 2, out)) / (LAYERS - LAYERS // 2)
    array = (WIDTH // 128) ** 2 * (LOAD + max(tokens, LEAST))
    dma = 2 * WIDTH * WIDTH / BYTES
    limit = max(array, dma) + min(array, dma) / 2
    tap.ok(max(array, dma) <= each < limit, f"{tokens} tokens: weights are loaded while the array computes",
           f"{each:.0f} cycles a layer; array {array:.0f}, DMA {dma:.0f}, limit {limit:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    out, tap = os.path.abspath(parser.parse_args().out), Tap()
    for tokens in (64, 256, 512):
        check(tap, tokens, out)
    tap.exit()


if __name__ == "__main__":
    main()
