# SPDX-License-Identifier: Apache-2.0
"""Runs all cases and writes ``results/<date>-<cpu>.md``; with ``--json`` all samples beside it."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import convolution
import digits_step
import dplr
import fourier
import hippo
import monarch
import s4d_layer
import simplex
import transfer
import windows
from harness import Result, parser
from programs import FLAGS, HERE, Peak, compiler

import danaus

PACKAGES = ("numpy", "torch", "onnxruntime", "scipy")


def processor() -> dict[str, str]:
    """Model, family, stepping and caches, as far as the system tells."""
    about = {"model name": platform.processor() or platform.machine()}
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        about.update({key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)})
    except OSError:
        pass
    return about


def first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "not told"


def environment(before: float) -> str:
    """All that the figures depend on, and how busy the machine was."""
    cpu = processor()
    numbers = ", ".join(f"{key} {cpu[key]}" for key in ("cpu family", "model", "stepping") if key in cpu)
    installed = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    commit = first_line("git", "-C", str(HERE), "describe", "--always", "--dirty")
    after = os.getloadavg()[0]
    lines = [
        f"processor: {cpu['model name']} ({numbers}), {os.cpu_count()} cores",
        f"system: {platform.system()} on {platform.machine()}",
        f"danaus {danaus.__version__} ({commit}), kernels for {danaus.isa()} from Python",
        f"C++ programs: {first_line(compiler(), '--version')}, {' '.join(FLAGS)}",
        f"Python {platform.python_version()}, {installed}",
        f"load of the machine: {before:.1f} before, {after:.1f} after; a quiet one has 1 while this runs",
        f"command: python {shlex.join([f'benchmarks/{Path(sys.argv[0]).name}', *sys.argv[1:]])}",
    ]
    return "\n".join(lines)


def main() -> int:
    options = parser(__doc__).parse_args()
    before = os.getloadavg()[0]
    peak = Peak(options.programs)
    results: list[Result] = []
    for case in (digits_step, s4d_layer, hippo, fourier, convolution, transfer, dplr, windows, monarch, simplex):
        found = case.run(options, peak)
        print(*(f"{result.text()}\n" for result in found), sep="\n", flush=True)
        results += found
    peak.close()
    about = f"{environment(before)}\n{peak}"
    print(about)
    day = datetime.datetime.now(tz=datetime.timezone.utc).date()
    name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", processor()["model name"].lower())).strip("-")
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    blocks = "\n\n".join(f"```text\n{r.text()}\n```" for r in results)
    file = folder / f"{day}-{name}.md"
    file.write_text(f"# Benchmarks, {day}\n\n```text\n{about}\n```\n\n{blocks}\n", encoding="utf-8")
    if options.json:
        file.with_suffix(".json").write_text(json.dumps([r.to_dict() for r in results], indent=1), encoding="utf-8")
    print(f"\nwritten to {file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
