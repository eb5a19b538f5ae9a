# SPDX-License-Identifier: Apache-2.0
"""A minimal Debian of prepare's step clean-root, used and thrown away: each command runs with an overlay over it, so
that the cached one stays as it is. Needs root."""
import os
import subprocess

from ort import cache_dir

# Mounts are of the command's own namespace, and gone with it.
ENTER = '''set -e
if [ -n "$OVERLAY" ]; then mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$WORK/upper,workdir=$WORK/overlay" "$WORK/root"; fi
mount -t proc proc "$WORK/root/proc"
mount --bind /dev "$WORK/root/dev"
mkdir -p "$WORK/root/exchange" "$WORK/root/var/cache/ccache"
mount --bind "$WORK/exchange" "$WORK/root/exchange"
mount --bind "$CCACHE" "$WORK/root/var/cache/ccache"
exec chroot "$WORK/root" /usr/bin/env -i PATH="$IN_PATH" HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \\
	CCACHE_DIR=/var/cache/ccache CCACHE_NOHASHDIR=1 sh -c "$COMMAND"
'''
PATH = "/usr/lib/ccache:/usr/sbin:/usr/bin:/sbin:/bin"


def reason_to_skip():
    """Why there can be no clean root here; None when there can."""
    if os.geteuid():
        return "not root"
    if not os.path.exists(os.path.join(cache_dir(), "stamps/clean-root")):
        return "no clean root; run tests/testbed/prepare clean-root as root"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "no mount namespace can be made here"
    return None


class CleanRoot:
    """@work: an empty folder. What lies in its "exchange" is /exchange inside."""

    def __init__(self, work):
        self.work, self.lower = work, os.path.join(cache_dir(), "clean-root")
        for name in ("upper", "overlay", "root", "exchange"):
            os.makedirs(os.path.join(work, name))
        self.overlay = "1"
        code, text = self.run("true")
        if code and "overlay" in text:
            # No overlay upon this file system: a copy.
            self.overlay = ""
            subprocess.run(["cp", "-a", "--reflink=auto", self.lower + "/.", os.path.join(work, "root")], check=True)

    def run(self, command, timeout=600):
        """Exit status and all that was printed by a shell command inside."""
        ccache = os.path.join(cache_dir(), "ccache")
        os.makedirs(ccache, exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "WORK": self.work, "LOWER": self.lower, "OVERLAY": self.overlay,
                       "COMMAND": command, "IN_PATH": PATH, "CCACHE": ccache}
        done = subprocess.run(["unshare", "--mount", "--fork", "--pid", "--kill-child", "sh", "-c", ENTER], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=timeout, check=False)
        return done.returncode, done.stdout

    def exchange(self, name):
        return os.path.join(self.work, "exchange", name)
