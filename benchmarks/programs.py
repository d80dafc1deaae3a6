# SPDX-License-Identifier: Apache-2.0
"""The C++ halves of the benchmarks: built for this machine, kept running, asked for one repetition at a time."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parent / "cpp" / "include"
FLAGS = ["-std=c++20", "-O3", "-DNDEBUG", "-march=native"]


def compiler() -> str:
    return os.environ.get("CXX", "g++")


def build(name: str, programs: Path | None = None) -> Path:
    """The program ``name``: from the folder ``programs``, or built where it is older than any of its sources."""
    if programs is not None:
        return programs / name
    program = HERE.parent / "build" / "benchmarks" / name
    sources = [HERE / f"{name}.cpp", *HERE.glob("*.hpp"), *INCLUDE.rglob("*.hpp")]
    if not program.exists() or program.stat().st_mtime < max(s.stat().st_mtime for s in sources):
        program.parent.mkdir(parents=True, exist_ok=True)
        new = program.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler(), *FLAGS, f"-I{INCLUDE}", str(sources[0]), "-o", str(new)], check=True)
        new.replace(program)
    return program


class Served:
    """A running program that answers each line with one line of JSON."""

    def __init__(self, program: Path, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [str(program), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, what: str = "step") -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args[0]} ended with {self._process.wait()}")  # type: ignore[index]
        return dict(json.loads(answer))

    def close(self) -> None:
        self._process.communicate()


def serve(program: Path, argument: object, data: npt.NDArray[np.float32]) -> Served:
    """``program argument FILE``, where FILE holds ``data`` until it has been read."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.f32"
        data.tofile(file)
        served = Served(program, argument, file)
        served.ask()
    return served


class Peak:
    """The most that one core of this machine does: the best of what is measured between the repetitions of a run."""

    KINDS = ("FMA", "L1", "L2", "memory")

    def __init__(self, programs: Path | None = None) -> None:
        l1, l2, l3 = (_cache(level) for level in (1, 2, 3))
        l1, l2 = l1 or 32 << 10, l2 or 512 << 10
        # Half of L1; an eighth of L2, so that the pages' addresses are at hand, too; and what no cache holds.
        self.bytes = (l1 // 2, max(l2 // 8, 4 * l1), max(256 << 20, min(2 * l3, 1 << 30)))
        self._program = Served(build("peak", programs), *self.bytes)
        self.best = dict.fromkeys(self.KINDS, 0.0)
        for _ in range(20):
            self.sample()

    def sample(self) -> None:
        for kind in self.KINDS:
            self.best[kind] = max(self.best[kind], float(self._program.ask(kind)["value"]))

    def close(self) -> None:
        self._program.close()

    def __str__(self) -> str:
        l1, l2, memory = self.bytes
        return (
            f"one core's peak in this run: {self.best['FMA']:.0f} GFLOP/s float32 FMA; "
            f"reads {self.best['L1']:.0f} GB/s from L1 ({l1 >> 10} KiB), "
            f"{self.best['L2']:.0f} GB/s from L2 ({l2 >> 10} KiB), "
            f"{self.best['memory']:.1f} GB/s from memory ({memory >> 20} MiB)"
        )


def _cache(level: int) -> int:
    """Bytes of the data cache of that level, 0 where the system does not say."""
    name = "SC_LEVEL1_DCACHE_SIZE" if level == 1 else f"SC_LEVEL{level}_CACHE_SIZE"
    try:
        return max(0, os.sysconf(name))
    except (ValueError, OSError):
        pass
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        size, kind = (index / "size").read_text().strip(), (index / "type").read_text().strip()
        if int((index / "level").read_text()) == level and kind != "Instruction" and size.endswith("K"):
            return int(size[:-1]) << 10
    return 0
