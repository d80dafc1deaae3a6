# SPDX-License-Identifier: Apache-2.0
"""Layers of rational transfer functions, H = 512: kernels, the numerator's correction, steps and blocks of samples."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from harness import Case, Peak, Result, Target, Work, main, measure
from transfer_peers import (
    PART,
    H,
    Step,
    corrected_numerator,
    exact_kernel,
    kernel,
    lfilter_tokens,
    lfilter_whole,
    make_layer,
)

from danaus import ssm

Array = npt.NDArray[Any]
KERNELS = (1024, 4096, 16384, 65536)
CORRECTIONS = {64: 1024, 256: 1024}
CHUNKS = (256, 1024)  # orders
STEPS = {16: (1.2, 0.85), 64: (3.8, 1.9), 256: (20.0, 6.2)}  # microseconds a token at most: alone, in blocks
TOKENS, BLOCK = 200, 1024
SHARE = len(range(H)[PART]) / H


def relative(found: Any, wanted: Array) -> float:
    return float(np.abs(np.asarray(found) - wanted).max() / np.abs(wanted).max())


def kernel_table(length: int, options: argparse.Namespace, peak: Peak) -> Result:
    parameters = make_layer(64)
    layer = ssm.TransferFunction(*parameters)
    tensors = [torch.from_numpy(x) for x in parameters]
    wanted, out = exact_kernel(*parameters, length), np.empty((H, length), np.float32)

    @torch.inference_mode()
    def peer() -> torch.Tensor:
        return kernel(*tensors, length)

    work = Work(
        H * (3 * 2.5 * length * np.log2(length) + 8.0 * length),
        4.0 * H * length,
        "memory",
        "kernel: 3 real transforms of L points, 2.5 L log2 L each, a complex division; 4 bytes written a sample",
    )
    ways: dict[str, Callable[[], Any]] = {
        "danaus kernel(L, out)": lambda: layer.kernel(length, out=out),
        "torch.fft of the coefficients": peer,
    }
    cases = [Case(name, way, 1, work, f"error {relative(way()[PART], wanted):.1e}") for name, way in ways.items()]
    measure(cases, peak, options.seconds)
    share = cases[0].quartiles()[1] / cases[1].quartiles()[1]
    return Result(
        f"transfer kernel: N = 64, L = {length}, H = {H}, float32, one thread",
        "kernel",
        cases,
        peak.best,
        [f"error: largest, against float64 on {SHARE * H:.0f} channels, over the largest value"],
        [Target("its share of torch's time", share, 1 / 5, "(1/5)")],
    )


def correction_table(order: int, options: argparse.Namespace, peak: Peak) -> Result:
    """The trained, truncated numerator to that of the recurrence."""
    length = CORRECTIONS[order]
    b, a, h0 = make_layer(order)
    part, share = (slice(None), 1.0) if options.full or order < 256 else (PART, SHARE)
    tensors = [torch.from_numpy(x[part]) for x in (b, a)]

    @torch.inference_mode()
    def peer() -> torch.Tensor:
        return corrected_numerator(*tensors, length)

    scaled = "" if share == 1 else f", from {share * H:.0f} channels"
    cases = [
        Case("danaus from_truncated(b, a, h0, L)", lambda: ssm.TransferFunction.from_truncated(b, a, h0, length)),
        Case(f"torch, powers and a dense solve{scaled}", peer, share),
    ]
    measure(cases, peak, options.seconds)
    ratio = cases[0].quartiles()[1] / cases[1].quartiles()[1]
    return Result(
        f"transfer numerator's correction: N = {order}, L = {length}, H = {H}, one thread",
        "layer",
        cases,
        peak.best,
        ["danaus makes the whole, proven layer in float64; torch solves for the numerator alone in float32"],
        [Target("its share of torch's time", ratio, 1 / 100, "(1/100)")],
    )


def chunk_table(order: int, options: argparse.Namespace, peak: Peak) -> Result:
    """A whole sequence in chunks, whose spectra are kept, and by the recurrence."""
    length = 8 * 4 * order
    layer = ssm.TransferFunction(*make_layer(order))
    u = np.random.default_rng(1).standard_normal((length, H)).astype(np.float32)
    out, exact = np.empty_like(u), layer(u[: 4 * order].astype(np.float64))
    ways: dict[str, Callable[[], Any]] = {
        "danaus layer.chunked(u, out)": lambda: layer.chunked(u, out=out),
        "danaus layer(u, out), the scan": lambda: layer(u, out=out, evaluation="scan"),
    }
    cases = [Case(name, way, 1, None, f"error {relative(way()[: 4 * order], exact):.1e}") for name, way in ways.items()]
    measure(cases, peak, options.seconds)
    share = cases[0].quartiles()[1] / cases[1].quartiles()[1]
    return Result(
        f"transfer in chunks: N = {order}, L = {length}, H = {H}, float32, one thread",
        "sequence",
        cases,
        peak.best,
        ["error: largest over the first chunk, against danaus in float64, over the largest output"],
        [Target("its share of the recurrence's time", share, 1.0, "(1)")],
    )


def token_tables(order: int, options: argparse.Namespace, peak: Peak) -> list[Result]:
    b, a, h0 = make_layer(order)
    layer = ssm.TransferFunction(b, a, h0)
    u = np.random.default_rng(1).standard_normal((BLOCK, H)).astype(np.float32)
    exact = layer(u.astype(np.float64))
    alone, blocked = STEPS[order]
    stream, rows, row_out, out = layer.stream(), list(u[:TOKENS]), np.empty(H, np.float32), np.empty_like(u)

    def ours() -> Array:
        stream.reset()
        step = stream.step
        for row in rows:
            step(row, row_out)
        return row_out

    module, frames = Step(b, a, h0), list(torch.from_numpy(u[:TOKENS])[:, None])

    @torch.inference_mode()
    def peer() -> Array:
        state = module.fresh()
        for frame in frames:
            y, state = module(frame, state)
        return y[0].numpy()

    def table(title: str, ways: dict[str, tuple[Callable[[], Any], str]], tokens: int, most: float) -> Result:
        work = Work(
            4.0 * order * H * tokens / tokens,
            (12.0 * order if tokens == TOKENS else 8.0) * H,
            "L2" if tokens == TOKENS else "memory",
            "2 N multiply-adds a channel and token; alone: 4 bytes x (2 coefficients, 1 state), in blocks: u and y",
        )
        cases = [Case(name, way, tokens, work, note) for name, (way, note) in ways.items()]
        measure(cases, peak, options.seconds)
        target = Target("danaus", cases[0].quartiles()[1] / 1e3, most, "us a token")
        notes = ["error: against danaus in float64, over the largest output; lfilter: one filter for all channels"]
        return Result(f"{title}: N = {order}, H = {H}, one thread", "token", cases, peak.best, notes, [target])

    last = exact[TOKENS - 1]
    return [
        table(
            "transfer step",
            {
                "danaus step(row, out), Python": (ours, f"error {relative(ours(), last):.1e}"),
                "torch, numerator kept": (peer, f"error {relative(peer(), last):.1e}"),
                "scipy.signal.lfilter, float64": (lfilter_tokens(b, a, h0, u[:TOKENS]), "one filter"),
            },
            TOKENS,
            alone,
        ),
        table(
            f"transfer, blocks of {BLOCK}",
            {
                "danaus layer(u, out), the scan": (
                    lambda: layer(u, out=out, evaluation="scan"),
                    f"error {relative(layer(u, evaluation='scan'), exact):.1e}",
                ),
                "scipy.signal.lfilter, float64": (lfilter_whole(b, a, h0, u), "one filter"),
            },
            BLOCK,
            blocked,
        ),
    ]


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    if not hasattr(ssm, "TransferFunction"):
        print("transfer: this danaus has no ssm.TransferFunction, nothing to compare", file=sys.stderr)
        return []
    torch.set_num_threads(1)
    results = [kernel_table(length, options, peak) for length in KERNELS]
    results += [correction_table(order, options, peak) for order in CORRECTIONS]
    results += [chunk_table(order, options, peak) for order in CHUNKS]
    for order in STEPS:
        results += token_tables(order, options, peak)
    return results


if __name__ == "__main__":
    main(run, __doc__)
