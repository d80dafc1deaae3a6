"""Matrices that are known by what they do to vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._factors import Array

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
        from .chain import Chain  # a chain is made of these

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
