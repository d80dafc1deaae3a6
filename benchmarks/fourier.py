# SPDX-License-Identifier: Apache-2.0
"""Fourier transforms alone, of signals that stay in L2 and of blocks that do not, beside torch, SciPy and NumPy."""

from __future__ import annotations

import argparse

import numpy as np
import scipy.fft
import torch
from harness import Case, Peak, Result, Target, Work, main, measure
from programs import Served, build

from danaus import fft

# points, signals at a time, GFLOP/s of the bare transform at least: few signals stay in L2, many do not
SIZES = [(256, 128, 70.0), (1024, 64, 70.0), (4096, 16, 70.0), (16384, 4, 70.0), (4096, 8192, 35.0), (65536, 512, 35.0)]
FORMULA = "5 n log2 n flop a complex transform, half as many a real one; 8 and 4 bytes a point in and out"


def table(points: int, signals: int, least: float, options: argparse.Namespace, peak: Peak) -> Result:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((signals, points)).astype(np.float32)
    z = (x + 1j * rng.standard_normal(x.shape)).astype(np.complex64)
    out, half = np.empty_like(z), np.empty((signals, points // 2 + 1), np.complex64)
    tz, tx = torch.from_numpy(z), torch.from_numpy(x)
    to, th = torch.from_numpy(np.empty_like(out)), torch.from_numpy(np.empty_like(half))
    flop = 5.0 * points * np.log2(points)
    complex_work = Work(flop, 16.0 * points, "L2" if signals * points < 1 << 17 else "memory", FORMULA)
    real_work = Work(flop / 2, 8.0 * points, complex_work.level, FORMULA)
    wanted = np.fft.fft(z[:4].astype(np.complex128))
    error = np.abs(fft.fft(z[:4]) - wanted).max() / np.sqrt((np.abs(wanted) ** 2).mean())
    loop = Served(build("transform_loop", options.programs), points, -(-signals // 16))
    cases = [
        Case("the bare transform, own order, C++", lambda: float(loop.ask()["ns"]), 1, complex_work),
        Case("danaus.fft.fft", lambda: fft.fft(z, out=out), signals, complex_work, f"error {error:.1e} of the rms"),
        Case("torch.fft.fft", lambda: torch.fft.fft(tz, out=to), signals, complex_work),
        Case("scipy.fft.fft", lambda: scipy.fft.fft(z), signals, complex_work),
        Case("danaus.fft.rfft", lambda: fft.rfft(x, out=half), signals, real_work),
        Case("torch.fft.rfft", lambda: torch.fft.rfft(tx, out=th), signals, real_work),
        Case("scipy.fft.rfft", lambda: scipy.fft.rfft(x), signals, real_work),
    ]
    measure(cases, peak, options.seconds)
    loop.close()
    rate = {case.name: case.work.flop / case.quartiles()[1] for case in cases if case.work}
    bare = cases[0].quartiles()[1]
    targets = [Target(cases[0].name, bare, flop / least, f"ns ({least:g} GFLOP/s)")]
    targets += [
        Target(
            f"danaus.fft.{name} over torch", rate[f"torch.fft.{name}"] / rate[f"danaus.fft.{name}"], 1.0, "of its time"
        )
        for name in ("fft", "rfft")
    ]
    notes = [
        "GFLOP/s by that count: " + ", ".join(f"{name} {value:.0f}" for name, value in rate.items()),
    ]
    title = f"Fourier transforms: {signals} signals of {points} points, single precision, one thread"
    return Result(title, "signal", cases, peak.best, notes, targets)


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    torch.set_num_threads(1)
    return [table(points, signals, least, options, peak) for points, signals, least in SIZES]


if __name__ == "__main__":
    main(run, __doc__)
