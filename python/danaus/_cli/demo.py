"""The main job: trained model, real data, batch against stream, and a memory of five minutes."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..models import Model, load
from . import summary, terminal
from .errors import UserError, printable
from .heartbeat import heartbeat
from .torch_step import measure
from .vowels import step_through, vowels

__all__ = ["demo"]

_TORCH_SECONDS = 3.0


def demo(options: argparse.Namespace) -> int:
    """The command."""
    target = _target(options)
    status = terminal.Status()
    status.show("370 utterances, whole and frame by frame ...")
    spoken = vowels()
    status.show("20 seconds of sound, 4 ms at a time ...")
    digits = _digits()
    status.show("five minutes of heartbeat, sample by sample ...")
    heart = heartbeat()
    torch = None
    if not options.no_torch and importlib.util.find_spec("torch") is not None:
        status.show("the same utterances in PyTorch ...")
        torch = measure(spoken.model, spoken.utterances, spoken.labels, spoken.batch, _TORCH_SECONDS)
    status.show("the picture ...")
    if target is not None:
        from .figure import draw

        draw(spoken, heart, target)
    status.clear()
    found = summary.figures(spoken, digits, heart, torch, target)
    if options.json:
        terminal.emit_json(found)
    else:
        print("\n".join(summary.lines(found)))
    return 0


def _target(options: argparse.Namespace) -> Path | None:
    """Where the picture goes; refuses early what would fail late."""
    drawable = importlib.util.find_spec("matplotlib") is not None
    if options.out is None:
        return None if options.json else Path("danaus.png" if drawable else "danaus.svg")
    out: Path = options.out
    if out.suffix not in (".png", ".svg"):
        raise UserError(f"-o: must end in .png or .svg, is {printable(out)}")
    if out.suffix == ".png" and not drawable:
        raise UserError(
            f"-o: matplotlib must be installed to draw a .png; ask for {printable(out.with_suffix('.svg'))}"
        )
    if not out.parent.is_dir():
        raise UserError(f"-o: must be in a folder that exists, {printable(out.parent)} does not")
    return out


def _digits() -> tuple[Model, npt.NDArray[np.int64]]:
    """The spoken-digit model on 20 s of made-up sound: noise that comes and goes."""
    model = load("digits")
    count = 20 * round(model.sample_rate or 1)
    swell = np.sin(np.linspace(0, 20 * np.pi, count)) ** 2
    noise = np.random.default_rng(0).standard_normal(count)
    _, times = step_through(model, [(0.1 * swell * noise).astype(np.float32)[:, None]])
    return model, times
