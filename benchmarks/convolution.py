# SPDX-License-Identifier: Apache-2.0
"""Causal convolutions of H = 512 channels with filters as long as the signal: 1,024 to 65,536 samples."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal
import torch
from convolution_peers import ORDER, PART, H, cached, exact, make_signals, rtf_forward, s4_forward, scipy_convolve
from harness import Case, Peak, Result, Target, Work, main, measure
from transfer_peers import exact_kernel, make_layer

from danaus import ssm

Array = npt.NDArray[Any]
# L: milliseconds at most; how many times faster than the best of torch with a cached spectrum and SciPy; than RTF
TARGETS = {1024: (0.85, 4.5, 15.0), 4096: (5.5, 4.0, 15.0), 16384: (24.0, 5.5, 15.0), 65536: (125.0, 4.5, 15.0)}


def relative(found: Any, wanted: Array) -> float:
    """The largest error over the largest value, on the channels of ``PART``; ``found`` (L, H) or (H, L)."""
    values = np.asarray(found)
    rows = values[:, PART] if values.shape[1] == H else values[PART].T
    return float(np.abs(rows - wanted).max() / np.abs(wanted).max())


def into(call: Callable[..., Array], u: Array) -> Callable[[], Array]:
    """``call(u)`` with an output that is there already, where it takes one of that layout."""
    out = np.empty_like(u)
    try:
        call(u, out=out)
    except TypeError:
        return lambda: call(u)
    return lambda: call(u, out=out)


def ours(u: Array, k: Array) -> dict[str, Callable[[], Array]]:
    """The ways of danaus, on signals with channels last, and with time last by a transposed view."""
    views = {"(L, H)": u, "(H, L)": np.ascontiguousarray(u.T).T}
    ways: dict[str, Callable[[], Array]] = {}
    if hasattr(ssm, "Convolution"):
        kept = ssm.Convolution(k)
        ways |= {f"danaus Convolution(k)(u), {name}": into(kept, view) for name, view in views.items()}
    for name, view in views.items():
        ways[f"danaus causal_convolve(u, k), {name}"] = into(lambda x, **more: ssm.causal_convolve(x, k, **more), view)
    return ways


def work(length: int, transforms: int) -> Work:
    flop = H * (transforms * 2.5 * 2 * length * np.log2(2 * length) + 6 * length)
    formula = (
        "2.5 n log2 n a real transform of n = 2 L points, 3 of them (2 where the spectrum is kept), 6 L; "
        "12 bytes a sample and channel"
    )
    return Work(float(flop), 12.0 * H * length, "memory", formula)


def table(length: int, options: argparse.Namespace, peak: Peak) -> Result:
    u, k = make_signals(length)
    rng = np.random.default_rng(0)
    d, rtf = rng.standard_normal(H).astype(np.float32), make_layer(ORDER)
    plain = exact(u, k)
    response = np.zeros((H, length))
    response[PART] = exact_kernel(*rtf, length)
    ways: dict[str, tuple[Callable[[], Any], int, Array]] = {
        name: (way, 2 if "Convolution" in name else 3, plain) for name, way in ours(u, k).items()
    }
    ways |= {
        "torch.fft, spectrum kept, (H, L)": (cached(u, k, time=1), 2, plain),
        "torch.fft, spectrum kept, (L, H)": (cached(u, k, time=0), 2, plain),
        "scipy.signal.fftconvolve, (H, L)": (scipy_convolve(u, k, scipy.signal.fftconvolve), 3, plain),
        "scipy.signal.oaconvolve, (H, L)": (scipy_convolve(u, k, scipy.signal.oaconvolve), 3, plain),
        "torch, S4 forward, (B, H, L)": (s4_forward(u, k, d), 3, plain + d[PART] * u[:, PART]),
        "torch, RTF forward, (B, L, H)": (rtf_forward(u, *rtf), 3, exact(u, response)),
    }
    cases = [
        Case(name, way, 1, work(length, transforms), f"error {relative(way(), wanted):.1e}")
        for name, (way, transforms, wanted) in ways.items()
    ]
    measure(cases, peak, options.seconds)
    median = {case.name: case.quartiles()[1] / 1e6 for case in cases}
    mine = {name: value for name, value in median.items() if name.startswith("danaus")}
    fastest = min(value for name, value in median.items() if "kept" in name or "scipy" in name)
    most, peers, forward = TARGETS[length]
    targets = [Target(name, value, most, "ms") for name, value in mine.items()]
    first = next(iter(mine.values()))
    targets += [
        Target("its share of the best peer's time", first / fastest, 1 / peers, f"(1/{peers:g})"),
        Target("and of RTF's", first / median["torch, RTF forward, (B, L, H)"], 1 / forward, f"(1/{forward:g})"),
    ]
    notes = [
        f"error: largest, against float64 on {len(range(H)[PART])} channels, over the largest output",
        "spectrum kept: that of k is made once; the others transform k in each call, RTF makes it, too (N = 64)",
    ]
    title = f"convolution: L = {length}, H = {H}, float32, one thread"
    return Result(title, "sequence", cases, peak.best, notes, targets)


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    torch.set_num_threads(1)
    return [table(length, options, peak) for length in TARGETS]


if __name__ == "__main__":
    main(run, __doc__)
