# SPDX-License-Identifier: Apache-2.0
"""LegS memories: exact, of whole signals, and bilinear, a step of a batch, against the published recurrences."""

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
BATCH, STEPS = 64, 256  # sequences side by side, and samples a repetition
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


def closed_form(u: npt.NDArray[np.float32], order: int = N) -> npt.NDArray[np.float64]:
    """x_n = (r_n / 2) sum_k u_k [Q_n(b_{k+1}) - Q_n(b_k)], Q_n = (P_{n+1} - P_{n-1}) / (2n + 1), in long doubles."""
    edges = 2 * np.arange(len(u) + 1, dtype=np.longdouble) / len(u) - 1
    held = u.astype(np.longdouble)
    before, now = np.zeros_like(edges), np.ones_like(edges)
    x = np.empty(order)
    for n in range(order):
        after = ((2 * n + 1) * edges * now - n * before) / (n + 1)
        x[n] = np.sqrt(2 * n + 1) / 2 * (held @ np.diff((after - before) / (2 * n + 1)))
        before, now = now, after
    return x


def dense_matrices(k: int, order: int = N) -> tuple[torch.Tensor, torch.Tensor]:
    """(I - A/2k)^-1 (I + A/2k) and (I - A/2k)^-1 B/k, by a triangular solve, in float32."""
    a, b = (torch.from_numpy(m).float() for m in transition("legs", order))
    eye = torch.eye(order)
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


def whole(n: int, length: int, limit: float, options: argparse.Namespace, peak: Peak) -> Result:
    """One channel of noise, all of it, read once at the end."""
    u = np.random.default_rng(0).standard_normal(length).astype(np.float32)
    column, memory, stepped = u[:, None], Memory(n=n), Memory(n=n, method="bilinear")
    loop = serve(build("legs_loop", options.programs), n, u)
    exact = closed_form(u, n)
    work = Work(4.0 * n, 4.0, "memory", f"{n} multiply-adds a sample in float64 (4 x {n} at the float32 rate); 4 bytes")

    def feed(m: Memory) -> Callable[[], None]:
        def once() -> None:
            m.reset()
            m.extend(column)
            m.coefficients  # noqa: B018  what waits is folded in

        return once

    def note(x: Any) -> str:
        return f"error {np.linalg.norm(np.asarray(x, np.float64) - exact) / np.linalg.norm(exact):.1e}"

    cases = [
        Case("danaus exact", feed(memory), length, work),
        Case("danaus bilinear", feed(stepped), length, work),
        Case("C++ loop, bilinear, O(N)", lambda: float(loop.ask()["ns"]), length, work),
    ]
    measure(cases, peak, options.seconds)
    cases[0].note, cases[1].note = note(memory.coefficients[0]), note(stepped.coefficients[0])
    cases[2].note = note(loop.ask()["coefficients"])
    loop.close()
    return Result(
        f"legs: {length:,} samples of noise in {n} coefficients, one channel, float32, one thread",
        "sample",
        cases,
        peak.best,
        ["error: against the closed form, relative to its norm; the loop holds sample k over [k - 1/2, k + 1/2)"],
        [Target("exact, a sample", cases[0].quartiles()[1], limit, "ns")],
    )


def batch_steps(n: int, options: argparse.Namespace, peak: Peak) -> Result:
    """One sample of every sequence of the batch at a time, in the bilinear steps."""
    u = np.random.default_rng(1).standard_normal((STEPS, BATCH)).astype(np.float32)
    rows, entries = list(u), float(STEPS * n * BATCH)
    memory, many = (Memory(n=n, channels=BATCH, method="bilinear") for _ in range(2))
    loop = serve(build("legs_loop", options.programs), f"{n}x{BATCH}", u)
    a, b = dense_matrices(1000, n)
    state, samples = torch.zeros(BATCH, n), torch.from_numpy(u)[:, :, None]
    turns = max(1, 2**22 // (n * n))
    work = Work(6.0, 8.0, "L1" if 4 * n * BATCH <= 16384 else "L2", "6 operations an entry; 4 bytes in, 4 out")

    def step_by_step() -> None:
        step = memory.step
        for row in rows:
            step(row)

    @torch.inference_mode()
    def dense() -> None:
        x = state
        for k in range(turns):
            x = torch.addmm(samples[k % STEPS] * b, x, a.T)

    cases = [
        Case("danaus step, from Python", step_by_step, entries, work),
        Case("danaus extend", lambda: many.extend(u), entries, work),
        Case("C++ loop, bilinear, O(N)", lambda: float(loop.ask()["ns"]) / (n * BATCH), entries, work),
        Case("torch dense, one stored matrix", dense, float(turns * n * BATCH), work),
    ]
    measure(cases, peak, options.seconds)
    loop.close()
    return Result(
        f"legs: bilinear steps of {BATCH} sequences in {n} coefficients, float32, one thread",
        "entry",
        cases,
        peak.best,
        ["float32 keeps what rounding takes from each coefficient: 10 operations and 16 bytes an entry in truth"],
        [Target("step, an entry", cases[0].quartiles()[1], 0.4, "ns")],
    )


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    torch.set_num_threads(1)
    results = [recording(options, peak)]
    results += [batch_steps(n, options, peak) for n in (64, 256, 1024)]
    results += [whole(64, 16_384, 400e3 / 16_384, options, peak), whole(1024, 65_536, 1500, options, peak)]
    return results


def recording(options: argparse.Namespace, peak: Peak) -> Result:
    """Five minutes of ECG."""
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
    return Result(
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


if __name__ == "__main__":
    main(run, __doc__)
