"""Sound from standard input, as it comes: PCM blocks, and what a model says of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..models import Model
from . import answers, terminal
from .audio import UNKNOWN, Format, decode, wav_header
from .errors import UserError, printable
from .inputs import expect_format
from .words import Spotter, Word

__all__ = ["blocks", "run_words"]

Float32Array = npt.NDArray[np.float32]

_WHERE = "standard input"


def standard_input(model: Model) -> BinaryIO:
    """Bytes from a pipe; a terminal has no sound."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError(
            f"{_WHERE}: must be a pipe with sound, is a terminal; try "
            f"arecord -q -f S16_LE -r {model.sample_rate or 8000:g} | danaus run {printable(model.name)} -"
        )
    return sys.stdin.buffer


def blocks(model: Model, source: BinaryIO) -> Iterator[Float32Array]:
    """Samples ``(n, channels)`` as they arrive, at least one: 16-bit PCM, or whatever a WAV header says."""
    data = bytearray()
    header = None
    while header is None:
        piece = _read(source)
        data += piece
        header = _begin(model, data, ended=not piece)
    form, at, left = header
    del data[:at]
    row = 0
    while True:
        used = min(len(data), left)
        used -= used % form.frame
        if used:
            samples = decode(bytes(data[:used]), form)
            del data[:used]
            left -= used
            _expect_finite(samples, row)
            row += len(samples)
            yield samples
        if left < form.frame:
            return
        piece = _read(source)
        if not piece:
            break
        data += piece
    if row == 0:
        raise UserError(f"{_WHERE}: must hold samples, holds {len(data)} bytes of less than one")
    if data:
        terminal.note(f"{_WHERE} ended within a sample: {len(data)} bytes were left out")


def _read(source: BinaryIO) -> bytes:
    """What is there, at least a byte; nothing at the end."""
    read = getattr(source, "read1", source.read)
    return bytes(read(1 << 16))


def _begin(model: Model, data: bytearray, *, ended: bool) -> tuple[Format, int, int] | None:
    """How the samples stand, where they begin and how many bytes they are; None: more must come first."""
    if not data and ended:
        raise UserError(f"{_WHERE}: must hold samples, is empty")
    if not b"RIFF".startswith(data[:4]) or (ended and data[:4] != b"RIFF"):
        return Format(round(model.sample_rate or 1), model.channels, bits=16), 0, sys.maxsize
    header = wav_header(data, _WHERE) if len(data) >= 12 else None
    if header is not None:
        form, at, size = header
        expect_format(model, form, _WHERE)
        return form, at, sys.maxsize if size == 0 or size >= UNKNOWN else size
    if ended:
        raise UserError(f"{_WHERE}: must hold samples, ends within its WAV header after {len(data)} bytes")
    return None


def _expect_finite(samples: Float32Array, row: int) -> None:
    bad = np.argwhere(~np.isfinite(samples))
    if len(bad):
        value, at = samples[tuple(bad[0])], row + int(bad[0][0])
        raise UserError(f"{_WHERE}: every sample must be finite, is {value} at sample {at}")


def run_words(model: Model, *, json: bool) -> None:
    """A line for each spoken word, until the input or the user ends it."""
    spotter, status = Spotter(model), terminal.Status()
    source = standard_input(model)
    status.show(f"{printable(model.name)} listens; Ctrl-C ends")
    try:
        for samples in blocks(model, source):
            for word in spotter.push(samples):
                _tell(model, word, status, json)
            status.show(_now(model, spotter))
    except KeyboardInterrupt:  # the way to end it
        pass
    status.clear()
    for word in spotter.finish():
        _tell(model, word, status, json)


def _now(model: Model, spotter: Spotter) -> str:
    if spotter.running is None:
        return f"{spotter.seconds:7.2f} s  listening; Ctrl-C ends"
    label, chance = answers.best(model, spotter.running)
    return f"{spotter.seconds:7.2f} s  {label}?  {terminal.bar(chance, 12)}"


def _tell(model: Model, word: Word, status: terminal.Status, json: bool) -> None:
    status.clear()
    if json:
        terminal.emit_json({"start": word.start, "end": word.end, **answers.as_json(model, word.outputs)}, lines=True)
    else:
        label, chance = answers.best(model, word.outputs)
        print(f"{word.start:8.2f} s  {terminal.bold(label)}  {chance:.3f}", flush=True)
