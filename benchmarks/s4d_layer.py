# SPDX-License-Identifier: Apache-2.0
"""One S4D layer, H = 512 channels of N = 64 states: its step, its kernel and its whole sequences of 16,384 samples."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal
import torch
from harness import Case, Peak, Result, Target, Work, main, measure
from peak_memory import peak_memory
from s4d_peers import (
    LENGTH,
    PAIRS,
    PART,
    ComplexStep,
    H,
    RealStep,
    blocked_kernel,
    exact_kernel,
    make_layer,
    textbook_kernel,
    torch_modes,
)

from danaus.ssm import S4D, causal_convolve

Float32Array = npt.NDArray[np.float32]
STEPS = 200
SHARE = len(range(H)[PART]) / H
CASE = f"H = {H}, N = {2 * PAIRS}, float32, one thread"


def relative(found: Any, exact: npt.NDArray[Any]) -> float:
    """The largest error over the largest value."""
    return float(np.abs(np.asarray(found) - exact).max() / np.abs(exact).max())


def step_table(layer: S4D, options: argparse.Namespace, peak: Peak) -> Result:
    u = np.random.default_rng(1).standard_normal((STEPS, H)).astype(np.float32)
    exact = layer(u.astype(np.float64))[-1]
    out = np.empty(H, np.float32)
    stream, rows = layer.stream(), list(u)

    def ours() -> Float32Array:
        stream.reset()
        step = stream.step
        for row in rows:
            step(row, out)
        return out

    def peer(module: Any, step: Callable[..., Any]) -> Callable[[], Float32Array]:
        frames = list(torch.from_numpy(u)[:, None])

        @torch.inference_mode()
        def run() -> Float32Array:
            state = module.fresh()
            for frame in frames:
                y, *state = step(frame, *state)
            return y[0].numpy()

        return run

    modes = H * PAIRS
    work = Work(
        12.0 * modes,
        32.0 * modes,
        "L2",
        f"step: 6 multiply-adds a pair of modes and 4 bytes x (4 coefficients + 2 read + 2 written), {modes:,} pairs",
    )
    complex_step, real_step = ComplexStep(layer), RealStep(layer)
    ways = {
        "danaus step(row, out), Python": ours,
        "torch eager, complex": peer(complex_step, complex_step),
        "torch eager, real": peer(real_step, real_step),
    }
    if not options.no_compile:
        ways["torch.compile, real"] = peer(real_step, torch.compile(real_step, dynamic=False, fullgraph=True))
    cases = [Case(name, way, STEPS, work, f"error {relative(way(), exact):.1e}") for name, way in ways.items()]
    measure(cases, peak, options.seconds)
    target = Target("a step from Python", cases[0].quartiles()[1] / 1e3, 7, "us")
    title = f"s4d step: batch 1, {CASE}; a repetition is {STEPS} steps"
    notes = ["error: of the last step against float64, over the largest output"]
    return Result(title, "step", cases, peak.best, notes, [target])


def kernel_table(layer: S4D, options: argparse.Namespace, peak: Peak) -> Result:
    part = slice(None) if options.full else PART
    share = 1.0 if options.full else SHARE
    exact = exact_kernel(layer, PART)
    kernel = np.empty((H, LENGTH), np.float32)
    everything = torch_modes(layer)
    modes = torch_modes(layer, part)
    work = Work(
        4.0 * H * PAIRS * LENGTH,
        4.0 * H * LENGTH,
        "memory",
        f"kernel: 2 multiply-adds a pair of modes and sample, {H} x {PAIRS} x {LENGTH}; 4 bytes written a sample",
    )

    @torch.inference_mode()
    def blocked() -> torch.Tensor:
        return blocked_kernel(*everything)

    @torch.inference_mode()
    def textbook() -> torch.Tensor:
        return textbook_kernel(*modes)

    layer.kernel(LENGTH, out=kernel)
    known = textbook()
    errors = [
        relative(kernel[PART], exact),
        relative(blocked()[PART], exact),
        relative(known[PART] if options.full else known, exact),
    ]
    scaled = "" if options.full else f", from {SHARE * H:.0f} channels"
    cases = [
        Case("danaus kernel(L, out)", lambda: layer.kernel(LENGTH, out=kernel), 1, work, f"error {errors[0]:.1e}"),
        Case("torch, in blocks of 128", blocked, 1, work, f"error {errors[1]:.1e}"),
        Case(f"torch, textbook{scaled}", textbook, share, work, f"error {errors[2]:.1e}"),
    ]
    measure(cases, peak, options.seconds)
    setup = (
        f"from s4d_peers import *; torch.set_num_threads(1); layer = make_layer(); modes = torch_modes(layer, {part})"
    )
    ours = peak_memory(setup + "; layer.kernel(2)", "k = layer.kernel(LENGTH)") / 1e6
    theirs = peak_memory(setup, "k = textbook_kernel(*modes)") / share / 1e6
    return Result(
        f"s4d kernel: L = {LENGTH}, {CASE}",
        "kernel",
        cases,
        peak.best,
        [
            f"error: largest, against float64 on {SHARE * H:.0f} channels, over the largest value",
            f"memory beyond the layer, at most: danaus {ours:.0f} MB (the result is {4e-6 * H * LENGTH:.0f} MB), "
            f"torch textbook {theirs:,.0f} MB{scaled}",
        ],
        [Target("error", errors[0], 1e-6, "of the largest"), Target("memory", ours, 100, "MB")],
    )


def sequence_table(layer: S4D, options: argparse.Namespace, peak: Peak) -> Result:
    u = np.random.default_rng(2).standard_normal((LENGTH, H)).astype(np.float32)
    kernel, out = layer.kernel(LENGTH), np.empty_like(u)
    first_u, first_k = (torch.from_numpy(np.ascontiguousarray(x)) for x in (u.T, kernel))  # (H, L): as torch wants it
    spectrum = torch.fft.rfft(first_k, n=2 * LENGTH)

    @torch.inference_mode()
    def fourier(*, cached: bool) -> torch.Tensor:
        k = spectrum if cached else torch.fft.rfft(first_k, n=2 * LENGTH)
        return torch.fft.irfft(torch.fft.rfft(first_u, n=2 * LENGTH) * k, n=2 * LENGTH)[:, :LENGTH]

    def fftconvolve() -> npt.NDArray[Any]:
        return scipy.signal.fftconvolve(first_u.numpy(), first_k.numpy(), axes=1)[:, :LENGTH]

    transform = 2.5 * 2 * LENGTH * np.log2(2 * LENGTH)
    values = H * LENGTH
    scanned = "scan: 6 multiply-adds a pair of modes and sample; 8 bytes a sample and channel"
    product = (
        "convolution: 2.5 n log2 n a real transform of n = 2 L points, 3 of them (2 where the spectrum is cached), "
        "6 L; 12 bytes a sample and channel"
    )

    def convolution(transforms: int) -> Work:
        flop = H * (transforms * transform + 6 * LENGTH)
        return Work(flop, 12.0 * values, "memory", product)

    double = layer(u.astype(np.float64))
    convolved = double - layer.d * u

    scan = Work(12.0 * PAIRS * values, 8.0 * values, "memory", scanned)
    ways: dict[str, tuple[Callable[[], Any], Work | None, Any]] = {
        "danaus layer(u, out), the scan": (lambda: layer(u, out=out, evaluation="scan"), scan, double),
        "danaus layer(u, out), as it chooses": (lambda: layer(u, out=out), convolution(2), double),
        "danaus causal_convolve(u, k, out)": (lambda: causal_convolve(u, kernel, out=out), convolution(3), convolved),
        "danaus layer.convolve(u)": (lambda: layer.convolve(u), None, double),
        "torch.fft, spectrum of k cached": (lambda: fourier(cached=True), convolution(2), convolved.T),
        "torch.fft": (lambda: fourier(cached=False), convolution(3), convolved.T),
        "scipy.signal.fftconvolve": (fftconvolve, convolution(3), convolved.T),
    }
    cases = [
        Case(name, way, 1, work, f"error {relative(way(), wanted):.1e}") for name, (way, work, wanted) in ways.items()
    ]
    del double, convolved
    measure(cases, peak, options.seconds)
    notes = [
        "error: largest, against danaus in float64, over the largest output",
        "danaus takes and gives (L, H), as layers do; torch and scipy are given (H, L), which is better for them. "
        "layer.convolve makes the kernel, too; causal_convolve transforms the given one in each call.",
    ]
    return Result(f"s4d sequence: L = {LENGTH}, {CASE}", "sequence", cases, peak.best, notes)


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    torch.set_num_threads(1)
    layer = make_layer()
    return [table(layer, options, peak) for table in (step_table, kernel_table, sequence_table)]


if __name__ == "__main__":
    main(run, __doc__)
