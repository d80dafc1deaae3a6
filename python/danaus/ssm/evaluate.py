"""Which evaluation of a layer is fastest: a model of costs, its constants measured once on the machine.

>>> choice = choose("transfer", 64, 65536, 512)
>>> sorted(choice.seconds) == ["convolution", "scan"] and choice.evaluation in choice.seconds
True
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import float_dtype, thread_count

__all__ = ["Choice", "Rates", "calibrate", "choose", "rates", "set_rates"]

_VARIABLE = "DANAUS_RATES"
_FORMS = ("s4d", "s4", "s5", "transfer", "transfer_mixed")
_SLOW = {"s4d": 10, "s4": 40}
"""Pairs of a channel that carry what rounding takes, where nothing is said: with steps from 1e-3 on, as layers are
initialised, those that change by less than 1/32 (S4D) or 1/8 (S4) a sample."""


@dataclass(frozen=True)
class Choice:
    """How whole sequences of a layer are best evaluated, and what each way would take."""

    evaluation: str
    """``"scan"``: the recurrence; ``"convolution"``: transforms, for up to 40 samples the sum itself."""
    seconds: dict[str, float]
    """Of every evaluation; infinite where there is none."""

    def __str__(self) -> str:
        best = self.seconds[self.evaluation]
        width = max(map(len, self.seconds))
        lines = []
        for name, seconds in sorted(self.seconds.items(), key=lambda item: item[1]):
            mark = "*" if name == self.evaluation else " "
            lines.append(f"{mark} {name.ljust(width)}  {_duration(seconds):>8}  {seconds / best:6.2f}")
        return "\n".join(lines)


class Rates(dict[str, float]):
    """The constants of the model by name, nanoseconds of one thread but for ``first_cache`` (bytes)."""

    source: str
    """Where they are from: ``"set_rates"``, a file, ``"measured"`` or ``"built in"``."""

    def __init__(self, values: Mapping[str, float], source: str) -> None:
        super().__init__(values)
        self.source = source


class _Current:
    """The rates in use: found once, replaced whole, read without a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.model: _Model | None = None


class _Model:
    """Rates and the compiled model over them. Equal only to itself, so that choices are kept for each."""

    def __init__(self, values: Mapping[str, float], source: str) -> None:
        self.core = _core.CostModel(dict(values))
        self.source = source


_current = _Current()


def choose(
    form: str,
    order: int,
    length: int,
    channels: int,
    *,
    batch: int = 1,
    dtype: npt.DTypeLike = "float32",
    threads: int = 1,
    rank: int = 0,
    kept: bool = True,
    slow: int | None = None,
) -> Choice:
    """The evaluation that should take least for sequences ``(batch, length, channels)``.

    Parameters
    ----------
    form : ``"s4d"``, ``"s4"``, ``"s5"``, ``"transfer"`` or ``"transfer_mixed"`` (states in double precision)
    order : conjugate pairs a channel (``s5``: of all channels together); N of a transfer function
    rank : of the correction of ``s4``; 0 counts as 1
    kept : whether the transform of the kernel is there already; else kernel and transform count, too
    slow : pairs that carry what rounding takes (float32), by default as many as usual

    Takes 1 us where it was asked the same before, else 5.

    >>> choose("s4d", 4, 16, 1).seconds["scan"] < choose("s4d", 4, 1024, 1).seconds["scan"]
    True
    """
    arguments: tuple[Any, ...] = (form, order, length, channels, batch, dtype, threads, rank, kept, slow)
    try:
        evaluation, scan, convolution = _chosen(_model(), *arguments)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        evaluation, scan, convolution = _chosen.__wrapped__(_model(), *arguments)
    return Choice(evaluation, {"scan": scan, "convolution": convolution})


@lru_cache(maxsize=1024, typed=True)
def _chosen(
    model: _Model,
    form: str,
    order: int,
    length: int,
    channels: int,
    batch: int,
    dtype: npt.DTypeLike,
    threads: int,
    rank: int,
    kept: bool,
    slow: int | None,
) -> tuple[str, float, float]:
    where = "ssm.choose"
    if form not in _FORMS:
        raise ValueError(f"{where}: form must be one of {', '.join(map(repr, _FORMS))}, is {form!r}")
    pairs = _count(where, "order", order, 1)
    counts = [
        _count(where, name, value, least)
        for name, value, least in (
            ("rank", rank, 0),
            ("slow", min(pairs, _SLOW.get(form, 0)) if slow is None else slow, 0),
            ("length", length, 0),
            ("channels", channels, 0),
            ("batch", batch, 0),
        )
    ]
    element = float_dtype(where, "dtype", dtype).itemsize
    hands = thread_count(where, threads)
    ranks, carrying, samples, wide, sequences = counts
    scan, convolution = model.core.estimate(
        form, pairs, ranks, carrying, samples, wide, sequences, element, hands, bool(kept)
    )
    return "convolution" if convolution < scan else "scan", scan, convolution


def rates() -> Rates:
    """The constants in use, a copy.

    From, in this order: ``set_rates``; the file that the environment variable ``DANAUS_RATES`` names; the file that
    ``calibrate`` left in the user's cache (``XDG_CACHE_HOME``, else ``~/.cache``) for this processor, instruction set
    and version; the built-in ones of a like machine. Looked for when first needed, once.

    >>> rates()["float32.transfer.coefficient"] > 0
    True
    """
    model = _model()
    return Rates(model.core.rates, model.source)


