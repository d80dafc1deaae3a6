"""What the demonstration measured, as one dictionary and as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__, isa
from ..models import Model
from . import terminal
from .heartbeat import SIZE, Heartbeat
from .torch_step import TorchRun
from .vowels import Vowels

__all__ = ["figures", "lines"]

Times = npt.NDArray[np.int64]


def figures(
    spoken: Vowels, digits: tuple[Model, Times], heart: Heartbeat, torch: TorchRun | None, picture: Path | None
) -> dict[str, Any]:
    """Everything, for scripts and for :func:`lines`."""
    model, times = digits
    return {
        "danaus": __version__,
        "isa": isa(),
        "threads": 1,
        "japanese_vowels": _vowels(spoken),
        "digits": {
            "state_bytes": int(model.stream().state.nbytes),
            **_timing(times, model.frame / (model.sample_rate or 1)),
        },
        "heartbeat": _heartbeat(heart),
        "torch": None if torch is None else _torch(torch),
        "picture": None if picture is None else str(picture),
    }


def _timing(nanoseconds: Times, period: float | None) -> dict[str, float | int | None]:
    """Of single steps, in microseconds; ``period`` is what a step spans in the signal, in seconds."""
    median, p99 = (float(q) / 1e3 for q in np.percentile(nanoseconds, [50, 99]))
    times = None if period is None else period / (median * 1e-6)
    return {"steps": len(nanoseconds), "median_us": median, "p99_us": p99, "times_real_time": times}


def _vowels(spoken: Vowels) -> dict[str, Any]:
    return {
        "utterances": len(spoken.labels),
        "right_batch": spoken.right(spoken.batch),
        "right_stream": spoken.right(spoken.stream),
        "difference": spoken.difference,
        "batch_us_a_frame": spoken.batch_seconds * 1e6 / len(spoken.nanoseconds),
        "state_bytes": int(spoken.model.stream().state.nbytes),
        **_timing(spoken.nanoseconds, None),
    }


def _heartbeat(heart: Heartbeat) -> dict[str, Any]:
    return {
        "samples": len(heart.signal),
        "numbers": SIZE,
        "state_bytes": heart.state_bytes,
        "signal_mv": float(heart.signal.std(dtype=np.float64)),
        "error_mv": heart.error,
        "decimated_error_mv": heart.decimated_error,
        "exactness": heart.exactness,
        "chain": [{"seconds": (s.end - s.start) / heart.rate, "error_mv": s.error} for s in heart.spans],
        **_timing(heart.nanoseconds, 1 / heart.rate),
    }


def _torch(torch: TorchRun) -> dict[str, Any]:
    return {
        "version": torch.version,
        "utterances": torch.utterances,
        "right": torch.right,
        "difference": torch.difference,
        **_timing(torch.nanoseconds, None),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The table, what it means, and what to do next."""
    first = terminal.bold(f"danaus {found['danaus']}") + f" for {found['isa']}, one thread"
    return [first, "", *_table(found), "", *_words(found), "", *_next(found)]


def _table(found: dict[str, Any]) -> list[str]:
    vowels, torch = found["japanese_vowels"], found["torch"]
    total = vowels["utterances"]

    def row(name: str, part: dict[str, Any], right: str = "") -> list[str]:
        times = part["times_real_time"]
        state = f"{part['state_bytes']:,} B" if "state_bytes" in part else ""
        speed = "" if times is None else f"{times:,.0f} x"
        return [name, right, f"{part['median_us']:.2f}", f"{part['p99_us']:.2f}", speed, state]

    batch = f"{vowels['batch_us_a_frame']:.2f}"
    rows = [
        ["", "right", "us a step", "p99", "real time", "state"],
        ["who says 'ae'? one padded batch", f"{vowels['right_batch']}/{total}", batch, "", "", ""],
        row("who says 'ae'? frame by frame", vowels, f"{vowels['right_stream']}/{total}"),
    ]
    if torch is not None:
        right = f"{torch['right']}/{torch['utterances']}"
        rows.append(row(f"  the same, torch {torch['version']}, eager", torch, right))
    rows.append(row("spoken digits, 4 ms of sound a step", found["digits"]))
    rows.append(row(f"heartbeat into {SIZE} numbers, 360 Hz", found["heartbeat"]))
    return terminal.table(rows)


def _words(found: dict[str, Any]) -> list[str]:
    vowels, torch, heart = found["japanese_vowels"], found["torch"], found["heartbeat"]
    steps = f"{vowels['steps']:,}, {found['digits']['steps']:,} and {heart['steps']:,}"
    text = [
        f"stream against batch: max |difference| {vowels['difference']:.2g} over {vowels['utterances']} utterances",
        f"us a step: median over {steps} single calls from Python, checks, result and clock included",
        "           (the batch: mean a frame; the digits hear made-up sound)",
    ]
    if torch is not None:
        text.append(f"torch: a step of the same net written by hand; max |its logits - ours| {torch['difference']:.1g}")
    newest = heart["chain"][-1]
    return [
        *text,
        f"heartbeat: {heart['samples']:,} samples of {heart['signal_mv']:.2f} mV rms; {SIZE} numbers miss "
        f"{heart['error_mv']:.3f} mV of them ({SIZE} means: {heart['decimated_error_mv']:.3f})",
        f"           and are exact to {heart['exactness']:.0e}; {len(heart['chain'])} times as many, fading with age, "
        f"miss {newest['error_mv']:.3f} mV of the last {newest['seconds']:.0f} s",
    ]


def _next(found: dict[str, Any]) -> list[str]:
    return [
        f"{terminal.highlight('saved ' + str(found['picture']))}: what fades from a memory, and how an answer grows",
        "next: danaus info digits",
        "      danaus check digits",
        "      arecord -q -f S16_LE -r 8000 | danaus run digits -     (then say a digit, in English)",
    ]
