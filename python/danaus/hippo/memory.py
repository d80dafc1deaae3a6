"""Online memory of a signal, and the projection of a whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import FloatArray, float_array, float_dtype, thread_count
from ._cores import core_of
from ._quality import last_half, picture


class Memory:
    """Online memory of a signal, in ``n`` coefficients a channel: of all that came, of a window, or fading.

    By default exact LegS: after samples u_k, each held for ``dt`` (or until its end time), it knows
    x_m(t) = (1/t) int_0^t u(s) sqrt(2m+1) P_m(2s/t - 1) ds for m < n, as if all of it had been kept: float64 1e-11,
    float32 1e-6 relative, whatever the chunking. O(n) a sample, for every measure.

    Parameters
    ----------
    measure : ``"legs"`` and ``"fous"`` remember everything since time 0, evenly; ``"legt"``, ``"lmu"``, ``"fout"`` the
        last ``theta``; ``"fourier_decay"`` and ``"fourier_sliding"`` fold the past at ``theta``; ``"lagt"``,
        ``"tlagt"``, ``"glagt"`` and ``"foud"`` let it fade over times of 1 (``dt`` sets the scale). What each keeps,
        and what brings it back: :func:`transition`
    n : coefficients: 1 to 2048 for ``"legs"``, to 1024 for other exact chunks; even for Fourier measures in pairs, odd
        for the complex ones
    channels : signals remembered side by side
    theta : the window, at least ``dt``, in the unit of ``dt``; None for measures without one
    dt : time between samples, the unit of ``time`` and of all ``times``
    method : ``"exact"``, for input held between samples, whose inside is float64; or one O(n) step of the system a
        sample: ``"bilinear"`` and ``"backward_euler"``, stable for every n and every gap, and ``"forward_euler"``,
        refused where it grows. For ``"legs"`` they step in log time, and ``"hippo_bilinear"`` is the published
        convention (A / k on both sides), which is second order only if sample k stands for [k - 1/2, k + 1/2). The
        others take a number from 0.5 (bilinear) to 1 (backward Euler), too. Irregular times need a step, except for
        ``"legs"``, ``"fous"`` and ``"foud"``, exact at any times
    dtype : of samples and coefficients, ``"float32"`` or ``"float64"``; complex measures have complex coefficients

    >>> memory = Memory(n=8)
    >>> memory.extend(np.linspace(0, 1, 1000, dtype=np.float32)[:, None])
    >>> float(memory.reconstruct([250.0])[0, 0].round(2))
    0.25
    """

    def __init__(
        self,
        measure: str = "legs",
        n: int = 64,
        *,
        channels: int = 1,
        theta: float | None = None,
        dt: float = 1.0,
        method: str | float = "exact",
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        where = "hippo.Memory"
        if not 0 < dt < float("inf"):
            raise ValueError(f"{where}: dt must be positive and finite, is {dt}")
        if n < 1 or channels < 1:
            raise ValueError(f"{where}: n and channels must be at least 1, are {n} and {channels}")
        self.dtype = float_dtype(where, "dtype", dtype)
        self.dt = float(dt)
        self.measure = measure
        self.theta = None if theta is None else float(theta)
        self.method = method
        self._core: Any = core_of(where, measure, n, channels, theta, self.dt, method, self.dtype)

    @property
    def n(self) -> int:
        return int(self._core.n)

    @property
    def channels(self) -> int:
        return int(self._core.channels)

    @property
    def time(self) -> float:
        """The memory spans ``[0, time)``."""
        return float(self._core.time) * self.dt

    def step(self, u: FloatArray) -> None:
        """One sample of every channel, ``(channels,)``."""
        self._core.step(u)

    def extend(self, u: FloatArray, times: npt.ArrayLike | None = None, *, threads: int = 1) -> None:
        """Samples ``(L, channels)``; sample k is held until ``times[k]``, which must increase.

        ``threads``: channels are dealt out; the bits are the same for any number.
        """
        ends = None if times is None else np.asarray(times, dtype=np.float64) / self.dt
        self._core.extend(float_array("hippo.Memory", "u", u), ends, thread_count("hippo.Memory", threads))

    @property
    def coefficients(self) -> FloatArray:
        """``(channels, n)``. Reading changes nothing."""
        found: FloatArray = self._core.coefficients()
        return found

    def reconstruct(self, times: npt.ArrayLike) -> FloatArray:
        """The remembered signal at ``times``, ``(len(times), channels)``."""
        signal: FloatArray = self._core.reconstruct(np.asarray(times, dtype=np.float64) / self.dt)
        return signal

    def error_estimate(self) -> FloatArray:
        """``(channels,)``: how far the remembered signal may be from the one that came.

        A root mean square over the measure: the root of the energy sum |x_m|^2 in the upper half of the coefficients,
        m >= n / 2 (of orthonormal functions; for complex Fourier series |m| > M / 2). What is forgotten is the energy
        beyond n: the two are equal where coefficients fall as 1 / m, as they do after a jump; the estimate is larger
        than the error where they fall faster (smooth signals), and smaller where they fall more slowly (noise: then it
        is near the signal's own).
        """
        return last_half(self.measure, self.coefficients).astype(self.dtype)

    def plot(
        self,
        signal: FloatArray | None = None,
        times: npt.ArrayLike | None = None,
        *,
        channel: int = 0,
        points: int = 1000,
        path: str | Path | None = None,
    ) -> str:
        """Draws what is remembered of a channel, orange, over the signal, grey; returns the picture as SVG.

        Parameters
        ----------
        signal : ``(L,)`` or ``(L, channels)``: what came, at ``times``
        times : ``(L,)``: by default the middles of the last L cells of length ``dt``
        points : how many points of the memory are drawn, over the times of the signal, or over all it spans (with
            ``theta`` the last ``theta``)
        path : where to save it besides, ``.svg`` or ``.png`` (which needs matplotlib)
        """
        where = "hippo.Memory"
        if not 0 <= channel < self.channels:
            raise ValueError(f"{where}: channel must be 0 to {self.channels - 1}, is {channel}")
        if points < 2:
            raise ValueError(f"{where}: points must be at least 2, is {points}")
        came = None if signal is None else np.asarray(signal, dtype=np.float64)
        if came is not None and came.ndim == 2 and came.shape[1] == self.channels:
            came = came[:, channel]
        if came is not None and (came.ndim != 1 or len(came) == 0 or not np.isfinite(came).all()):
            raise ValueError(f"{where}: signal must be finite and have shape (L,) or (L, {self.channels})")
        now, span = self.time, self.time if self.theta is None else min(self.time, self.theta)
        if came is None:
            stamps = np.array([now - span, now])
        elif times is None:
            stamps = now - self.dt * (len(came) - 0.5 - np.arange(len(came)))
        else:
            stamps = np.asarray(times, dtype=np.float64)
        if came is not None and (stamps.shape != came.shape or not np.isfinite(stamps).all()):
            raise ValueError(f"{where}: times must be finite and have shape {came.shape}, have {stamps.shape}")
        at = np.linspace(stamps.min(), stamps.max(), points) if stamps.min() < stamps.max() else stamps[:1]
        remembered = self.reconstruct(at)[:, channel]
        title = f"{self.measure}, {self.method}, n = {self.n}: estimated error {self.error_estimate()[channel]:.2g}"
        sheet = picture(title, stamps, came, remembered.astype(np.float64), at)
        if path is not None:
            sheet.save(Path(path))
        return sheet.svg()

    def merge(self, other: Memory) -> None:
        """Appends what ``other`` remembers, as if its samples had come next. Exact."""
        if not isinstance(other, Memory) or other.dtype != self.dtype:
            kind = other.dtype.name if isinstance(other, Memory) else type(other).__name__
            raise TypeError(f"hippo.Memory: merge needs a memory of {self.dtype.name}, got {kind}")
        for name in ("measure", "method", "theta", "dt"):
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its:
                raise ValueError(f"hippo.Memory: merge needs a memory with {name} {mine}, got {its}")
        if not hasattr(self._core, "merge"):
            raise ValueError(f"hippo.Memory: merge must have measure 'legs', has {self.measure!r}")
        self._core.merge(other._core)

    def reset(self) -> None:
        """Forgets everything."""
        self._core.reset()

    def copy(self) -> Memory:
        """An independent memory in the same state."""
        return self.from_state_dict(self.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """Everything it knows, as plain values and one array; resumes bit for bit."""
        return {
            "measure": self.measure,
            "n": self.n,
            "channels": self.channels,
            "theta": self.theta,
            "dt": self.dt,
            "method": self.method,
            "dtype": self.dtype.name,
            "state": self._core.state,
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> Memory:
        """The memory that :meth:`state_dict` described."""
        missing = {"measure", "n", "channels", "dt", "dtype", "state"} - set(state)
        if missing:
            raise ValueError(f"hippo.Memory: state must have what state_dict() gives, lacks {sorted(missing)}")
        memory = cls(
            state["measure"],
            state["n"],
            channels=state["channels"],
            theta=state.get("theta"),
            dt=state["dt"],
            method=state.get("method", "exact"),
            dtype=state["dtype"],
        )
        kept = np.asarray(state["state"])
        memory._core.state = kept if kept.dtype.kind in "fc" and kept.dtype.itemsize >= 8 else kept.astype(np.float64)
        return memory

    def __reduce__(self) -> tuple[Any, ...]:
        return (Memory.from_state_dict, (self.state_dict(),))


def project(
    u: FloatArray,
    n: int,
    *,
    measure: str = "legs",
    theta: float | None = None,
    dt: float = 1.0,
    times: npt.ArrayLike | None = None,
    method: str | float = "exact",
    every: int | None = None,
    out: FloatArray | None = None,
    threads: int = 1,
) -> FloatArray:
    """The coefficients ``(H, n)`` of a whole signal ``(L, H)``; see :class:`Memory`.

    With ``every`` those after each ``every`` samples instead, ``(L // every, H, n)``. ``out`` receives the result.

    >>> project(np.ones((10, 1)), 3).round(12) + 0.0
    array([[1., 0., 0.]])
    >>> project(np.ones((10, 2)), 3, every=5).shape
    (2, 2, 3)
    """
    where = "hippo.project"
    u = float_array(where, "u", u)
    if u.ndim != 2:
        raise ValueError(f"{where}: u must have shape (L, H), has {u.shape}")
    memory = Memory(measure, n, channels=u.shape[1], theta=theta, dt=dt, method=method, dtype=u.dtype)
    if every is None:
        memory.extend(u, times, threads=threads)
        return _written(where, memory.coefficients, out)
    if every < 1:
        raise ValueError(f"{where}: every must be at least 1, is {every}")
    ends = None if times is None else np.asarray(times, dtype=np.float64)
    if ends is not None and ends.shape != u.shape[:1]:
        raise ValueError(f"{where}: times must have shape {u.shape[:1]}, has {ends.shape}")
    core, whole = memory._core, slice(0, len(u) // every * every)
    if hasattr(core, "trajectory"):
        along: FloatArray = core.trajectory(
            u[whole], None if ends is None else ends[whole] / dt, every, False, out, thread_count(where, threads)
        )
        return along
    pieces = []
    for first in range(0, whole.stop, every):
        part = slice(first, first + every)
        memory.extend(u[part], None if ends is None else ends[part], threads=threads)
        pieces.append(memory.coefficients)
    empty = np.empty((0, *memory.coefficients.shape), memory.coefficients.dtype)
    return _written(where, np.stack(pieces) if pieces else empty, out)


def _written(where: str, found: FloatArray, out: FloatArray | None) -> FloatArray:
    if out is None:
        return found
    if not isinstance(out, np.ndarray) or out.dtype != found.dtype or not out.flags.writeable:
        raise TypeError(f"{where}: out must be a writable {found.dtype.name} array")
    if out.shape != found.shape:
        raise ValueError(f"{where}: out must have shape {found.shape}, has {out.shape}")
    out[...] = found
    return out
