"""Sampling, softmax over scores that arrive in pieces, and attention of one query over a cache."""

from __future__ import annotations

import math
from operator import index

import numpy as np
import numpy.typing as npt

from ._run import Array, axis_of, positive, run, scores
from .exponential import log_sum, softmax
from .sparse import _power, entmax

_BLOCK = 2048  # elements of a block of the kernel that samples


def sample(
    x: npt.ArrayLike,
    rng: np.random.Generator | int | None = None,
    *,
    axis: int = -1,
    temperature: float = 1.0,
    threads: int = 1,
) -> npt.NDArray[np.int64]:
    """One index a row, with probability ``softmax(x / T)``: exact, in one read, without writing probabilities.

    ``rng``: a generator, of which one number is taken, or a seed. The same seed gives the same indices, whatever the
    layout and the number of threads.

    >>> sample(np.array([[0.0, -np.inf], [-np.inf, 0.0]]), 7)
    array([0, 1])
    """
    where = "simplex.sample"
    values = scores(where, "x", x)
    at = axis_of(where, "x", values, axis)
    if values.shape[at] == 0:
        raise ValueError(f"{where}: x must have elements along axis {axis}")
    if rng is None or isinstance(rng, np.random.Generator):
        key = int((rng or np.random.default_rng()).integers(0, 2**64, dtype=np.uint64))
    else:
        key = index(rng) % 2**64
    if values.itemsize == 2:
        values = values.astype(np.float32)  # whose numbers count to 2^24
    # rows in their own order, so that they are numbered alike in any layout
    rows = np.moveaxis(values, at, -1)
    found = np.moveaxis(
        run(where, "sample", rows, rows.ndim - 1, columns=2, scale=1 / positive(where, "temperature", temperature),
            key=key, threads=threads),
        -1, 0,
    ).astype(np.int64)  # fmt: skip
    if found.size and found[0].min() < 0:
        bad = tuple(int(i) for i in np.argwhere(found[0] < 0)[0])
        raise ValueError(f"{where}: every row must have a finite score and no NaN, row {bad} has not")
    result: npt.NDArray[np.int64] = np.asarray(found[0] * _BLOCK + found[1])[()]
    return result


