#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Unpacks the kernel inside a bzImage: QEMU starts it directly, and a guest without hardware support for
virtual machines need not unpack it at each boot (1 to 2 seconds)."""

import struct
import subprocess
import sys

# The first bytes of the payload tell how it was compressed.
UNPACK = [(b"\x28\xb5\x2f\xfd", ["zstd", "-dcq"]), (b"\xfd7zXZ\0", ["xz", "-dc"]), (b"\x1f\x8b", ["gzip", "-dc"]),
          (b"\x02\x21\x4c\x18", ["lz4", "-dcq"])]


def payload(image):
    """The compressed kernel, found by the boot protocol's header (2.08 and later)."""
    if len(image) < 0x260 or image[0x202:0x206] != b"HdrS":
        sys.exit("vmlinux.py: not a Linux bzImage")
    setup = (image[0x1f1] or 4) + 1
    version, = struct.unpack_from("<H", image, 0x206)
    offset, length = struct.unpack_from("<II", image, 0x248)
    if version < 0x208 or setup * 512 + offset + length > len(image):
        sys.exit("vmlinux.py: this bzImage does not tell where its payload is")
    return image[setup * 512 + offset:][:length]


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: vmlinux.py BZIMAGE OUTPUT")
    with open(sys.argv[1], "rb") as f:
        data = payload(f.read())
    for magic, command in UNPACK:
        if data.startswith(magic):
            break
    else:
        sys.exit("vmlinux.py: unknown compression of the kernel (%s)" % data[:6].hex())
    # The size that follows the compressed data is no part of it: tools warn, and the result is checked here.
    r = subprocess.run(command, input=data, capture_output=True, check=False)
    size, = struct.unpack("<I", data[-4:])
    if len(r.stdout) != size or r.stdout[:4] != b"\x7fELF":
        sys.exit("vmlinux.py: %s could not unpack the kernel: %s" % (command[0], r.stderr.decode(errors="replace")))
    with open(sys.argv[2], "wb") as f:
        f.write(r.stdout)


if __name__ == "__main__":
    main()
