# SPDX-License-Identifier: Apache-2.0
"""The choice between scan and convolution, against what both take: forms x orders x lengths x channels x types."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from danaus import _core, ssm
from danaus.ssm import evaluate

Array = npt.NDArray[Any]

ORDERS = (4, 8, 16, 32, 64, 128, 256)
LENGTHS = (16, 64, 256, 1024, 4096, 16384, 65536)
CHANNELS = (1, 16, 64, 512)
TYPES = ("float32", "float64")
BETWEEN = ((12, 24, 48, 96), (24, 41, 100, 599, 2048, 5000, 9973, 40000), (3, 10, 32, 100, 256))
"""Orders, lengths and channels that calibration has not seen."""
LIMIT = 0.15
CLEAR = 3.0  # how many times slower by the model a way is that is measured three times only


@dataclass
class Point:
    """A layer and a sequence: the least seconds of each way, and the choice."""

    form: str
    order: int
    length: int
    channels: int
    dtype: str
    choice: ssm.evaluate.Choice
    ways: dict[str, Callable[[], object]]
    least: dict[str, float]

    def turn(self, seconds: float) -> None:
        """Both ways in turns of three calls, so that each finds its own data in the caches, for about so long."""
        end = time.perf_counter() + seconds
        rounds = 0
        while rounds < 1 or time.perf_counter() < end:
            for name, way in [(name, way) for name, way in self.ways.items() for _ in range(3)]:
                begin = time.perf_counter_ns()
                way()
                self.least[name] = min(self.least[name], (time.perf_counter_ns() - begin) / 1e9)
            rounds += 1

    @property
    def loss(self) -> float:
        """How much longer the choice takes than the best."""
        return self.least[self.choice.evaluation] / min(self.least.values()) - 1

    def __str__(self) -> str:
        words = [f"{self.form:15s} N={self.order:<4d} L={self.length:<6d} H={self.channels:<4d} {self.dtype}"]
        for name, seconds in self.least.items():
            words.append(f"{name} {seconds * 1e6:10.1f} us (model {self.choice.seconds[name] * 1e6:10.1f})")
        return "  ".join([*words, f"choice {self.choice.evaluation:11s}", f"loss {self.loss:6.1%}"])


def make_layer(form: str, order: int, channels: int) -> Any:
    """A layer as it is initialised; transfer functions with small random coefficients."""
    rng = np.random.default_rng(0)
    if form.startswith("transfer"):
        a, b = rng.standard_normal((2, channels, order))
        a *= 0.7 / np.abs(a).sum(1, keepdims=True)
        return ssm.TransferFunction(b, a, np.ones(channels))
    poles = np.broadcast_to(-0.5 + 1j * np.pi * np.arange(order), (channels, order))
    c = rng.standard_normal((channels, order)) + 1j * rng.standard_normal((channels, order))
    dt = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), channels))
    if form == "s4d":
        return ssm.S4D(poles, 1, c, np.ones(channels), dt)
    p = np.broadcast_to(np.sqrt(np.arange(order) + 0.5) + 0j, (1, channels, order))
    return ssm.S4(poles, p, np.ones((channels, order)), c, np.ones(channels), dt)


def scan_of(layer: Any, form: str, u: Array) -> Callable[[], object]:
    """The scan of a layer, past what its call costs in Python besides."""
    if form == "transfer_mixed":
        packed = _core.TransferMixed(layer.b, layer.a, layer.h0)
    elif form == "transfer":
        packed = (_core.Transfer32 if u.dtype == np.float32 else _core.Transfer64)(layer.b, layer.a, layer.h0)
    else:
        packed = layer._layer(u.dtype)
    return lambda: packed.scan(u, threads=1)


def grid(between: bool) -> Iterator[tuple[str, int, int, int, str]]:
    orders, lengths, channels = BETWEEN if between else (ORDERS, LENGTHS, CHANNELS)
    for dtype, count, length in itertools.product(TYPES, channels, lengths):
        for form, order in itertools.product(("s4d", "s4", "transfer", "transfer_mixed"), orders):
            if form != "transfer_mixed" or dtype == "float32":
                yield form, order, length, count, dtype


def points(between: bool, most: float, close: bool) -> Iterator[Point]:
    """The points at which no way takes longer than ``most`` seconds by the model."""
    kernels: dict[tuple[int, int, str], Callable[[], object]] = {}
    for form, order, length, channels, dtype in grid(between):
        rank = 1 if form == "s4" else 0
        choice = evaluate.choose(form, order, length, channels, dtype=dtype, rank=rank)
        few, many = sorted(choice.seconds.values())
        if many > most or (close and many > CLEAR * few):
            continue
        u = np.random.default_rng(1).standard_normal((length, channels)).astype(dtype)
        key = (length, channels, dtype)
        if key not in kernels:  # what a convolution takes does not depend on the taps' values
            kernels.clear()
            k = np.random.default_rng(2).standard_normal((channels, length)).astype(dtype)
            kept = ssm.Convolution(k)._core
            kernels[key] = lambda kept=kept, u=u: kept(u, out=None, threads=1)
        ways = {"scan": scan_of(make_layer(form, order, channels), form, u), "convolution": kernels[key]}
        yield Point(form, order, length, channels, dtype, choice, ways, dict.fromkeys(ways, np.inf))


def summary(measured: list[Point], skipped: int) -> str:
    losses = np.array([point.loss for point in measured])
    worst = measured[int(losses.argmax())]
    verdict = "met" if losses.max() <= LIMIT else "MISSED"
    return "\n".join(
        [
            f"{len(measured)} points measured, {skipped} left out (longer calls, or clear)",
            f"rates: {evaluate.rates().source}; loss of the choice against the best way:",
            f"  mean {losses.mean():.2%}, 95th percentile {np.percentile(losses, 95):.1%}, worst {losses.max():.1%}",
            f"  worst: {worst}",
            f"target: worst loss {losses.max():.1%}, at most {LIMIT:.0%}: {verdict}",
        ]
    )


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seconds", type=float, default=0.05, help="for each point (%(default)s)")
    options.add_argument("--most", type=float, default=0.2, help="seconds of a call that is measured (%(default)s)")
    options.add_argument("--between", action="store_true", help="sizes that calibration has not seen")
    options.add_argument("--calibrate", action="store_true", help="measure the rates first, else those in use")
    options.add_argument("--close", action="store_true", help="only where neither way is clearly slower by the model")
    options.add_argument("--again", type=int, default=2, help="how often what lost is measured again (%(default)s)")
    options.add_argument("--json", action="store_true", help="every point, machine-readable")
    chosen = options.parse_args()
    if chosen.calibrate:
        evaluate.calibrate(save=False)
    measured = []
    for point in points(chosen.between, chosen.most, chosen.close):
        few, many = sorted(point.choice.seconds.values())
        point.turn(chosen.seconds if many < CLEAR * few else 0)
        for _ in range(chosen.again):  # the least of more repetitions: another program may have disturbed one way
            if point.loss > LIMIT / 2:
                point.turn(chosen.seconds)
        measured.append(point)
        if not chosen.json:
            print(point, flush=True)
        point.ways = {}
    skipped = len(list(grid(chosen.between))) - len(measured)
    if chosen.json:
        keys = ("form", "order", "length", "channels", "dtype", "least", "loss")
        records = [{key: getattr(p, key) for key in keys} | {"choice": p.choice.seconds} for p in measured]
        print(json.dumps({"rates": dict(evaluate.rates()), "points": records}, indent=1))
    else:
        print(summary(measured, skipped))
    return 0 if max(point.loss for point in measured) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
