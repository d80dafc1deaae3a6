"""Numerators as RTF layers are trained, and the systems they stand for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import FloatArray, finite
from .common import Stream
from .convolution import ConvolutionStream


class Filters(NamedTuple):
    """Channels that only exist over the length they were trained at, and their kernels ``(len(channels), length)``."""

    channels: npt.NDArray[np.intp]
    kernels: FloatArray
    unstable: npt.NDArray[np.intp]


class FilteredStream:
    """A stream of recurrences some of whose channels are exact filters of the trained length, or modes, instead."""

    def __init__(
        self, recurrences: Stream, filters: ConvolutionStream | Stream, channels: npt.NDArray[np.intp]
    ) -> None:
        self._recurrences, self._filters, self._channels = recurrences, filters, channels

    def step(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """One sample of every channel, ``(H,)`` or ``(batch, H)``."""
        y = self._recurrences.step(u)
        y[..., self._channels] = self._filters.step(np.ascontiguousarray(u[..., self._channels]))
        return y if out is None else _into(out, y)

    def run(
        self,
        u: FloatArray,
        *,
        out: FloatArray | None = None,
        threads: int = 1,
        lengths: npt.ArrayLike | None = None,
    ) -> FloatArray:
        """A chunk ``(L, H)`` or ``(batch, L, H)``; ``lengths`` ``(batch,)`` says how much of it is each sequence's."""
        y = self._recurrences.run(u, threads=threads, lengths=lengths)
        some = np.ascontiguousarray(u[..., self._channels])
        y[..., self._channels] = self._filters.run(some, threads=threads, lengths=lengths)
        return y if out is None else _into(out, y)

    @property
    def state(self) -> FloatArray:
        """All that is remembered: that of the recurrences, then that of the filters."""
        return np.concatenate([self._recurrences.state, self._filters.state], axis=-1)

    @state.setter
    def state(self, state: FloatArray) -> None:
        parts = self._recurrences.state, self._filters.state
        if np.shape(state) != (*parts[0].shape[:-1], parts[0].shape[-1] + parts[1].shape[-1]):
            raise ValueError(f"ssm.state: state must have the shape of this stream's, {self.state.shape}")
        first, second = np.split(np.asarray(state), [parts[0].shape[-1]], axis=-1)
        self._filters.state = np.ascontiguousarray(second, parts[1].dtype)
        self._recurrences.state = np.ascontiguousarray(first, parts[0].dtype)

    def reset(self) -> None:
        """Forgets everything."""
        self._recurrences.reset()
        self._filters.reset()

    def copy(self) -> FilteredStream:
        """An independent stream in the same state."""
        return FilteredStream(self._recurrences.copy(), self._filters.copy(), self._channels)


def _into(out: FloatArray, y: FloatArray) -> FloatArray:
    if out.shape != y.shape or out.dtype != y.dtype:
        raise ValueError(f"ssm.step: out must have shape {y.shape} of {y.dtype}, has {out.shape} of {out.dtype}")
    out[...] = y
    return out


