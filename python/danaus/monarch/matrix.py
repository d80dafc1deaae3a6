"""The Monarch matrix: two block-diagonal factors and the permutation between them."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import thread_count
from . import _solve
from ._checks import checked, checked_size, checked_slots, permutation
from ._factors import Array, Coded, Factor, coded, compiled, real_factor
from .operator import Operator


@dataclass(frozen=True, eq=False, repr=False)
class Monarch(Operator):
    """``M = P L P R``: block-diagonal ``right``, block-diagonal ``left``, and the permutation between them.

    Parameters
    ----------
    right : (K, Q, P), the factor that reads the K blocks of P inputs
    left : (J, S, R), the factor that writes; K Q = J R
    order : which input is read in which place, ``x[..., order]``; by default none is moved
    size : (outputs, inputs) that exist, the first of each: others are zeros and left out, as in layers whose sizes no
        blocks divide; by default all
    storage : how weights stand in memory, ``"bfloat16"``, ``"float16"``, ``"int8"`` or ``"int4"``: see :meth:`astype`
        and :meth:`quantize`
    group : inputs that share a scale
    slots : (R, J), which middle value ``k Q + q`` the factor on the left reads in each place, -1 for none; by default
        all in their order. Then K Q and J R may differ: blocks of variable rank

    The shape is ``(S J, K P)``, and ``M[s J + j, k P + p] = sum left[j, s, r] right[k, q, p]`` over the middle values
    ``k Q + q = r J + j``: where J divides Q each block ``(j, k)`` has rank Q / J, else that or one more. Elements are
    float32, float64, complex64 or complex128; both factors have one type, and what they act on has it too.

    ``m(x)`` acts on the last axis, ``m @ x`` is NumPy's product, ``m.T`` the transpose. A row of a batch gives the
    same bits whatever stands beside it. Error of an output: at most (P + 1 + R + 1) eps times the sum of the sizes of
    its terms. Weights are packed at the first product. Raises ``ValueError`` and ``TypeError`` for shapes and types.

    >>> m = Monarch(np.ones((2, 2, 3)), np.ones((2, 4, 2)))
    >>> m.shape, m.nbytes
    ((8, 6), 224)
    >>> m @ np.arange(6.0)
    array([15., 15., 15., 15., 15., 15., 15., 15.])
    """

    right: Array
    left: Array
    order: Array | None = field(default=None, kw_only=True)
    slots: Array | None = field(default=None, kw_only=True, repr=False)
    size: tuple[int, int] | None = field(default=None, kw_only=True)
    storage: str | None = field(default=None, kw_only=True)
    group: int | None = field(default=None, kw_only=True, repr=False)
    transposed: bool = field(default=False, kw_only=True, repr=False)
    _codes: tuple[Coded, Coded] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        where = "monarch.Monarch"
        right = checked(where, "right", self.right, "(K, Q, P)")
        left = checked(where, "left", self.left, "(J, S, R)")
        if right.dtype != left.dtype:
            raise TypeError(f"{where}: left must be {right.dtype.name} as right is, is {left.dtype.name}")
        middle = right.shape[0] * right.shape[1]
        if self.slots is not None:
            object.__setattr__(self, "slots", checked_slots(where, self.slots, left, middle))
        elif middle != left.shape[0] * left.shape[2]:
            raise ValueError(
                f"{where}: left must read the K Q = {middle} values that right {right.shape} gives: J R = {middle}, "
                f"has shape {left.shape}"
            )
        if right.dtype.kind == "c" and (right.shape[1] % left.shape[0] or self.slots is not None):
            raise ValueError(
                f"{where}: right must have Q a multiple of J = {left.shape[0]} where factors are complex, has "
                f"{right.shape}"
            )
        if self.storage is not None:
            right, left = self._stored(where, right, left)
        object.__setattr__(self, "right", right)
        object.__setattr__(self, "left", left)
        object.__setattr__(self, "size", checked_size(where, self.size, right, left))
        object.__setattr__(self, "order", permutation(where, self.order, right.shape[0] * right.shape[2]))

    def _stored(self, where: str, right: Array, left: Array) -> tuple[Array, Array]:
        """The factors in their storage, and what they then are."""
        if self.storage not in ("bfloat16", "float16", "int8", "int4"):
            raise ValueError(f"{where}: storage must be bfloat16, float16, int8 or int4, is {self.storage!r}")
        if right.dtype != np.float32:
            raise TypeError(f"{where}: weights must be float32 to be stored as {self.storage}, are {right.dtype.name}")
        if self.group is not None and (index(self.group) < 2 or index(self.group) % 2):
            raise ValueError(f"{where}: group must be even and at least 2, is {self.group}")
        both = (coded(right, self.storage, self.group), coded(left, self.storage, self.group))
        object.__setattr__(self, "_codes", both)
        decoded = (both[0].decoded(), both[1].decoded())
        for array in decoded:
            array.flags.writeable = False
        return decoded

    def astype(self, storage: str) -> Monarch:
        """The same matrix with weights rounded to ``"bfloat16"`` or ``"float16"``; it acts on float32 in float32.

        A weight w changes by at most 2^-8 |w| in bfloat16, by 2^-11 |w| or 2^-25 in float16.

        >>> m = Monarch(np.ones((2, 2, 2), "f"), np.ones((2, 2, 2), "f"))
        >>> m.astype("bfloat16").nbytes
        32
        """
        if storage not in ("bfloat16", "float16"):
            raise ValueError(f"monarch.astype: storage must be bfloat16 or float16, is {storage!r}")
        return dataclasses.replace(self, storage=storage, group=None)

    def quantize(self, storage: str = "int8", *, group: int | None = None) -> Monarch:
        """The same matrix with weights of 8 or 4 bits, one scale for each output and ``group`` inputs (all by default).

        A weight changes by at most half a scale, max |w| / 127 or max |w| / 7 of its group. One or two vectors are
        multiplied in integers: inputs are rounded to 15 bits of the largest in their group (less for groups above 256),
        sums are exact, and floats again after each group. Larger batches share weights made floats. The transpose
        runs in float32.

        >>> m = Monarch(np.ones((2, 2, 2), "f"), np.ones((2, 2, 2), "f")).quantize("int8")
        >>> np.round(m @ np.array([1, 2, 3, 4], "f"), 3)
        array([10., 10., 10., 10.], dtype=float32)
        """
        if storage not in ("int8", "int4"):
            raise ValueError(f"monarch.quantize: storage must be int8 or int4, is {storage!r}")
        return dataclasses.replace(self, storage=storage, group=group)

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """``(outputs, inputs)``."""
        (j, s, _), (k, _, p) = self.left.shape, self.right.shape
        outputs, inputs = self.size or (s * j, k * p)
        return (inputs, outputs) if self.transposed else (outputs, inputs)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """The element type of the factors and of what they act on."""
        return self.right.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the weights, scales included."""
        if self.storage is not None:
            return sum(code.nbytes for code in self._codes)
        return self.right.nbytes + self.left.nbytes

    @property
    def T(self) -> Monarch:
        """The transpose, not conjugated; it shares the weights."""
        return self._turned

    @cached_property
    def _turned(self) -> Monarch:
        turned = copy.copy(self)
        object.__setattr__(turned, "transposed", not self.transposed)
        turned.__dict__["_turned"] = self
        return turned

    def __repr__(self) -> str:
        (k, q, p), (j, s, r) = self.right.shape, self.left.shape
        stored = "" if self.storage is None else f", {self.storage}"
        return f"<Monarch {self.shape} of right {(k, q, p)} and left {(j, s, r)}, {self.dtype.name}{stored}>"

    def solve(self, y: npt.ArrayLike) -> Array:
        """``x`` of ``m(x) = y``, on the last axis, in double precision: O(n sqrt n) a right-hand side after O(n^2).

        Blocks must be square, P = Q and S = R, and have an inverse; else ``ValueError``. Relative error: eps times the
        product of the largest condition numbers of the blocks of each factor.
        """
        return _solve.solve(self, self._conditions, y)

    def inverse(self) -> Monarch:
        """The inverse, a Monarch matrix too: ``R^-1 P^T L^-1``. For single right-hand sides :meth:`solve` is better."""
        right, left = _solve.inverses(self, self._conditions)
        found = Monarch(right, left, order=self.order)
        return found if self.transposed else found.T

    def slogdet(self) -> tuple[Any, float]:
        """Sign (complex: phase) and logarithm of the determinant's size, ``(0, -inf)`` where it is zero."""
        return _solve.slogdet(self)

    @cached_property
    def _conditions(self) -> tuple[Array, Array]:
        """The condition numbers of the blocks of either factor."""
        return _solve.conditions(self.right), _solve.conditions(self.left)

    def factors(self) -> list[Factor]:
        """The block-diagonal factors as they act, without ``order``; for complex ones in real parts."""
        if self.storage is not None:
            right, left = (Factor("inside", self.right, self._codes[0]), Factor("across", self.left, self._codes[1]))
        else:
            right, left = Factor("inside", self.right), Factor("across", self.left)
        if self.dtype.kind == "c":
            if self.transposed:  # the transpose of real parts is the adjoint of what they stand for
                right, left = Factor("inside", self.right.conj()), Factor("across", self.left.conj())
            j = self.left.shape[0]
            right, left = Factor("inside", real_factor(right, j)), Factor("across", real_factor(left, j))
        return [left.transposed, right.transposed] if self.transposed else [right, left]

    @cached_property
    def _plain(self) -> bool:
        return self.order is None and self.slots is None and self.size is None and self.dtype.kind == "f"

    @cached_property
    def _run(self) -> Any:
        factors = self.factors()
        if self.slots is None:
            return compiled(factors)
        first, second = compiled(factors[:1]), compiled(factors[1:])
        chosen = self.slots.ravel()
        if not self.transposed:

            def run(x: Array, _: None, threads: int) -> Array:
                middle = first(x, None, threads)
                read = np.where(chosen >= 0, middle[..., chosen], middle.dtype.type(0))
                return np.asarray(second(read, None, threads))
        else:

            def run(x: Array, _: None, threads: int) -> Array:
                read = first(x, None, threads)
                middle = np.zeros((*x.shape[:-1], factors[1].inputs), read.dtype)
                middle[..., chosen[chosen >= 0]] = read[..., chosen >= 0]
                return np.asarray(second(middle, None, threads))

        return run

    def __call__(self, x: npt.ArrayLike, *, out: Array | None = None, threads: int = 1) -> Array:
        """``y[..., :] = M x[..., :]``; ``out`` C-contiguous, of the result's shape, or None."""
        values = x if isinstance(x, np.ndarray) else np.asarray(x)
        if threads != 1:
            threads = thread_count("monarch.Monarch", threads)
        if self._plain:
            result: Array = self._run(values, out, threads)
            return result if out is None else out
        if values.ndim == 0 or values.shape[-1] != self.shape[1]:
            raise ValueError(f"monarch: x must have shape (..., {self.shape[1]}), has {values.shape}")
        if self.size is not None:
            (k, _, p), (j, s, _) = self.right.shape, self.left.shape
            whole = np.zeros((*values.shape[:-1], s * j if self.transposed else k * p), values.dtype)
            whole[..., : self.shape[1]] = values
            values = whole
        if self.order is not None and not self.transposed:
            values = values[..., self.order]
        values = self._complex(values, threads) if self.dtype.kind == "c" else self._run(values, None, threads)
        if self.order is not None and self.transposed:
            moved = np.empty_like(values)
            moved[..., self.order] = values
            values = moved
        if self.size is not None:
            values = np.ascontiguousarray(values[..., : self.shape[0]])
        if out is None:
            return values
        if not isinstance(out, np.ndarray) or out.shape != values.shape or out.dtype != values.dtype:
            raise ValueError(f"monarch.Monarch: out must be a {values.dtype.name} array of shape {values.shape}")
        out[...] = values
        return out

    def _complex(self, x: Array, threads: int) -> Array:
        """The product by real parts: inputs part by part, outputs s in the order (s, part, j)."""
        if x.dtype != self.dtype:
            if x.dtype.kind == "f" and x.dtype.itemsize * 2 == self.dtype.itemsize:
                x = x.astype(self.dtype)
            else:
                raise TypeError(f"monarch.Monarch: x must be {self.dtype.name}, is {x.dtype.name}")
        j, lead, real = self.left.shape[0], x.shape[:-1], self.right.real.dtype
        x = np.ascontiguousarray(x)
        if not self.transposed:
            y = self._run(x.view(real), None, threads).reshape(*lead, -1, 2, j)
            result = np.empty((*lead, y.shape[-3], j), self.dtype)
            result.real, result.imag = y[..., 0, :], y[..., 1, :]
            return result.reshape(*lead, -1)
        parts = np.empty((*lead, x.shape[-1] // j, 2, j), real)
        rows = x.reshape(*lead, -1, j)
        parts[..., 0, :], parts[..., 1, :] = rows.real, rows.imag
        return np.asarray(self._run(parts.reshape(*lead, -1), None, threads)).view(self.dtype)

    def todense(self) -> Array:
        """The matrix itself, by the index rule; in float64 for the weights' float32 sums."""
        (k, q, p), (j, s, r) = self.right.shape, self.left.shape
        wide = np.result_type(self.dtype, np.float64)
        blocks = np.zeros((s, j, k, p), wide)
        slots = np.arange(k * q).reshape(r, j) if self.slots is None else self.slots
        for row in range(r):
            group = np.flatnonzero(slots[row] >= 0)
            t = slots[row, group]
            left, right = self.left[group, :, row].astype(wide), self.right[t // q, t % q].astype(wide)
            blocks[:, group, t // q] += left.T[:, :, None] * right[None]
        dense = blocks.reshape(s * j, k * p).astype(self.dtype)
        if self.order is not None:
            moved = np.empty_like(dense)
            moved[:, self.order] = dense
            dense = moved
        if self.size is not None:
            dense = dense[: self.size[0], : self.size[1]]
        return np.ascontiguousarray(dense.T if self.transposed else dense)
