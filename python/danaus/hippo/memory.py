"""Online memory of a signal, and the projection of a whole one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import FloatArray, float_array, float_dtype
from ._cores import core_of


class Memory:
    """Online memory of all that came so far, in ``n`` Legendre coefficients a channel: exact LegS.

    After samples u_k, each held for ``dt`` (or until its end time), it knows
    x_m(t) = (1/t) int_0^t u(s) sqrt(2m+1) P_m(2s/t - 1) ds for m < n, exactly as if all of it had
    been kept: float64 1e-11, float32 1e-6 relative, whatever the chunking. O(n) a sample.

    Parameters
    ----------
    measure : ``"legs"``
    n : coefficients, 1 to 2048
    channels : signals remembered side by side
    theta : ``None``: this measure has no window, it remembers everything since time 0
    dt : time between samples, the unit of ``time`` and of all ``times``
    method : ``"exact"``
    dtype : of samples and coefficients, ``"float32"`` or ``"float64"``; the inside is float64

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
        method: str = "exact",
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

    def extend(self, u: FloatArray, times: npt.ArrayLike | None = None) -> None:
        """Samples ``(L, channels)``; sample k is held until ``times[k]``, which must increase."""
        ends = None if times is None else np.asarray(times, dtype=np.float64) / self.dt
        self._core.extend(float_array("hippo.Memory", "u", u), ends)

    @property
    def coefficients(self) -> FloatArray:
        """``(channels, n)``. Reading changes nothing."""
        found: FloatArray = self._core.coefficients()
        return found

    def reconstruct(self, times: npt.ArrayLike) -> FloatArray:
        """The remembered signal at ``times``, ``(len(times), channels)``."""
        signal: FloatArray = self._core.reconstruct(np.asarray(times, dtype=np.float64) / self.dt)
        return signal

    def merge(self, other: Memory) -> None:
        """Appends what ``other`` remembers, as if its samples had come next. Exact."""
        if not isinstance(other, Memory) or other.dtype != self.dtype:
            kind = other.dtype.name if isinstance(other, Memory) else type(other).__name__
            raise TypeError(f"hippo.Memory: merge needs a memory of {self.dtype.name}, got {kind}")
        if other.dt != self.dt:
            raise ValueError(f"hippo.Memory: merge needs a memory with dt {self.dt}, got {other.dt}")
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
        memory = cls(
            state["measure"],
            state["n"],
            channels=state["channels"],
            theta=state.get("theta"),
            dt=state["dt"],
            method=state.get("method", "exact"),
            dtype=state["dtype"],
        )
        memory._core.state = np.asarray(state["state"], dtype=np.float64)
        return memory

    def __reduce__(self) -> tuple[Any, ...]:
        return (Memory.from_state_dict, (self.state_dict(),))


def project(
    u: FloatArray,
    n: int,
    *,
    measure: str = "legs",
    times: npt.ArrayLike | None = None,
    method: str = "exact",
    every: int | None = None,
) -> FloatArray:
    """The coefficients ``(H, n)`` of a whole signal ``(L, H)``; see :class:`Memory`.

    With ``every`` those after each ``every`` samples instead, ``(L // every, H, n)``.

    >>> project(np.ones((10, 1)), 3).round(12) + 0.0
    array([[1., 0., 0.]])
    >>> project(np.ones((10, 2)), 3, every=5).shape
    (2, 2, 3)
    """
    where = "hippo.project"
    u = float_array(where, "u", u)
    if u.ndim != 2:
        raise ValueError(f"{where}: u must have shape (L, H), has {u.shape}")
    memory = Memory(measure, n, channels=u.shape[1], method=method, dtype=u.dtype)
    if every is None:
        memory.extend(u, times)
        return memory.coefficients
    if every < 1:
        raise ValueError(f"{where}: every must be at least 1, is {every}")
    ends = None if times is None else np.asarray(times, dtype=np.float64)
    if ends is not None and ends.shape != u.shape[:1]:
        raise ValueError(f"{where}: times must have shape {u.shape[:1]}, has {ends.shape}")
    along = np.empty((len(u) // every, u.shape[1], n), u.dtype)
    for i in range(len(along)):
        part = slice(i * every, (i + 1) * every)
        memory.extend(u[part], None if ends is None else ends[part])
        along[i] = memory.coefficients
    return along