def coefficients(
    where: str, b: npt.ArrayLike, a: npt.ArrayLike, h0: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``b, a, h0`` in double precision, if they fit together."""
    b, a, h0 = (finite(where, name, value, np.float64) for name, value in (("b", b), ("a", a), ("h0", h0)))
    if b.ndim != 2 or b.size == 0:
        raise ValueError(f"{where}: b must have shape (H, N), has {b.shape}")
    channels, order = b.shape
    if a.ndim != 2 or a.size == 0 or a.shape[1] != order or channels % len(a) != 0:
        raise ValueError(f"{where}: a must have shape (num_a, {order}), num_a a divisor of {channels}, has {a.shape}")
    if h0.shape != (channels,):
        raise ValueError(f"{where}: h0 must have shape ({channels},), has {h0.shape}")
    return b, a, h0


def infinite_numerator(
    where: str,
    b: FloatArray,
    a: FloatArray,
    h0: FloatArray,
    length: int,
    stable: npt.NDArray[np.bool_],
    quirks: bool,
) -> tuple[FloatArray, FloatArray, Filters | None]:
    """``b`` and ``h0`` of the systems whose kernels begin as the trained ones, and the channels that have none."""
    points = length + length % 2 if quirks else length
    numerator, through, done = ended_numerator(b, a, h0, points, stable, quirks)
    rest = np.flatnonzero(~done)
    channels: list[int] = []
    kernels: list[FloatArray] = []
    count = max(1, (1 << 21) // points)  # channels at a time: tens of megabytes
    for first in range(0, len(rest), count):
        part = rest[first : first + count]
        factors = a[part // (len(b) // len(a))]
        with np.errstate(all="ignore"):
            periodic = periodic_kernel(b[part], factors, h0[part], points, quirks)
        for lost in part[~np.isfinite(periodic).all(1)][:1]:
            raise ValueError(f"{where}: a must not vanish at a root of unity of order {points}, channel {lost} does")
        numerator[part], through[part] = _core.numerator_of_kernel(periodic, factors), periodic[:, 0]
        trained = periodic[:, :length]
        found = _core.transfer_kernel64(numerator[part], factors, through[part], length)
        with np.errstate(all="ignore"):
            right = np.abs(found - trained).max(1) <= 1e-7 * np.abs(trained).max(1)
        for lost in np.flatnonzero(~(right & stable[part])):
            channels.append(int(part[lost]))
            kernels.append(trained[lost].copy())
    if not channels:
        return numerator, through, None
    kept = np.stack(kernels)
    kept.flags.writeable = False
    return numerator, through, Filters(np.array(channels), kept, np.flatnonzero(~stable))


def ended_numerator(
    b: FloatArray, a: FloatArray, h0: FloatArray, points: int, stable: npt.NDArray[np.bool_], quirks: bool
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """The same without a transform, for channels whose responses all but end within ``points`` samples, and which.

    The infinite numerator is ``sum_m M^m b``, M what ``points`` samples make of a state: a few terms, to 1e-17 of b.
    ``sum g^2 (1 + |a|_1)^2 <= 1e6``, g the response of 1 / A, lets the recurrence lose at most 1e-10 of the kernel's
    peak in double precision.
    """
    numerator, through, repeat = b.copy(), h0.copy(), len(b) // len(a)
    if b.shape[1] >= points:
        return numerator, through, np.zeros(len(b), bool)
    with np.errstate(all="ignore"):
        done = stable & np.repeat(_core.power_gain(a) * (1 + np.abs(a).sum(1)) ** 2 <= 1e6, repeat)
        active, term, largest = np.flatnonzero(done), b[done], np.abs(b[done]).max(1, keepdims=True)
        for _ in range(5):
            if active.size == 0:
                return numerator, through, done
            scale = np.abs(term).max(1, keepdims=True)
            scale[scale == 0] = 1
            every = a[active // repeat]
            small, before = (scale <= 1e-9 * largest)[:, 0], np.empty_like(term)
            for part, states in ((small, "single"), (~small, "fading")):  # float32 has the digits that still count
                if part.any():
                    after = _core.advance_numerator(term[part] / scale[part], every[part], points - 1, states)
                    before[part] = after * scale[part]
            term = -every * before[:, :1]  # before[:, 0]: the response at ``points``
            term[:, :-1] += before[:, 1:]
            numerator[active] += term
            if quirks:
                through[active] += before[:, 0]
            size = np.abs(term).max(1, keepdims=True) / np.where(largest > 0, largest, 1)
            done[active[~(size[:, 0] <= 1e-3)]] = False
            left = (size[:, 0] > 1e-17) & (size[:, 0] <= 1e-3)
            active, term, largest = active[left], term[left], largest[left]
    done[active] = False
    return numerator, through, done


def periodic_kernel(b: FloatArray, a: FloatArray, h0: FloatArray, points: int, quirks: bool) -> FloatArray:
    """``irfft(h0 + B / A)`` over ``points``, ``(H, points)``, in double precision."""
    order = b.shape[1]
    top, bottom = np.zeros((len(b), max(points, order + 1))), np.zeros((len(b), max(points, order + 1)))
    top[:, 1 : order + 1], bottom[:, 0], bottom[:, 1 : order + 1] = b, 1, a
    if not quirks and order >= points:  # x^points = 1
        top, bottom = (
            np.pad(x, ((0, 0), (0, -x.shape[1] % points))).reshape(len(b), -1, points).sum(1) for x in (top, bottom)
        )
    ratio = np.fft.rfft(top, points, axis=1) / np.fft.rfft(bottom, points, axis=1)
    if quirks:
        ratio += h0[:, None]
    k: FloatArray = np.fft.irfft(ratio, points, axis=1)
    if not quirks:
        k[:, 0] = h0
    return k
