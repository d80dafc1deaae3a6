# SPDX-License-Identifier: Apache-2.0
"""One S4 layer, H = 512 channels of N = 64 states, HiPPO-LegS with one rank taken off: its step and its kernel."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from dplr_peers import PAIRS, CauchyKernel, DenseStep, H, Layer, exact_kernel, make_layer
from harness import Case, Peak, Result, Target, Work, main, measure
from peak_memory import peak_memory

from danaus import ssm

Array = npt.NDArray[Any]
KERNELS = {1024: slice(None), 16384: slice(0, H, 32)}  # the channels that torch is run on
PART = slice(0, H, 64)  # the channels that errors are measured on
STEPS = 200
CASE = f"H = {H}, N = {2 * PAIRS}, rank 1, float32, one thread"
SETUP = (
    "from dplr_peers import *; import torch; from danaus.ssm import S4; torch.set_num_threads(1); x = make_layer(); "
    "layer = S4(x.poles, x.p[None], x.b, x.c, x.d, x.dt)"
)


def relative(found: Any, wanted: Array) -> float:
    return float(np.abs(np.asarray(found) - wanted).max() / np.abs(wanted).max())


def step_table(parameters: Layer, layer: Any, options: argparse.Namespace, peak: Peak) -> Result:
    u = np.random.default_rng(1).standard_normal((STEPS, H)).astype(np.float32)
    exact = layer(u.astype(np.float64))[-1]
    stream, rows, out = layer.stream(), list(u), np.empty(H, np.float32)

    def ours() -> Array:
        stream.reset()
        step = stream.step
        for row in rows:
            step(row, out)
        return out

    module, frames = DenseStep(parameters), list(torch.from_numpy(u)[:, None])

    @torch.inference_mode()
    def peer() -> Array:
        state = module.fresh()
        for frame in frames:
            y, state = module(frame, state)
        return y[0].numpy()

    work = Work(
        20.0 * H * PAIRS,
        48.0 * H * PAIRS,
        "L2",
        "step: 10 multiply-adds a pair of modes and 4 bytes x (8 coefficients + 2 read + 2 written)",
    )
    ways = {"danaus step(row, out), Python": ours, "torch, dense A_bar": peer}
    cases = [Case(name, way, STEPS, work, f"error {relative(way(), exact):.1e}") for name, way in ways.items()]
    measure(cases, peak, options.seconds)
    target = Target("a step from Python", cases[0].quartiles()[1] / 1e3, 12, "us")
    notes = ["error: of the last step against danaus in float64, over the largest output"]
    return Result(f"s4 step: batch 1, {CASE}", "step", cases, peak.best, notes, [target])


def kernel_table(parameters: Layer, layer: Any, length: int, options: argparse.Namespace, peak: Peak) -> Result:
    part = slice(None) if options.full else KERNELS[length]
    channels = range(H)[part]
    share = len(channels) / H
    module, out = CauchyKernel(parameters, part, length), np.empty((H, length), np.float32)
    wanted = exact_kernel(parameters, PART, length)
    where = [channels.index(h) for h in range(H)[PART]]

    @torch.inference_mode()
    def peer() -> torch.Tensor:
        return module()

    ways: dict[str, tuple[Callable[[], Any], float, Any]] = {
        "danaus kernel(L, out)": (lambda: layer.kernel(length, out=out), 1, PART),
        "torch, Cauchy sums, published" + ("" if share == 1 else f", from {len(channels)} channels"): (
            peer,
            share,
            where,
        ),
    }
    work = Work(
        4.0 * H * PAIRS * length,
        4.0 * H * length,
        "memory",
        f"kernel: 2 multiply-adds a pair of modes and sample, {H} x {PAIRS} x L; 4 bytes written a sample",
    )
    cases = [
        Case(name, way, units, work, f"error {relative(way()[rows], wanted):.1e}")
        for name, (way, units, rows) in ways.items()
    ]
    measure(cases, peak, options.seconds)
    mine = peak_memory(SETUP + "; layer.kernel(2)", f"k = layer.kernel({length})") / 1e6
    theirs = peak_memory(SETUP + f"; peer = CauchyKernel(x, {part}, {length})", "with torch.no_grad(): k = peer()")
    ratio = cases[0].quartiles()[1] / cases[1].quartiles()[1]
    return Result(
        f"s4 kernel: L = {length}, {CASE}",
        "kernel",
        cases,
        peak.best,
        [
            f"error: largest, against float64 on {len(range(H)[PART])} channels, over the largest value",
            f"memory beyond the layer, at most: danaus {mine:.0f} MB (the result is {4e-6 * H * length:.0f} MB), "
            f"torch {theirs / share / 1e6:,.0f} MB" + ("" if share == 1 else ", scaled"),
        ],
        [Target("its share of torch's time", ratio, 1 / 100, "(1/100)"), Target("memory", mine, 100, "MB")],
    )


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    if not hasattr(ssm, "S4"):
        print("dplr: this danaus has no ssm.S4, nothing to compare", file=sys.stderr)
        return []
    torch.set_num_threads(1)
    x = make_layer()
    layer = ssm.S4(x.poles, x.p[None], x.b, x.c, x.d, x.dt)
    return [step_table(x, layer, options, peak)] + [kernel_table(x, layer, length, options, peak) for length in KERNELS]


if __name__ == "__main__":
    main(run, __doc__)
