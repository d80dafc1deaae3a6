# SPDX-License-Identifier: Apache-2.0
"""How much memory a piece of Python needs at most, measured in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_MEASURE = """
import re, resource, sys
from pathlib import Path

def kib(name):
    try:
        return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    except OSError:  # not Linux; and what a process inherits from its parent may hide what it needs itself
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (10 if sys.platform == "darwin" else 0)

{setup}
try:
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark falls to what is resident now
except OSError:
    pass
before = kib("VmRSS")
{work}
print(1024 * (kib("VmHWM") - before))
"""


def peak_memory(setup: str, work: str) -> int:
    """Bytes by which the resident memory of a fresh interpreter rises while ``work`` runs, after ``setup``."""
    path = os.pathsep.join([str(Path(__file__).resolve().parent), *filter(None, sys.path)])
    code = _MEASURE.format(setup=setup, work=work)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1])
