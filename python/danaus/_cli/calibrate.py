"""``danaus calibrate``: measures what the cost model of ``danaus.ssm.choose`` needs to know."""

from __future__ import annotations

import argparse

from .. import __version__, isa
from ..ssm import evaluate
from . import terminal

__all__ = ["calibrate"]

_EXAMPLES = (("s4d", 4), ("s4d", 32), ("s4", 32), ("transfer", 16), ("transfer", 64), ("transfer", 256))
_LENGTHS = (64, 1024, 16384)
_CHANNELS = 64


def calibrate(options: argparse.Namespace) -> int:
    """The command."""
    status = terminal.Status()
    status.show(f"measuring for {options.seconds:g} s ...")
    found = evaluate.calibrate(seconds=options.seconds, save=options.save)
    status.clear()
    file = found.source if options.save else None
    if options.json:
        about = {"version": __version__, "isa": isa(), "file": file, "rates": dict(found)}
        terminal.emit_json(about)
        return 0
    print(f"danaus {__version__} for {isa()}: {len(found)} constants measured in {options.seconds:g} s\n")
    print("\n".join(terminal.table([["nanoseconds", "float32", "float64"], *map(_line, _shown(found), [found] * 99)])))
    print(f"\nwhat that means for {_CHANNELS} channels in float32, and who is faster\n")
    rows = [["system", *(f"L = {length:,}" for length in _LENGTHS)]]
    for form, order in _EXAMPLES:
        choices = [evaluate.choose(form, order, length, _CHANNELS, rank=1) for length in _LENGTHS]
        rows.append([f"{form}, {order}", *(_words(choice) for choice in choices)])
    print("\n".join(terminal.table(rows)))
    print(f"\n{f'written to {file}' if file else 'not saved; in use until this process ends'}")
    return 0


def _shown(rates: evaluate.Rates) -> list[str]:
    """The constants of float32 that say most, without their head."""
    names = [name.removeprefix("float32.") for name in rates if name.startswith("float32.")]
    return [name for name in names if not name.startswith(("carry", "kernel", "ring.4", "s5"))]


def _line(name: str, rates: evaluate.Rates) -> list[str]:
    return [name, *(f"{rates[f'{kind}.{name}']:.3g}" for kind in ("float32", "float64"))]


def _words(choice: evaluate.Choice) -> str:
    most, least = max(choice.seconds.values()), min(choice.seconds.values())
    return f"{choice.evaluation} {most / least:.3g}x"
