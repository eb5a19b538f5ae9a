# SPDX-License-Identifier: Apache-2.0
"""A compiled model run by neuron-run, on the in-process emulator or through /dev/neuron0 of a guest.

Both take the NEFF's path, {input: array} and the names of the outputs that are wanted, and return ({output:
array}, what neuron-run says of the run). With each=True the arrays' first axis is a list of inferences. A run that
fails raises RunError here, VMError in the guest.
"""
import json
import os
import subprocess
import tempfile

import numpy as np

from neuron import RunError
from ort import library


def arguments(neff, folder, inputs, outputs, each):
    files = [(flag, f"{name}={folder}/{kind}{i}.npy") for flag, kind, names in (("--input", "in", inputs), ("--output", "out", outputs))
             for i, name in enumerate(names)]
    return [neff, *(["--each"] if each else []), "--json", *(part for pair in files for part in pair)]


def in_process(neff, inputs, outputs, out, each=False):
    with tempfile.TemporaryDirectory() as folder:
        for i, array in enumerate(inputs.values()):
            np.save(f"{folder}/in{i}.npy", array)
        command = [os.path.join(out, "bin", "neuron-run"), *arguments(neff, folder, inputs, outputs, each), "--device", "emulator"]
        env = dict(os.environ, NEURON_RT_ONNXRUNTIME=library())
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace", env=env)
        if done.returncode:
            raise RunError(f"neuron-run ended with status {done.returncode}: {done.stderr.strip()}")
        return {name: np.load(f"{folder}/out{i}.npy") for i, name in enumerate(outputs)}, json.loads(done.stdout)


def in_guest(vm, neff, inputs, outputs, each=False, timeout=300):
    """Files go through the guest's memory: nothing of this run stays there."""
    inside = "/tmp/run"
    vm.push(neff, f"{inside}/model.neff")
    with tempfile.TemporaryDirectory() as folder:
        for i, array in enumerate(inputs.values()):
            np.save(f"{folder}/in{i}.npy", array)
            vm.push(f"{folder}/in{i}.npy", f"{inside}/in{i}.npy")
        done = vm.run(["neuron-run", *arguments(f"{inside}/model.neff", inside, inputs, outputs, each), "--device", "0"],
                      timeout=timeout, check=True)
        for i in range(len(outputs)):
            vm.pull(f"{inside}/out{i}.npy", f"{folder}/out{i}.npy")
        vm.run(["rm", "-r", inside], check=True)
        return {name: np.load(f"{folder}/out{i}.npy") for i, name in enumerate(outputs)}, json.loads(done.out)
