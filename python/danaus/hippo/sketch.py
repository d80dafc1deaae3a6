"""Mergeable summaries of intervals: any window of a signal from the sketches of its pieces."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import FloatArray, float_array, thread_count

Float64Array = npt.NDArray[np.float64]

MOST_GROWTH = 1e6  # of rounding errors, in a difference of nested sketches


def evaluate(coefficients: Float64Array, span: float, times: Float64Array) -> Float64Array:
    """sum_m coefficients[c, m] r_m P_m(2 t / span - 1) at ``times``: ``(len(times), channels)``."""
    found: Float64Array = _core.legs_evaluate(np.ascontiguousarray(coefficients), float(span), times)
    return found


@lru_cache(maxsize=32)
def nodes(n: int) -> tuple[Float64Array, Float64Array]:
    """Gauss-Legendre on [0, 1], n points: exact for polynomials of degree below 2n."""
    node, weight = _core.gauss_nodes(n)
    mirrored = n // 2
    x = np.concatenate([-node[:mirrored], node[::-1]])
    w = np.concatenate([weight[:mirrored], weight[::-1]])
    return 0.5 * (1 + x), 0.5 * w


@dataclass(frozen=True, eq=False)
class Sketch:
    """The best polynomial of degree below n for a signal over ``[start, stop)``, immutable.

    ``coefficients[c, m]`` is the mean over the interval of u(s) sqrt(2m+1) P_m(2 (s - start) / (stop - start) - 1).
    Sketches of the pieces of a signal know every inner product with a polynomial of degree below n, therefore sums of
    adjacent ones are exact, and associative up to rounding.

    Parameters
    ----------
    start, stop : the interval, ``start < stop``
    coefficients : ``(channels, n)``; kept in float64, read only

    >>> early, late = sketches(np.arange(8.0)[:, None], 2, every=4)
    >>> (early + late).coefficients.round(6)
    array([[3.5     , 2.273317]])
    """

    start: float
    stop: float
    coefficients: Float64Array

    def __post_init__(self) -> None:
        where = "hippo.Sketch"
        start, stop = float(self.start), float(self.stop)
        if not (np.isfinite([start, stop]).all() and start < stop):
            raise ValueError(f"{where}: start must be below stop, and both finite, are {self.start} and {self.stop}")
        x = np.array(self.coefficients, dtype=np.float64)
        if x.ndim != 2 or x.size == 0:
            raise ValueError(f"{where}: coefficients must have shape (channels, n), have {x.shape}")
        x.flags.writeable = False
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "stop", stop)
        object.__setattr__(self, "coefficients", x)

    @property
    def n(self) -> int:
        return int(self.coefficients.shape[1])

    @property
    def channels(self) -> int:
        return int(self.coefficients.shape[0])

    def __add__(self, other: Sketch) -> Sketch:
        """The sketch of both intervals, where one begins at the end of the other. Exact."""
        if not isinstance(other, Sketch):
            return NotImplemented
        first, second = (self, other) if self.start <= other.start else (other, self)
        if first.stop != second.start:
            raise ValueError(
                f"hippo.Sketch: + needs intervals that touch, got [{first.start}, {first.stop}) and "
                f"[{second.start}, {second.stop}); combine() takes gaps and overlaps"
            )
        return combine((first, second))

    def __sub__(self, part: Sketch) -> Sketch:
        """The sketch of what is left where ``part`` begins or ends with this interval.

        So the oldest samples of a window can be forgotten. Exact but for rounding, which grows as the rest gets
        shorter: refused where it would be multiplied by more than 1e6. Differences of differences multiply again.
        """
        if not isinstance(part, Sketch):
            return NotImplemented
        where = "hippo.Sketch"
        self._expect_kind(part)
        if part.start == self.start and part.stop < self.stop:
            start, stop = part.stop, self.stop
        elif part.stop == self.stop and part.start > self.start:
            start, stop = self.start, part.start
        else:
            raise ValueError(
                f"{where}: - needs a part that begins or ends where [{self.start}, {self.stop}) does and leaves some, "
                f"got [{part.start}, {part.stop})"
            )
        # The polynomials of the rest, continued over the whole, grow as cosh(n arccosh(x)) at its far end.
        beyond = 2 * (self.stop - self.start) / (stop - start) - 1
        growth = np.cosh(min(700.0, (self.n - 1) * float(np.arccosh(beyond))))
        if growth > MOST_GROWTH:
            raise ValueError(
                f"{where}: the rest [{start}, {stop}) must be most of [{self.start}, {self.stop}): with n = {self.n} "
                f"the difference would multiply rounding errors by {growth:.0e}, more than {MOST_GROWTH:.0e}"
            )
        whole = _moments(self, self.start, self.stop, start, stop)
        return Sketch(start, stop, whole - _moments(part, part.start, part.stop, start, stop))

    def window(self, start: float, stop: float) -> Sketch:
        """The same polynomial over a part of the interval.

        Exact for the polynomial, which is all that is known of the signal inside the interval.
        """
        if not self.start <= start < stop <= self.stop:
            raise ValueError(
                f"hippo.Sketch: a window must lie in [{self.start}, {self.stop}) and not be empty, is [{start}, {stop})"
            )
        return Sketch(start, stop, _moments(self, start, stop, start, stop))

    def reconstruct(self, times: npt.ArrayLike) -> Float64Array:
        """The polynomial at ``times``, ``(len(times), channels)``."""
        at = np.asarray(times, dtype=np.float64)
        return evaluate(self.coefficients, self.stop - self.start, at - self.start)

    def _expect_kind(self, other: Sketch) -> None:
        if self.coefficients.shape != other.coefficients.shape:
            raise ValueError(
                f"hippo.Sketch: coefficients must have the same shape, have {self.coefficients.shape} and "
                f"{other.coefficients.shape}"
            )


def _moments(sketch: Sketch, low: float, high: float, start: float, stop: float) -> Float64Array:
    """What [low, high) of the sketch adds to the coefficients of [start, stop), by n Gauss nodes: exact."""
    node, weight = nodes(sketch.n)
    inside = (high - low) * node
    values = evaluate(sketch.coefficients, sketch.stop - sketch.start, inside + (low - sketch.start))
    values *= (weight * ((high - low) / (stop - start)))[:, None]
    found: Float64Array = _core.legs_moments(sketch.n, stop - start, inside + (low - start), values).T
    return found


def combine(parts: Iterable[Sketch], start: float | None = None, stop: float | None = None) -> Sketch:
    """The sketch of ``[start, stop)``, by default of all, from sketches in any order: O(n^2) each that it meets.

    Exact where the window begins and ends between sketches; a sketch that it cuts is replaced by its polynomial. Where
    sketches overlap, the one that begins first counts up to its end; where none is, the signal counts as 0.

    >>> pieces = sketches(np.arange(100.0)[:, None], 4, every=10)
    >>> float(combine(pieces, 20, 60).coefficients[0, 0].round(12))
    39.5
    """
    where = "hippo.combine"
    found = sorted(parts, key=lambda sketch: (sketch.start, -sketch.stop))
    if not found:
        raise ValueError(f"{where}: at least one sketch must be given, got none")
    begin = found[0].start if start is None else float(start)
    end = max(sketch.stop for sketch in found) if stop is None else float(stop)
    if not begin < end or not np.isfinite([begin, end]).all():
        raise ValueError(f"{where}: start must be below stop, and both finite, are {begin} and {end}")
    total, reached = np.zeros_like(found[0].coefficients), begin
    for sketch in found:
        found[0]._expect_kind(sketch)
        low, high = max(sketch.start, reached), min(sketch.stop, end)
        if low < high:
            total = total + _moments(sketch, low, high, begin, end)
            reached = high
    return Sketch(begin, end, total)


def sketches(
    u: FloatArray,
    n: int,
    *,
    every: int,
    times: npt.ArrayLike | None = None,
    start: float = 0.0,
    threads: int = 1,
) -> list[Sketch]:
    """Exact sketches of each ``every`` samples of ``u`` ``(L, H)``, the last of what is left.

    Sample k holds until ``times[k]``, from ``start`` on; without ``times`` for one unit. With ``threads`` pieces are
    summarised side by side.

    >>> [(s.start, s.stop) for s in sketches(np.ones((5, 1)), 3, every=2)]
    [(0.0, 2.0), (2.0, 4.0), (4.0, 5.0)]
    """
    where = "hippo.sketches"
    u = float_array(where, "u", u)
    if u.ndim != 2 or u.shape[1] == 0:
        raise ValueError(f"{where}: u must have shape (L, H), has {u.shape}")
    if every < 1:
        raise ValueError(f"{where}: every must be at least 1, is {every}")
    ends = start + np.arange(1.0, len(u) + 1) if times is None else np.asarray(times, dtype=np.float64)
    if ends.shape != u.shape[:1]:
        raise ValueError(f"{where}: times must have shape {u.shape[:1]}, has {ends.shape}")
    if not (np.diff(ends, prepend=start) > 0).all() or not np.isfinite(ends).all():
        raise ValueError(f"{where}: times must be finite and increase from beyond {start}")
    edges = np.concatenate([[float(start)], ends])
    pieces = -(-len(u) // every)
    workers = max(1, min(thread_count(where, threads), pieces))
    shares = [range(i * pieces // workers, (i + 1) * pieces // workers) for i in range(workers)]

    def some(share: range) -> list[Sketch]:
        return _share(u, n, every, edges, share, times is None)

    if workers == 1:
        return some(shares[0])
    with ThreadPoolExecutor(workers) as pool:
        return [sketch for part in pool.map(some, shares) for sketch in part]


def _share(u: FloatArray, n: int, every: int, edges: Float64Array, share: range, unit: bool) -> list[Sketch]:
    """The sketches of pieces ``share``: whole ones in one call, the last of the signal by itself."""
    core = _core.LegsMemory64(n, u.shape[1])
    whole = min(share.stop, len(u) // every)
    found = []
    if share.start < whole:
        rows = slice(share.start * every, whole * every)
        ends = None if unit else edges[rows.start + 1 : rows.stop + 1] - edges[rows.start]
        x = core.trajectory(u[rows].astype(np.float64, copy=False), ends, every, True)
        at = edges[rows.start : rows.stop + 1 : every]
        found = [Sketch(a, b, c) for a, b, c in zip(at[:-1], at[1:], x, strict=True)]
    if share.stop > whole and share.stop > share.start:
        rows = slice(whole * every, len(u))
        core.reset()
        core.extend(
            u[rows].astype(np.float64, copy=False), None if unit else edges[rows.start + 1 :] - edges[rows.start]
        )
        found.append(Sketch(edges[rows.start], edges[-1], core.coefficients()))
    return found