class OnlineSoftmax:
    """Means of values weighted by softmax, whose scores arrive in pieces, in any order, on any machines.

    The state of each row is the logarithm of the sum of e^score, and the mean so far; states merge. In double
    precision.

    >>> state = OnlineSoftmax()
    >>> state.update(np.array([0.0, 1.0]), np.array([[1.0], [2.0]]))
    >>> state.update(np.array([2.0]), np.array([[3.0]]))
    >>> state.value.round(6), state.count
    (array([2.57521]), 3)
    """

    def __init__(self, *, temperature: float = 1.0) -> None:
        self.temperature = positive("simplex.OnlineSoftmax", "temperature", temperature)
        #: how many scores a row has had
        self.count = 0
        self._log: Array | None = None
        self._value: Array | None = None

    def update(self, x: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Take in scores ``(..., n)`` with values ``(..., n, d)``.

        >>> OnlineSoftmax().update(np.zeros(2), np.zeros((2, 3)))
        """
        where = "simplex.OnlineSoftmax.update"
        given, held = scores(where, "x", x), scores(where, "values", values)
        if given.ndim == 0 or held.ndim < 2 or held.shape[-2] != given.shape[-1]:
            raise ValueError(
                f"{where}: values must have shape (..., n, d) with x (..., n), have {held.shape}, {given.shape}"
            )
        try:
            lead = np.broadcast_shapes(given.shape[:-1], held.shape[:-2])
        except ValueError:
            raise ValueError(
                f"{where}: values and x must have the same rows, have {held.shape}, {given.shape}"
            ) from None
        if lead != given.shape[:-1]:
            raise ValueError(f"{where}: values must not have more rows than x, have {held.shape}, {given.shape}")
        wide = given.astype(np.float64)
        p = softmax(wide, temperature=self.temperature)
        largest, rest = log_sum(where, wide, -1, self.temperature)
        self._join(largest + rest, (p[..., None, :] @ held.astype(np.float64))[..., 0, :], given.shape[-1], where)

    def _join(self, log: Array, value: Array, count: int, where: str) -> None:
        if self._log is None or self._value is None:
            self._log, self._value = log, value
        else:
            if log.shape != self._log.shape or value.shape != self._value.shape:
                raise ValueError(f"{where}: rows must have shape {self._value.shape}, have {value.shape}")
            share = softmax(np.stack([self._log, log], -1))
            first, second = share[..., :1], share[..., 1:]
            self._value = np.where(first > 0, first * self._value, 0.0) + np.where(second > 0, second * value, 0.0)
            self._log = np.logaddexp(self._log, log)
        self.count += count

    def merge(self, other: OnlineSoftmax) -> None:
        """Take in what ``other`` has seen.

        >>> a, b = OnlineSoftmax(), OnlineSoftmax()
        >>> b.update(np.zeros(1), np.ones((1, 1)))
        >>> a.merge(b)
        >>> a.value
        array([1.])
        """
        where = "simplex.OnlineSoftmax.merge"
        if not isinstance(other, OnlineSoftmax):
            raise TypeError(f"{where}: other must be an OnlineSoftmax, is {type(other).__name__}")
        if other.temperature != self.temperature:
            raise ValueError(f"{where}: other must have temperature {self.temperature}, has {other.temperature}")
        if other._log is not None and other._value is not None:
            self._join(other._log, other._value, other.count, where)

    @property
    def value(self) -> Array:
        """``sum_i softmax(x)_i values_i`` over all that was seen, ``(..., d)``; 0 where no score was finite."""
        if self._value is None:
            raise ValueError("simplex.OnlineSoftmax.value: nothing was seen yet")
        return np.array(self._value)

    @property
    def logsumexp(self) -> Array:
        """``log sum_i e^(x_i / T)`` over all that was seen; -inf of nothing."""
        return np.asarray(-math.inf if self._log is None else self._log.copy())[()]


def attention_row(
    query: npt.ArrayLike,
    keys: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    scale: float | None = None,
    alpha: float = 1.0,
    sink: npt.ArrayLike | None = None,
    threads: int = 1,
) -> Array:
    """One query against a cache: ``entmax(scale keys query, alpha) values``, softmax for ``alpha`` = 1.

    ``query`` ``(..., d)``, ``keys`` ``(..., n, d)``, ``values`` ``(..., n, e)``; ``scale`` by default 1 / sqrt(d). With
    sparse weights (alpha > 1, one query) only the values that have one are read.

    >>> attention_row(np.zeros(2), np.ones((2, 2)), np.array([[1.0], [3.0]]))
    array([2.])
    """
    where = "simplex.attention_row"
    q, k, v = scores(where, "query", query), scores(where, "keys", keys), scores(where, "values", values)
    if q.dtype != k.dtype or q.dtype != v.dtype or q.dtype.name not in ("float32", "float64"):
        raise TypeError(f"{where}: query, keys, values must all be float32 or all float64")
    if q.ndim == 0 or k.ndim < 2 or v.ndim < 2 or k.shape[-1] != q.shape[-1] or v.shape[-2] != k.shape[-2]:
        raise ValueError(
            f"{where}: shapes must be query (..., d), keys (..., n, d), values (..., n, e), "
            f"are {q.shape}, {k.shape}, {v.shape}"
        )
    factor = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else float(scale)
    rows = np.ascontiguousarray((k @ (q * q.dtype.type(factor))[..., None])[..., 0])
    power = _power(where, alpha)
    if power == 1:
        p = softmax(rows, sink=sink, threads=threads)
    elif sink is not None:
        raise ValueError(f"{where}: sink needs alpha = 1")
    else:
        p = entmax(rows, power, threads=threads)
        if p.ndim == 1 and v.ndim == 2:
            kept = np.flatnonzero(p)
            return np.asarray(p[kept] @ v[kept])
    return np.asarray((p[..., None, :] @ v)[..., 0, :])
