# SPDX-License-Identifier: Apache-2.0
"""The exact LegS memory of five minutes of ECG in 256 coefficients, against the published one-step recurrences."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from harness import Case, Peak, Result, Target, Work, main, measure
from programs import build, serve

from danaus.hippo import Memory, transition

N = 256
STORED, SOLVED = 512, 64  # samples that the dense peers are run over: their matrices are 256 KiB each

WORK = Work(
    4.0 * N,
    4.0,
    "memory",
    f"{N} multiply-adds a sample, each coefficient once, in float64 (half the float32 rate: 4 x {N}); 4 bytes",
)


def signal() -> npt.NDArray[np.float32]:
    """The recording with mean 0 and variance 1, so that no offset hides an error."""
    with np.load(resources.files("danaus") / "data" / "ecg.npz") as file:
        raw = file["signal"].astype(np.float64)
    return ((raw - raw.mean()) / raw.std()).astype(np.float32)


def closed_form(u: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """x_n = (r_n / 2) sum_k u_k [Q_n(b_{k+1}) - Q_n(b_k)], Q_n = (P_{n+1} - P_{n-1}) / (2n + 1), in long doubles."""
    edges = 2 * np.arange(len(u) + 1, dtype=np.longdouble) / len(u) - 1
    held = u.astype(np.longdouble)
    before, now = np.zeros_like(edges), np.ones_like(edges)
    x = np.empty(N)
    for n in range(N):
        after = ((2 * n + 1) * edges * now - n * before) / (n + 1)
        x[n] = np.sqrt(2 * n + 1) / 2 * (held @ np.diff((after - before) / (2 * n + 1)))
        before, now = now, after
    return x


def dense_matrices(k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(I - A/2k)^-1 (I + A/2k) and (I - A/2k)^-1 B/k, by a triangular solve, in float32."""
    a, b = (torch.from_numpy(m).float() for m in transition("legs", N))
    eye = torch.eye(N)
    both = torch.cat((eye + a / (2 * k), (b / k)[:, None]), 1)
    solved = torch.linalg.solve_triangular(eye - a / (2 * k), both, upper=False)
    return solved[:, :-1].contiguous(), solved[:, -1].contiguous()


def torch_stored(u: npt.NDArray[np.float32]) -> Callable[[], None]:
    """The published class: the matrices of every step made beforehand."""
    pairs = [dense_matrices(k) for k in range(1, STORED + 1)]
    samples = torch.from_numpy(u[:STORED])

    @torch.inference_mode()
    def run() -> None:
        x = torch.zeros(1, N)
        for (a, b), f in zip(pairs, samples, strict=True):
            x = torch.nn.functional.linear(x, a) + f * b

    return run


def torch_solved(u: npt.NDArray[np.float32]) -> Callable[[], None]:
    """The same without the memory for that: each step solves."""
    a, b = (torch.from_numpy(m).float() for m in transition("legs", N))
    eye = torch.eye(N)

    @torch.inference_mode()
    def run() -> None:
        x = torch.zeros(N)
        for k, f in enumerate(u[:SOLVED].tolist(), 1):
            right = x + (a @ x) / (2 * k) + b * (f / k)
            x = torch.linalg.solve_triangular(eye - a / (2 * k), right[:, None], upper=False)[:, 0]

    return run


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    torch.set_num_threads(1)
    u = signal()
    column, steps = u[:, None], list(u[:, None])
    memory, stepped = Memory(n=N), Memory(n=N)
    exact = closed_form(u)
    loop = serve(build("legs_loop", options.programs), N, u)

    def extend() -> None:
        memory.reset()
        memory.extend(column)

    def step_by_step() -> None:
        stepped.reset()
        step = stepped.step
        for sample in steps:
            step(sample)

    def error(x: Any) -> float:
        return float(np.abs(np.asarray(x, np.float64) - exact).max() / np.abs(exact).max())

    extend()
    step_by_step()
    double = Memory(n=N, dtype="float64")
    double.extend(column.astype(np.float64))
    errors = [error(m.coefficients[0]) for m in (memory, stepped, double)]
    cases = [
        Case("danaus extend", extend, len(u), WORK, f"error {errors[0]:.1e}"),
        Case("danaus step, from Python", step_by_step, len(u), WORK, f"error {errors[1]:.1e}"),
        Case("C++ loop, bilinear, O(N)", lambda: float(loop.ask()["ns"]), len(u), WORK),
        Case("torch dense, matrices stored", torch_stored(u), STORED, WORK, f"over {STORED} samples"),
        Case("torch dense, solved each step", torch_solved(u), SOLVED, WORK, f"over {SOLVED} samples"),
    ]
    cases[2].note = f"error {error(loop.ask()['coefficients']):.1e}"
    measure(cases, peak, options.seconds)
    loop.close()
    medians = [c.quartiles()[1] for c in cases]
    result = Result(
        f"legs: memory of {len(u):,} ECG samples in {N} coefficients, one channel, float32, one thread",
        "sample",
        cases,
        peak.best,
        [
            "error: largest, against the closed form, over the largest coefficient; the recurrences approximate "
            f"(bilinear, A/k), danaus does not: {errors[2]:.1e} in float64",
            f"The matrices that the stored form keeps would take {4 * N * N * len(u) / 1e9:.0f} GB for this signal. "
            "Steps from Python take samples that are arrays already.",
        ],
        [
            Target("extend", medians[0], 200, "ns"),
            Target("step from Python", medians[1], 200, "ns"),
            Target("error in float32", max(errors[:2]), 1e-6, "of the largest"),
        ],
    )
    return [result]


if __name__ == "__main__":
    main(run, __doc__)