def set_rates(values: Mapping[str, float] | None) -> None:
    """Takes these constants, all of ``rates()`` by name, from now on; None looks for them again.

    >>> found = rates()
    >>> set_rates({**found, "call.scan": 1e9})  # a second
    >>> choose("s4d", 4, 1024, 1).evaluation
    'convolution'
    >>> set_rates(None)
    """
    if values is not None and not isinstance(values, Mapping):
        raise TypeError(f"ssm.set_rates: rates must be a mapping as rates() gives it, is {type(values).__name__}")
    model = None if values is None else _Model(values, "set_rates")
    with _current.lock:
        _current.model = model


def calibrate(*, seconds: float = 1.0, save: bool = True) -> Rates:
    """Measures the constants on this machine, in 200 MB, and takes them.

    In ``seconds``, but at least five times each: two to three seconds for an Intel Xeon of 2 MB second-level cache.
    The least of many repetitions that take turns: what else runs on the machine matters little, but a machine that is
    busy throughout gives the rates of a busy machine. ``save`` writes them to the file in the user's cache that later
    processes read (:func:`rates`); nothing else does.
    """
    if not (isinstance(seconds, (int, float)) and math.isfinite(seconds) and 0 < seconds <= 3600):
        raise ValueError(f"ssm.calibrate: seconds must be positive, at most 3600, is {seconds!r}")
    found = _with_calls(_core.calibrate(_core.default_rates(), float(seconds)))
    source = "measured"
    if save:
        file = cache_file()
        _write(file, found)
        source = str(file)
    model = _Model(found, source)
    with _current.lock:
        _current.model = model
    return Rates(model.core.rates, source)


def cache_file() -> Path:
    """Where ``calibrate`` saves what it measured."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", _processor().lower())).strip("-") or "unknown"
    return folder / "danaus" / f"rates-{name}-{_core.isa()}-{_core.version}.json"


def _model() -> _Model:
    found = _current.model
    if found is None:
        with _current.lock:
            found = _current.model
            if found is None:
                found = _current.model = _find()
    return found


def _find() -> _Model:
    """The rates of a file, else the built-in ones."""
    if named := os.environ.get(_VARIABLE):
        try:
            return _Model(_read(Path(named), foreign=True), named)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"ssm.rates: {_VARIABLE} must name a file that danaus calibrate wrote, is {named} ({_said(error)})"
            ) from None
    try:
        file = cache_file()
        return _Model(_read(file, foreign=False), str(file))
    except FileNotFoundError:
        pass
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: nobody's home is known
        if not isinstance(error, RuntimeError):
            warnings.warn(
                f"ssm.rates: {file} cannot be used ({_said(error)}), built-in rates are; delete it, or write it anew "
                "with danaus calibrate",
                stacklevel=4,
            )
    return _Model(_core.default_rates(), "built in")


def _read(file: Path, *, foreign: bool) -> dict[str, float]:
    """The rates of a file; ``foreign``: also those of another machine."""
    if file.stat().st_size > 1 << 20:
        raise ValueError("it is no file of rates: more than 1 MB")
    content = json.loads(file.read_bytes())
    if not isinstance(content, dict) or not isinstance(content.get("rates"), dict):
        raise ValueError("it is no JSON object with rates")
    about = {key: value for key, value in _about().items() if content.get(key) != value}
    if about and not foreign:
        key, value = next(iter(about.items()))
        raise ValueError(f"it is of {key} {content.get(key)!r}, this is {value!r}")
    values: dict[str, float] = content["rates"]
    _core.CostModel(values)
    return values


def _write(file: Path, values: Mapping[str, float]) -> None:
    """Whole or not at all, whoever else writes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**_about(), "rates": dict(values)}, indent=1)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(f"{text}\n")
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _about() -> dict[str, str]:
    return {"processor": _processor(), "isa": _core.isa(), "version": _core.version}


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _with_calls(values: dict[str, float]) -> dict[str, float]:
    """The rates with what a call from Python costs before and after the kernels."""
    one = np.zeros((1, 1), np.float32)
    delta, gain = np.full((1, 1), -0.5 + 0j), np.ones((1, 1), np.complex128)
    layer = _core.Diagonal32(delta, gain, np.zeros(1))
    filtered = _core.Convolution32(one, None, 1, False, 1)
    calls = {
        "call.scan": _nanoseconds(lambda: layer.scan(one, out=None, threads=1)),
        "call.convolution": _nanoseconds(lambda: filtered(one, out=None, threads=1)),
    }
    known = {**values, "call.scan": 0.0, "call.convolution": 0.0}
    scan, convolution = _core.CostModel(known).estimate("s4d", 1, 0, 0, 1, 1, 1, 4, 1, True)
    rest = {"call.scan": 1e9 * scan, "call.convolution": 1e9 * convolution}
    return {**values, **{name: max(calls[name] - rest[name], 1.0) for name in calls}}


def _nanoseconds(call: Callable[[], Any]) -> float:
    """The least of 30 times the mean of 100 calls."""
    best = math.inf
    for _ in range(30):
        start = time.perf_counter_ns()
        for _ in range(100):
            call()
        best = min(best, (time.perf_counter_ns() - start) / 100)
    return best


def _count(where: str, name: str, value: int, least: int) -> int:
    try:
        count = index(value)
    except TypeError:
        raise TypeError(f"{where}: {name} must be an integer, is {value!r}") from None
    if not least <= count < 1 << 48:
        raise ValueError(f"{where}: {name} must be at least {least}, is {count}")
    return count


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        return "it is no JSON"
    return str(error).removeprefix("ssm.evaluate: ")


def _duration(seconds: float) -> str:
    if math.isinf(seconds):
        return "never"
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
