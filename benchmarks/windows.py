# SPDX-License-Identifier: Apache-2.0
"""Windows and decays in 64 coefficients: exact memories and O(N) steps, against the published loop and a dense step."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from harness import Case, Peak, Result, Work, main, measure
from programs import build, serve

from danaus.hippo import Memory, scan

N, LENGTH, CHANNELS = 64, 512, 64
THETA = 1000.0

WORK = Work(2.0 * N, 4.0, "memory", f"{N} multiply-adds a sample and channel, each coefficient once: 2 x {N}; 4 bytes")


def torch_dense() -> Callable[[], None]:
    """The published class: one dense matrix for all steps, float32."""
    r = torch.sqrt(2 * torch.arange(N) + 1.0)
    i = torch.arange(N)
    lower = torch.where(i[None, :] <= i[:, None], 1.0, (-1.0) ** (i[:, None] - i[None, :]))
    a, b, eye = -r[:, None] * r * lower / THETA, r / THETA, torch.eye(N)
    ad, bd = torch.linalg.solve(eye - a / 2, eye + a / 2).contiguous(), torch.linalg.solve(eye - a / 2, b)
    u = torch.randn(LENGTH, CHANNELS)

    @torch.inference_mode()
    def run() -> None:
        x = torch.zeros(CHANNELS, N)
        for row in u:
            x = torch.nn.functional.linear(x, ad) + row[:, None] * bd

    return run


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    torch.set_num_threads(1)
    u = np.random.default_rng(0).standard_normal((LENGTH, CHANNELS)).astype(np.float32)
    one = np.random.default_rng(1).standard_normal((16_384, 1)).astype(np.float32)
    loop = serve(build("legt_loop", options.programs), N, u)
    cases = []
    for name, arguments in (("legt", {"theta": THETA}), ("lagt", {"dt": 0.01}), ("fout", {"theta": THETA})):
        memory, single = Memory(name, N, channels=CHANNELS, **arguments), Memory(name, N, **arguments)
        units = LENGTH * CHANNELS
        cases += [
            Case(f"{name} exact, 64 channels", lambda m=memory: m.extend(u), units, WORK),
            Case(f"{name} exact, one channel", lambda m=single: m.extend(one), len(one), WORK),
            Case(
                f"{name} bilinear scan, 64 channels",
                lambda k=name, a=arguments: scan(u, N, measure=k, **a),
                units,
                WORK,
            ),
        ]
    cases += [
        Case("C++ loop, legt forward Euler, O(N)", lambda: float(loop.ask()["ns"]), LENGTH * CHANNELS, WORK),
        Case("torch dense, legt bilinear", torch_dense(), LENGTH * CHANNELS, WORK),
    ]
    measure(cases, peak, options.seconds)
    loop.close()
    return [
        Result(
            f"windows: {N} coefficients, float32, one thread",
            "sample and channel",
            cases,
            peak.best,
            [f"Divide by {N} for a state entry. Exact memories compute in float64, scans in float32."],
            [],
        )
    ]


if __name__ == "__main__":
    main(run, __doc__)
