# SPDX-License-Identifier: Apache-2.0
"""Figures beside those of a peer of the same run."""


class Table:
    """Rows as they come, and the file at the end."""

    def __init__(self):
        self.rows = []
        print(f"{'figure':<34} {'ours':>12} {'peer':>12} {'ratio':>8}  unit, peer", flush=True)

    def add(self, name, ours, peer, unit, against, lower_is_better=False):
        ratio = peer / ours if lower_is_better else ours / peer
        self.rows.append((name, ours, peer, ratio, unit))
        print(f"{name:<34} {ours:>12.4g} {peer:>12.4g} {ratio:>8.3f}  {unit}; {against}", flush=True)

    def write(self, path):
        with open(path, "w") as file:
            for name, ours, peer, ratio, unit in self.rows:
                file.write(f"{name}\t{ours:.6g}\t{peer:.6g}\t{ratio:.4f}\t{unit}\n")
