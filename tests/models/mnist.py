# SPDX-License-Identifier: Apache-2.0
"""mnist-8 on real digits, on the in-process emulator and in a guest: shared by tests, demo and bench."""
import os

import numpy as np

import neuron_run
from ort import cache_dir

INPUT, OUTPUT = "Input3", "Plus214_Output_0"
MODEL = os.path.join(cache_dir(), "models", "mnist-8.onnx")


def load_digits(count=None):
    """(digits [n,1,28,28] float32, labels): all, or @count spread evenly over the ten classes."""
    models = os.path.join(cache_dir(), "models")
    digits, labels = np.load(os.path.join(models, "digits.npy")), np.load(os.path.join(models, "labels.npy"))
    if count is None:
        return digits, labels
    pick = np.linspace(0, len(digits) - 1, count).astype(int)
    return np.ascontiguousarray(digits[pick]), labels[pick]


def in_process(neff, digits, out):
    """(logits [n,10], what neuron-run says of the run: a dict)"""
    outputs, report = neuron_run.in_process(neff, {INPUT: digits}, [OUTPUT], out, each=True)
    return outputs[OUTPUT].reshape(len(digits), -1), report


def in_guest(vm, neff, digits):
    """The same through /dev/neuron0 of @vm."""
    outputs, report = neuron_run.in_guest(vm, neff, {INPUT: digits}, [OUTPUT], each=True)
    return outputs[OUTPUT].reshape(len(digits), -1), report
