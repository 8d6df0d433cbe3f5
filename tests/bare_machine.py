"""A machine with nothing but Python, the program, and the files it is given.

::

    done = BareMachine(folder).run("huitong", "verify", "exchange.zip")

It has a root of its own (of what the host has, only the system's libraries, the
interpreter, its packages and the program's source are to be seen), no network interface
that is up, no other process, an empty home, and a user who owns nothing. What Linux
calls namespaces; without the right to make them the test says *not run*.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

import huitong

#: Where the folder of files is on the machine; the program starts there.
FILES: Final = "/given"
HOME: Final = "/home/somebody"
NOBODY: Final = 65_534
_TIMEOUT_S: Final = 300
_ENVIRONMENT: Final = (f"HOME={HOME}", "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1")
#: Arguments: the new root, who runs the program, the folder, how many places the host
#: lends, these places, and the program.
_SCRIPT: Final = """
set -eu
root=$1 user=$2 files=$3 count=$4
shift 4
mount -t tmpfs tmpfs "$root"
lend() { mkdir -p "$2"; mount --bind "$1" "$2"; }
for _ in $(seq "$count"); do lend "$1" "$root$1"; shift; done
lend "$files" "$root@FILES@"
for name in bin lib lib64; do
    if [ -L "/$name" ]; then ln -s "$(readlink "/$name")" "$root/$name"; fi
    if [ -d "/$name" ] && [ ! -L "/$name" ]; then lend "/$name" "$root/$name"; fi
done
mkdir -p "$root/dev" "$root/tmp" "$root@HOME@"
chmod 1777 "$root/tmp" "$root@HOME@"
for name in null urandom; do
    touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"
done
exec chroot $user "$root" /usr/bin/env -i --chdir=@FILES@ "$@"
"""


@dataclass(frozen=True, slots=True)
class BareMachine:
    """One such machine, made anew for each run."""

    folder: Path
    """Files that are brought to it."""

    def run(self, *program: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment there, and return what became of it.

        Args:
            program: its name and arguments; the folder's files by their names alone.
        """
        root = self.folder.parent / f"{self.folder.name}-root"
        root.mkdir(exist_ok=True)
        here = Path(sys.executable).parent
        lent = _lent_places()
        is_root = not os.geteuid()
        script = _SCRIPT.replace("@FILES@", FILES).replace("@HOME@", HOME)
        user = f"--userspec={NOBODY}:{NOBODY} --groups=" if is_root else ""
        return subprocess.run(
            [
                *_unshare(),
                *("sh", "-c", script, "sh", root, user, self.folder),
                *(str(len(lent)), *lent),
                *(*_ENVIRONMENT, str(here / program[0]), *program[1:]),
            ],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )


def need_namespaces() -> None:
    """Say *not run* where this user may not make a machine."""
    try:
        subprocess.run([*_unshare(), "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        pytest.skip(f"not run: no namespaces of Linux for this user: {failure}")


def _unshare() -> list[str]:
    own = [] if not os.geteuid() else ["--user", "--map-root-user"]
    return ["unshare", *own, "--net", "--mount", "--pid", "--fork", "--kill-child"]


def _lent_places() -> list[str]:
    """Return what the program needs of the host, no place within another."""
    wanted = {
        Path("/usr"),
        Path(sys.base_prefix).resolve(),
        Path(sys.prefix),
        Path(huitong.__file__).parents[1],
    }
    return [
        str(place)
        for place in sorted(wanted)
        if not any(other in place.parents for other in wanted)
    ]
