# SPDX-License-Identifier: Apache-2.0
"""Frames in buffers of a GPU (vgem) as inputs of a model, in a guest whose kernel has DRM: on the chip and on the
in-process emulator."""
import os
import re
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

from neuron import compile_model    # noqa: E402
from onnx_writer import model, node  # noqa: E402

PROGRAM = "/usr/lib/neuron/tests/nrt-frames"
# More than these are in it: none is left out.
LEAST = 18


def pool():
    """Its output is small: it is fetched without the memory for large ones, of which there must be none."""
    weights = {"w": np.random.default_rng(3).integers(-2, 3, (8, 3, 3, 3)).astype(np.float32)}
    return model([node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], strides=[2, 2]), node("Relu", ["c"], ["r"]),
                  node("GlobalAveragePool", ["r"], ["y"])], {"x": [1, 3, 64, 64]}, {"y": [1, 8, 1, 1]}, weights)


def in_guest(tap, guest, out):
    guest.push_bytes(compile_model(pool(), out=out), "/tmp/frames.neff")
    for name, env in (("chip", {}), ("emulator", {"NEURON_RT_DEVICE": "emulator"})):
        r = guest.run([PROGRAM, "/tmp/frames.neff"], env=env, timeout=300)
        results = re.findall(r"^((?:not )?ok) \d+ - (.*)$", r.out, re.M)
        for ok, test in results:
            tap.ok(ok == "ok", f"frames, {name}: {test}")
        tap.ok(r.code == 0 and len(results) >= LEAST and f"1..{len(results)}" in r.out, f"frames, {name}: runs to its end", r)
