"""Five minutes of heartbeat in a few hundred numbers: what the demonstration asks of hippo.Memory."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np
import numpy.typing as npt

from ..hippo import Memory
from .vowels import arrays

__all__ = ["SIZE", "Heartbeat", "Span", "closed_form", "heartbeat"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

_BLOCK = 5  # seconds of the newest memories
SIZE = 256
"""Coefficients of each memory."""


@dataclass(frozen=True)
class Span:
    """What one memory of the fading chain has of its part ``[start, end)`` of the signal, in samples."""

    start: int
    end: int
    remembered: Float32Array
    error: float
    """Root of the mean squared error, mV."""


@dataclass(frozen=True)
class Heartbeat:
    """The signal in mV, what is remembered of it, and the figures."""

    rate: int
    signal: Float32Array
    whole: Float32Array
    """From one memory of everything."""
    spans: list[Span]
    """From a chain of memories, the oldest first, that merge as they age."""
    nanoseconds: npt.NDArray[np.int64]
    """Of each single step of the one memory."""
    state_bytes: int
    exactness: float
    """Largest difference of its float32 coefficients from the closed form in float64, relative to the largest."""
    error: float
    """Of ``whole``, mV, root mean square."""
    decimated_error: float
    """Of as many means over equal parts, with straight lines between: these have to know the length beforehand."""


def heartbeat() -> Heartbeat:
    """Streams the embedded electrocardiogram and looks back."""
    recording = arrays("ecg.npz")
    signal: Float32Array = np.asarray((recording["signal"][:, None] - 1024) / 200, dtype=np.float32)
    rate = int(recording["rate"])
    memory = Memory(n=SIZE)
    nanoseconds = _step_through(memory, signal)
    whole = memory.reconstruct(np.arange(len(signal)) + 0.5)
    wanted = closed_form(signal[:, 0], SIZE)
    return Heartbeat(
        rate=rate,
        signal=signal[:, 0],
        whole=whole[:, 0],
        spans=_look_back(_fading(signal, _BLOCK * rate), signal),
        nanoseconds=nanoseconds,
        state_bytes=int(memory.state_dict()["state"].nbytes),
        exactness=float(np.abs(memory.coefficients[0] - wanted).max() / np.abs(wanted).max()),
        error=_rms(whole, signal),
        decimated_error=_rms(_decimated(signal[:, 0], SIZE)[:, None], signal),
    )


def _step_through(memory: Memory, signal: Float32Array) -> npt.NDArray[np.int64]:
    """Every sample as a step of its own; the time of each, Python's call and the clock included."""
    times = np.empty(len(signal) + 1, np.int64)
    step = memory.step
    times[0] = perf_counter_ns()
    for k, sample in enumerate(signal, 1):
        step(sample)
        times[k] = perf_counter_ns()
    return np.diff(times)


def _fading(signal: Float32Array, block: int) -> list[Memory]:
    """A chain of memories, the oldest first: of three that span the same time, the older two merge.

    So the newest spans ``block`` samples and those before it twice as many again and again.
    """
    chain: list[Memory] = []
    for start in range(0, len(signal), block):
        memory = Memory(n=SIZE)
        memory.extend(signal[start : start + block])
        chain.append(memory)
        at = len(chain)
        while at >= 3 and chain[at - 3].time == chain[at - 2].time == chain[at - 1].time:
            chain[at - 3].merge(chain.pop(at - 2))
            at -= 2
    return chain


def _look_back(chain: list[Memory], signal: Float32Array) -> list[Span]:
    spans, start = [], 0
    for memory in chain:
        end = start + round(memory.time)
        remembered = memory.reconstruct(np.arange(end - start) + 0.5)
        spans.append(Span(start, end, remembered[:, 0], _rms(remembered, signal[start:end])))
        start = end
    return spans


def _rms(a: Float32Array, b: Float32Array) -> float:
    return float(np.sqrt(np.mean((a.astype(np.float64) - b) ** 2)))


def _decimated(signal: Float32Array, n: int) -> Float32Array:
    """Means over ``n`` equal parts, joined by straight lines."""
    edges = np.linspace(0, len(signal), n + 1).astype(int)
    means = np.add.reduceat(signal.astype(np.float64), edges[:-1]) / np.diff(edges)
    times = np.arange(len(signal)) + 0.5
    return np.asarray(np.interp(times, (edges[:-1] + edges[1:]) / 2, means), dtype=np.float32)


def closed_form(signal: npt.ArrayLike, n: int, *, block: int = 4096) -> Float64Array:
    """The LegS coefficients of a signal that holds each sample for one unit of time, ``(n,)`` in float64.

    With b = 2 t / T - 1 and Q_m = (P_{m+1} - P_{m-1}) / (2 m + 1), the integral of P_m, each is
    x_m = sqrt(2 m + 1) / 2 * sum_k u_k (Q_m(b_{k+1}) - Q_m(b_k)); a block of samples at a time.

    >>> closed_form([1.0, 3.0], 2).round(6)
    array([2.      , 0.866025])
    """
    u = np.asarray(signal, dtype=np.float64)
    sums = np.zeros(n)
    for start in range(0, len(u), block):
        held = u[start : start + block]
        b = 2 * np.arange(start, start + len(held) + 1) / len(u) - 1
        before, now = np.ones_like(b), b
        sums[0] += held @ np.diff(now)
        for m in range(1, n):
            after = ((2 * m + 1) * b * now - m * before) / (m + 1)
            q = (after - before) / (2 * m + 1)
            sums[m] += held @ (q[1:] - q[:-1])
            before, now = now, after
    return np.asarray(np.sqrt(2.0 * np.arange(n) + 1) / 2 * sums)
