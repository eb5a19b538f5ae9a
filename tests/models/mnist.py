# SPDX-License-Identifier: Apache-2.0
"""mnist-8 on real digits, on the in-process emulator and in a guest: shared by tests, demo and bench."""
import json
import os
import subprocess

import numpy as np

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


def run_arguments(neff, digits, result):
    return [neff, "--each", "--json", "--input", f"{INPUT}={digits}", "--output", f"{OUTPUT}={result}"]


def in_process(neff, digits, folder, out):
    """(logits [n,10], what neuron-run says of the run: a dict)"""
    given, result = os.path.join(folder, "digits.npy"), os.path.join(folder, "logits.npy")
    np.save(given, digits)
    command = [os.path.join(out, "bin", "neuron-run"), *run_arguments(neff, given, result), "--device", "emulator"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return np.load(result).reshape(len(digits), -1), json.loads(done.stdout)


def in_guest(vm, neff, digits, folder, timeout=300):
    """The same through /dev/neuron0 of @vm."""
    given, result = os.path.join(folder, "guest-digits.npy"), os.path.join(folder, "guest-logits.npy")
    np.save(given, digits)
    vm.push(neff, "/tmp/mnist.neff")
    vm.push(given, "/tmp/digits.npy")
    done = vm.run(["neuron-run", *run_arguments("/tmp/mnist.neff", "/tmp/digits.npy", "/tmp/logits.npy"), "--device", "0"],
                  timeout=timeout, check=True)
    vm.pull("/tmp/logits.npy", result)
    return np.load(result).reshape(len(digits), -1), json.loads(done.out)
