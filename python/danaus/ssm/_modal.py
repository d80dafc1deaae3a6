"""Transfer functions whose coefficients lose digits as a recurrence, run as the modes of their poles."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray, FloatArray
from .common import Stream

_SUSPECT = 1e-11
"""What the recurrence in double precision may lose of a kernel's peak by its power gain before it is looked at."""
_LOSS = 1e-10
"""What it may really lose before modes take its place, if they lose less."""
_SAMPLES = 1024


class Modes(NamedTuple):
    """Channels in modal form, the modes of ``_core.Diagonal64``, and what both forms lose of the kernel's peak."""

    channels: npt.NDArray[np.intp]
    delta: ComplexArray
    gain: ComplexArray
    d: FloatArray
    h0: FloatArray
    direct: FloatArray
    modal: FloatArray

    def kernel(self, length: int, threads: int = 1) -> FloatArray:
        """The kernels ``(len(channels), length)`` with the feedthrough, in double precision."""
        k: FloatArray = _core.kernel64(self.delta, self.gain, length, None, threads)
        k[:, :1] = self.h0[:, None]
        return k

    def scan(self, u: FloatArray, threads: int, lengths: npt.ArrayLike | None = None) -> FloatArray:
        """Sequences of these channels ``(..., L, len(channels))``, through double precision."""
        y: FloatArray = self.layer().scan(np.ascontiguousarray(u, np.float64), threads=threads, lengths=lengths)
        return y.astype(u.dtype, copy=False)

    def stream(self, batch: int | None, dtype: np.dtype[Any]) -> Stream:
        return ModalStream(self.layer().stream(batch), dtype)

    def layer(self) -> Any:
        return _core.Diagonal64(self.delta, self.gain, self.d)


class ModalStream:
    """A stream in double precision of samples in another."""

    def __init__(self, stream: Any, dtype: np.dtype[Any]) -> None:
        self._stream, self._dtype = stream, dtype

    def step(self, u: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """One sample of every channel."""
        y: FloatArray = self._stream.step(u.astype(np.float64)).astype(self._dtype)
        if out is None:
            return y
        out[...] = y
        return out

    def run(
        self, u: FloatArray, *, out: FloatArray | None = None, threads: int = 1, lengths: npt.ArrayLike | None = None
    ) -> FloatArray:
        """A chunk."""
        y: FloatArray = self._stream.run(u.astype(np.float64), threads=threads, lengths=lengths).astype(self._dtype)
        if out is None:
            return y
        out[...] = y
        return out

    @property
    def state(self) -> FloatArray:
        """All that is remembered."""
        state: FloatArray = self._stream.state
        return state

    @state.setter
    def state(self, state: FloatArray) -> None:
        self._stream.state = np.ascontiguousarray(state, np.float64)

    def reset(self) -> None:
        """Forgets everything."""
        self._stream.reset()

    def copy(self) -> ModalStream:
        """An independent stream in the same state."""
        return ModalStream(self._stream.copy(), self._dtype)


def modes_where_better(
    b: FloatArray, a: FloatArray, h0: FloatArray
) -> tuple[Modes | None, npt.NDArray[np.intp], FloatArray]:
    """The channels whose recurrence loses more than their modes do, and those of no accurate form with what is lost.

    b, a ``(H, N)``. Both forms' kernels are compared over 1024 samples with the recursion in twice the digits, where
    the power gain of 1 / A leaves a doubt. Channels that grow keep their recurrence.
    """
    with np.errstate(all="ignore"):
        power = np.sqrt(_core.power_gain(a) * a.shape[1])
        doubtful = np.flatnonzero(~(2.0**-53 * power * (1 + np.abs(a).sum(1)) <= _SUSPECT) & b.any(1))
        if doubtful.size == 0:
            return None, doubtful, np.zeros(0)
        exact = _core.precise_response(b[doubtful], a[doubtful], _SAMPLES)
        direct = _core.transfer_kernel64(b[doubtful], a[doubtful], np.zeros(len(doubtful)), _SAMPLES + 1)[:, 1:]
        lost = _relative(direct, exact)
    settled = np.abs(exact[:, _SAMPLES // 2 :]).max(1, initial=0) <= np.abs(exact[:, : _SAMPLES // 2]).max(1, initial=0)
    poor = ~(lost <= _LOSS) & settled & np.isfinite(exact).all(1)
    channels, exact, lost = doubtful[poor], exact[poor], lost[poor]
    if channels.size == 0:
        return None, channels, lost
    poles, residues, _ = _core.convert_transfer_to_modal(b[channels], a[channels], 1)
    modes = _diagonal(channels, poles, residues, h0[channels], lost)
    with np.errstate(all="ignore"):
        found = modes.kernel(_SAMPLES + 1)[:, 1:]
        zeroth = np.abs(modes.gain).sum(1) * 2.0**-53 / np.abs(exact).max(1)  # of d, against all gains at n = 0
        stable = (np.abs(1 + modes.delta) < 1).all(1)
        modal = np.where(stable, np.maximum(_relative(found, exact), zeroth), np.inf)
    better = modal < lost / 2
    least = np.minimum(modal, lost)
    chosen = None
    if better.any():
        parts = (x[better] for x in (channels, modes.delta, modes.gain, modes.d, modes.h0, lost, modal))
        chosen = Modes(*parts)
    refused = ~(least <= 1e-6)
    return chosen, channels[refused], least[refused]


def _relative(found: FloatArray, exact: FloatArray) -> FloatArray:
    error: FloatArray = np.abs(found - exact).max(1, initial=0) / np.abs(exact).max(1, initial=np.finfo(float).tiny)
    return error


def _diagonal(
    channels: npt.NDArray[np.intp], poles: ComplexArray, residues: ComplexArray, h0: FloatArray, lost: FloatArray
) -> Modes:
    """Of each pair one, twice; h_n = Re sum gain p^n from n = 1 on, what that gives at n = 0 taken from h0."""
    shape = len(channels), max(int((poles.imag >= 0).sum(1).max()), 1)
    delta, gain = np.full(shape, -1.0 + 0j), np.zeros(shape, complex)
    for row, (p, r) in enumerate(zip(poles, residues, strict=True)):
        kept = (p.imag >= 0) & (r != 0) & (p != 0)
        count = int(kept.sum())
        with np.errstate(all="ignore"):
            delta[row, :count] = p[kept] - 1
            gain[row, :count] = r[kept] / p[kept] * np.where(p[kept].imag > 0, 2, 1)
    finite = np.isfinite(gain).all(1)
    gain[~finite] = 0  # poles that coincide: no such form, as its error will show
    return Modes(channels, delta, gain, h0 - gain.real.sum(1), h0, lost, np.full(len(channels), np.inf))
