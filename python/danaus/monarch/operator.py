"""Matrices that are known by what they do to vectors, and the products of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import thread_count
from ._factors import Array, Factor, compiled, merged

MADE_ON_DEMAND = ("_run", "_plain", "_turned", "_factors", "_conditions")


class Operator:
    """What products and chains of products share: a matrix that is known by what it does to vectors."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def __call__(self, x: npt.ArrayLike, *, out: Array | None = None, threads: int = 1) -> Array:
        raise NotImplementedError

    def __array__(self, *_: object, **__: object) -> Array:
        raise TypeError(f"monarch.{type(self).__name__}: is no array; .todense() makes one")

    def __getstate__(self) -> dict[str, Any]:
        """What is saved: all but what is made at the first product."""
        return {name: value for name, value in self.__dict__.items() if name not in MADE_ON_DEMAND}

    def __matmul__(self, x: Any) -> Any:
        if isinstance(x, Operator):
            return self._times(x)
        values = np.asarray(x)
        if values.ndim == 0:
            raise ValueError(f"monarch.{type(self).__name__}: x must have at least one axis, has none")
        return self(values) if values.ndim == 1 else self(values.swapaxes(-1, -2)).swapaxes(-1, -2)

    __array_ufunc__ = None  # so that array @ operator is refused in words, not tried element by element

    def _times(self, other: Operator) -> Operator:
        """The product with another."""
        return Chain([self, other])

    def todense(self) -> Array:
        """The matrix itself, ``shape`` numbers."""
        rows: Array = self(np.eye(self.shape[1], dtype=self.dtype))
        return np.ascontiguousarray(rows.T)

    def aslinearoperator(self) -> Any:
        """A ``scipy.sparse.linalg.LinearOperator`` that runs this; needs SciPy."""
        try:
            from scipy.sparse.linalg import LinearOperator  # type: ignore[import-untyped]
        except ImportError:
            raise ImportError("monarch.aslinearoperator needs SciPy: pip install scipy") from None
        back: Any = self.T  # type: ignore[attr-defined]
        conj = np.conj if self.dtype.kind == "c" else np.asarray

        def forward(x: Array) -> Array:
            return np.asarray(self @ np.asarray(x, self.dtype))

        def backward(y: Array) -> Array:
            return np.asarray(conj(back @ np.asarray(conj(y), self.dtype)))

        return LinearOperator(self.shape, forward, backward, forward, dtype=self.dtype, rmatmat=backward)


@dataclass(frozen=True, eq=False)
class Chain(Operator):
    """The product ``parts[0] @ parts[1] @ ...`` of Monarch matrices, their transposes and other chains.

    Real parts run as one list of block-diagonal factors, in which neighbours of one kind are multiplied out where
    that saves weights: ``m1 @ m2.T`` and ``m1.T @ m2`` then have three factors. All parts have one element type.

    >>> from danaus.monarch import Monarch
    >>> m = Monarch(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
    >>> (m.T @ m).factor_count
    3
    >>> (m.T @ m) @ np.array([1.0, 0.0, 0.0, 0.0])
    array([4., 4., 4., 4.])
    """

    parts: Sequence[Any]

    def __post_init__(self) -> None:
        where = "monarch.Chain"
        flat: list[Any] = []
        for part in self.parts:
            if not isinstance(part, Operator):
                raise TypeError(f"{where}: parts must be Monarch matrices or chains, holds {type(part).__name__}")
            flat.extend(part.parts if isinstance(part, Chain) else [part])
        if not flat:
            raise ValueError(f"{where}: parts must hold at least one matrix, is empty")
        for first, second in pairwise(flat):
            if first.shape[1] != second.shape[0]:
                raise ValueError(f"{where}: parts must fit, {first.shape} stands before {second.shape}")
            if first.dtype != second.dtype:
                raise TypeError(f"{where}: parts must have one type, have {first.dtype} and {second.dtype}")
        object.__setattr__(self, "parts", tuple(flat))

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """``(outputs, inputs)``."""
        return (self.parts[0].shape[0], self.parts[-1].shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """The element type."""
        found: np.dtype[Any] = self.parts[0].dtype
        return found

    @property
    def T(self) -> Chain:
        """The transpose."""
        return Chain([part.T for part in reversed(self.parts)])

    @property
    def nbytes(self) -> int:
        """Bytes of the weights, as they run."""
        if self._plain:
            return sum(factor.weights.nbytes for factor in self._factors)
        return sum(int(part.nbytes) for part in self.parts)

    @property
    def factor_count(self) -> int:
        """Block-diagonal factors of a product."""
        return len(self._factors) if self._plain else 2 * len(self.parts)

    @property
    def _plain(self) -> bool:
        return self.dtype.kind == "f" and all(part._plain for part in self.parts)

    @cached_property
    def _factors(self) -> list[Factor]:
        return merged([factor for part in reversed(self.parts) for factor in part.factors()])

    @cached_property
    def _run(self) -> Any:
        return compiled(self._factors)

    def __call__(self, x: npt.ArrayLike, *, out: Array | None = None, threads: int = 1) -> Array:
        """``y[..., :] = M x[..., :]``; ``out`` C-contiguous, of the result's shape, or None."""
        values = x if isinstance(x, np.ndarray) else np.asarray(x)
        threads = thread_count("monarch.Chain", threads)
        if self._plain:
            result: Array = self._run(values, out, threads)
            return result if out is None else out
        for part in reversed(self.parts[1:]):
            values = part(values, threads=threads)
        last: Array = self.parts[0](values, out=out, threads=threads)
        return last
