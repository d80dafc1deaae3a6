# SPDX-License-Identifier: Apache-2.0
"""What the cases share: peers that take turns, medians with their spread, a table, JSON."""

from __future__ import annotations

import argparse
import gc
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from programs import Peak

MOST_ROUNDS, FEWEST_ROUNDS = 400, 5
_SCALES = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))


@dataclass(frozen=True)
class Work:
    """What a unit of work takes at least: arithmetic, and bytes between the core and one level of memory."""

    flop: float
    bytes: float
    level: str
    formula: str

    def share(self, ns: float, best: dict[str, float]) -> tuple[float, str]:
        """Time at the machine's peak over the time taken, and which peak binds."""
        bounds = ((self.flop / best["FMA"], "FMA"), (self.bytes / best[self.level], self.level))
        bound, which = max(bounds)
        return bound / ns, which


@dataclass
class Case:
    """One way of doing the job: ``run`` does ``units`` of it. A float that it gives is its own nanoseconds a unit."""

    name: str
    run: Callable[[], object]
    units: float = 1
    work: Work | None = None
    note: str = ""
    samples: list[float] = field(default_factory=list)

    def once(self) -> float:
        """Seconds that the repetition took in all."""
        begin = time.perf_counter_ns()
        own = self.run()
        taken = time.perf_counter_ns() - begin
        self.samples.append(own if isinstance(own, float) else taken / self.units)
        return taken / 1e9

    def quartiles(self) -> tuple[float, float, float]:
        if len(self.samples) < 2:
            return (self.samples[0],) * 3
        low, middle, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return low, middle, high


@dataclass
class Target:
    """A promise: ``value`` is at most ``limit``."""

    what: str
    value: float
    limit: float
    unit: str

    def __str__(self) -> str:
        verdict = "met" if self.value <= self.limit else "MISSED"
        return f"{self.what}: {self.value:.3g} {self.unit}, at most {self.limit:g} {self.unit}: {verdict}"


@dataclass
class Result:
    """The outcome of one job; all are compared to the first case."""

    title: str
    unit: str
    cases: list[Case]
    best: dict[str, float]
    notes: list[str] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def table(self) -> str:
        rows = [("", f"median/{self.unit}", "quartiles", "n", "ratio", "of peak", "")]
        ours = self.cases[0].quartiles()[1]
        for case in self.cases:
            low, middle, high = case.quartiles()
            share, which = case.work.share(middle, self.best) if case.work else (math.nan, "")
            spread = f"{duration(low)} .. {duration(high)}"
            percent = f"{max(share, 1e-3):.1%} {which}" if case.work else ""
            count, ratio = str(len(case.samples)), f"{middle / ours:,.2f}"
            rows.append((case.name, duration(middle), spread, count, ratio, percent, case.note))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for first, *numbers, last in rows:
            aligned = [text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True)]
            lines.append("  ".join([first.ljust(widths[0]), *aligned, last]).rstrip())
        return "\n".join(lines)

    def text(self) -> str:
        formulas = dict.fromkeys(f"of peak: {c.work.formula}" for c in self.cases if c.work)
        below = [*formulas, *self.notes, *(f"target: {t}" for t in self.targets)]
        return "\n".join([self.title, "", self.table(), "", *below])

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "unit": self.unit,
            "cases": [
                {"name": c.name, "ns": c.samples, "quartiles_ns": c.quartiles(), "note": c.note}
                | ({"flop": c.work.flop, "bytes": c.work.bytes, "level": c.work.level} if c.work else {})
                for c in self.cases
            ],
            "peak": self.best,
            "notes": self.notes,
            "targets": [{"what": t.what, "value": t.value, "limit": t.limit, "unit": t.unit} for t in self.targets],
        }


def duration(ns: float) -> str:
    """Three digits and a unit.

    >>> duration(2412.0)
    '2.41 us'
    """
    scale, unit = next(((s, u) for s, u in _SCALES if ns >= s), (1.0, "ns"))
    digits = max(0, 2 - int(math.log10(max(ns / scale, 1e-9)))) if ns >= scale else 2
    return f"{ns / scale:.{digits}f} {unit}"


def measure(cases: Sequence[Case], peak: Peak, seconds: float) -> None:
    """Lets the cases take turns (A B C A B C ...), each for an equal share of ``seconds``.

    A slow case is left out of some rounds rather than run more often than its share allows; the machine's peak is
    measured every tenth round.
    """
    cost = []
    for case in cases:  # no more often than needed: some take seconds
        case.once()  # warm up: memory, caches, lazy set-up
        cost.append(case.once())
        case.samples.clear()
    share = seconds / len(cases)
    wanted = [min(MOST_ROUNDS, max(FEWEST_ROUNDS, int(share / c))) for c in cost]
    rounds = max(wanted)
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            for case, count in zip(cases, wanted, strict=True):
                if turn * count // rounds != (turn - 1) * count // rounds:
                    case.once()
            if turn % max(1, rounds // 10) == 0:
                peak.sample()
    finally:
        gc.enable()


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that all cases have."""
    options = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    options.add_argument("--json", action="store_true", help="all samples, machine-readable, instead of the table")
    options.add_argument("--seconds", type=float, default=20, help="time for each table's repetitions (%(default)s)")
    options.add_argument("--no-compile", action="store_true", help="leave out torch.compile (it needs a C++ compiler)")
    options.add_argument("--full", action="store_true", help="run whole what else is run on a part and scaled")
    options.add_argument("--programs", type=Path, help="folder of the C++ programs, where CMake has built them")
    return options


def main(run: Callable[[argparse.Namespace, Peak], list[Result]], description: str | None) -> None:
    """A case as a program."""
    options = parser(description).parse_args()
    peak = Peak(options.programs)
    results = run(options, peak)
    if options.json:
        print(json.dumps([r.to_dict() for r in results], indent=1))
        return
    print(*(r.text() for r in results), str(peak), sep="\n\n")
