# SPDX-License-Identifier: Apache-2.0
"""Monarch products and projections beside the published code, the best batched products of torch, and dense ones."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from harness import Case, Peak, Result, Target, Work, main, measure

from danaus.monarch import Monarch, project

# side of the blocks, rows, microseconds at most
PRODUCTS = [(32, 1, 3.5), (64, 1, 25.0), (64, 16, 190.0), (64, 256, 3500.0), (128, 1, 475.0)]
STORED = {"bfloat16": 16.0, "float16": None, "int8": 8.0, "int4": None}
FORMULA = "4 side^3 flop a row; weights read once, 8 side^3 bytes in float32"


def published(x: torch.Tensor, right: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """Two batched products with the batch in front, a transposition before and after each: as the published layer."""
    batch, n = x.shape
    k, q, p = right.shape
    j, s, r = left.shape
    middle = torch.empty(batch, k, q, dtype=x.dtype).transpose(0, 1)
    middle = torch.bmm(x.reshape(batch, k, p).transpose(0, 1), right.transpose(-1, -2), out=middle)
    middle = middle.transpose(0, 1).reshape(batch, r, j).transpose(-1, -2).contiguous().transpose(0, 1)
    out = torch.empty(batch, j, s, dtype=x.dtype).transpose(0, 1)
    out = torch.bmm(middle, left.transpose(-1, -2), out=out)
    return out.permute(1, 2, 0).reshape(batch, n)


def batch_last(x: torch.Tensor, right: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """The same with the batch behind (inputs, batch): one transposition of what stands between."""
    k, _, p = right.shape
    j, s, r = left.shape
    middle = torch.bmm(right, x.view(k, p, -1))
    out = torch.bmm(left, middle.view(r, j, -1).transpose(0, 1))
    return out.transpose(0, 1).reshape(s * j, -1)


def products(side: int, rows: int, limit: float, options: argparse.Namespace, peak: Peak) -> Result:
    n, rng = side * side, np.random.default_rng(0)
    right, left = (rng.standard_normal((side, side, side)).astype(np.float32) / side**0.5 for _ in range(2))
    x = rng.standard_normal((rows, n)).astype(np.float32)
    out, m = np.empty_like(x), Monarch(right, left)
    tr, tl, tx = (torch.from_numpy(a) for a in (right, left, x))
    behind = tx.T.contiguous()
    flop, weights = 4.0 * side**3, 8.0 * side**3

    def work(share: float = 1.0) -> Work:
        level = "L2" if share * weights <= 1 << 21 else "memory"
        return Work(flop, share * weights / rows, level, FORMULA)

    exact = Monarch(right.astype(float), left.astype(float))(x.astype(float))

    def note(y: Any) -> str:
        return f"error {np.linalg.norm(np.asarray(y) - exact) / np.linalg.norm(exact):.0e}"

    again = max(4, (1 << 24) // (side**3 * rows))  # so that weights are warm: a turn takes some milliseconds

    def case(name: str, call: Callable[[], Any], done: Work, words: str = "") -> Case:
        def turn() -> None:
            for _ in range(again):
                call()

        return Case(name, turn, rows * again, done, words)

    cases = [case("danaus, float32", lambda: m(x, out=out), work(), note(m(x)))]
    for name in STORED:
        stored = m.astype(name) if "float" in name else m.quantize(name, group=None if name == "int8" else 32)
        share = {"int8": 0.25, "int4": 0.125}.get(name, 0.5)
        cases.append(case(f"danaus, {name}", partial(stored, x, out=out), work(share), note(stored(x))))
    cases += [
        case("danaus, transpose", lambda: m.T(x, out=out), work()),
        case("published bmm", lambda: published(tx, tr, tl), work(), note(published(tx, tr, tl))),
        case("bmm, batch last", lambda: batch_last(behind, tr, tl), work(), note(batch_last(behind, tr, tl).T)),
    ]
    if n <= 4096:
        dense = torch.from_numpy(m.todense())
        cases.append(
            Case("dense", lambda: tx @ dense.T, rows, Work(2.0 * n * n, 4.0 * n * n / rows, "memory", FORMULA))
        )
    measure(cases, peak, options.seconds)
    targets = [Target(cases[0].name, min(cases[0].samples) * rows / 1e3, limit, "us a batch (shortest)")]
    if (side, rows) == (64, 1):
        for case, most in zip(cases[1:], STORED.values(), strict=False):
            if most is not None:
                targets.append(Target(case.name, min(case.samples) / 1e3, most, "us (shortest)"))
    title = f"Monarch product: n {n}, blocks {side} x {side}, {rows} rows, one thread"
    return Result(title, "row", cases, peak.best, [], targets)


def published_projection(w: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A full decomposition of every block."""
    blocks = w.view(side, side, side, side).permute(1, 2, 0, 3)
    u, sigma, v = torch.linalg.svd(blocks, full_matrices=False)
    root = sigma[..., 0].sqrt()[..., None]
    return v[..., 0, :] * root, u[..., 0] * root


def projections(side: int, options: argparse.Namespace, peak: Peak) -> Result:
    n = side * side
    w = np.random.default_rng(0).standard_normal((n, n)).astype(np.float32)
    t = torch.from_numpy(w)
    least = project(w.astype(float), side)[1]
    cases = [
        Case(
            "danaus, rank 1", lambda: project(w, side), 1, None, f"over the optimum {project(w, side)[1] - least:.0e}"
        ),
        Case("danaus, rank 4", lambda: project(w, side, rank=4)),
        Case("torch.linalg.svd of all blocks", lambda: published_projection(t, side)),
    ]
    measure(cases, peak, options.seconds)
    targets = [Target(cases[0].name, min(cases[0].samples) / 1e6, 60.0, "ms (shortest)")] if side == 64 else []
    title = f"Projection of {n} x {n} to blocks of {side} x {side}, float32, one thread"
    return Result(title, "projection", cases, peak.best, [], targets)


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    torch.set_num_threads(1)
    found = [products(*size, options, peak) for size in PRODUCTS]
    return [*found, projections(32, options, peak), projections(64, options, peak)]


if __name__ == "__main__":
    main(run, __doc__)
