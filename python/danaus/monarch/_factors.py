"""Block-diagonal factors in the order in which they act, and the compiled kernels that run them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _core

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Coded:
    """Weights in fewer bits.

    Patterns of 16 (bfloat16, float16), or integers (blocks, outs, ins) and their scales (blocks, outs, groups),
    ``group`` inputs each.
    """

    storage: str
    codes: Array
    scales: Array | None = None
    group: int = 0

    @property
    def nbytes(self) -> int:
        if self.scales is None:
            return self.codes.nbytes
        bits = int(self.storage[3:])
        return (self.codes.size * bits + 7) // 8 + self.scales.nbytes

    def decoded(self) -> Array:
        """The weights that the codes stand for."""
        if self.storage == "float16":
            return np.asarray(self.codes.view(np.float16).astype(np.float32))
        if self.storage == "bfloat16":
            return np.asarray((self.codes.astype(np.uint32) << 16).view(np.float32))
        assert self.scales is not None
        return np.asarray(self.codes * np.repeat(self.scales, self.group, axis=2)[:, :, : self.codes.shape[2]])


def coded(weights: Array, storage: str, group: int | None) -> Coded:
    """float32 weights to the nearest that the storage has."""
    if storage == "float16":
        with np.errstate(over="ignore"):
            halves = weights.astype(np.float16)
        if not np.isfinite(halves).all():
            raise ValueError("monarch.astype: weights must be below 65520 for float16, are larger")
        return Coded(storage, halves.view(np.uint16))
    if storage == "bfloat16":
        bits = np.ascontiguousarray(weights).view(np.uint32)
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        patterns = np.where((rounded & 0x7F80) == 0x7F80, bits >> 16, rounded).astype(np.uint16)  # never to infinity
        return Coded(storage, patterns)
    blocks, outs, ins = weights.shape
    size = ins if group is None else min(group, ins)
    groups = -(-ins // size)
    padded = np.zeros((blocks, outs, groups * size), np.float32)
    padded[:, :, :ins] = weights
    parts = padded.reshape(blocks, outs, groups, size)
    most = np.float32(127 if storage == "int8" else 7)
    scales = np.abs(parts).max(-1) / most
    codes = np.clip(np.rint(parts / np.where(scales > 0, scales, 1)[..., None]), -most, most)
    whole = np.ascontiguousarray(codes.reshape(padded.shape)[:, :, :ins].astype(np.int8))
    return Coded(storage, whole, scales.astype(np.float32), size)


@dataclass(frozen=True)
class Factor:
    """``out[b, o] = sum_i weights[b, o, i] in[b, i]``.

    ``b`` is the slow index of inputs and outputs where ``order`` is inside, else the fast one.
    """

    order: Literal["inside", "across"]
    weights: Array
    coded: Coded | None = None

    @property
    def inputs(self) -> int:
        return int(self.weights.shape[0] * self.weights.shape[2])

    @property
    def outputs(self) -> int:
        return int(self.weights.shape[0] * self.weights.shape[1])

    @property
    def transposed(self) -> Factor:
        coded = self.coded
        if coded is not None:  # a scale of several inputs is one of several outputs: integers become floats
            halves = coded.storage in ("bfloat16", "float16")
            coded = Coded(coded.storage, np.ascontiguousarray(coded.codes.swapaxes(1, 2))) if halves else None
        return Factor(self.order, self.weights.swapaxes(1, 2), coded)

    def follows(self, first: Factor) -> bool:
        """Whether the two are one factor of no more weights."""
        same = self.order == first.order and self.weights.shape[0] == first.weights.shape[0]
        same = same and self.coded is None and first.coded is None
        return same and self.outputs * first.weights.shape[2] <= self.weights.size + first.weights.size

    def after(self, first: Factor) -> Factor:
        return Factor(self.order, self.weights @ first.weights)

    def dense(self) -> Array:
        """The factor as a matrix."""
        blocks, outs, ins = self.weights.shape
        whole = np.zeros((blocks, outs, blocks, ins), self.weights.dtype)
        whole[np.arange(blocks), :, np.arange(blocks)] = self.weights
        if self.order == "across":
            whole = whole.transpose(1, 0, 3, 2)
        return whole.reshape(blocks * outs, blocks * ins)


def merged(factors: list[Factor]) -> list[Factor]:
    """The same product, neighbours of one kind multiplied out where that saves weights."""
    short: list[Factor] = []
    for factor in factors:
        if short and factor.follows(short[-1]):
            factor = factor.after(short.pop())
        short.append(factor)
    return short


def real_factor(factor: Factor, inner: int) -> Array:
    """Complex weights as real ones that act on real and imaginary parts.

    Inside: part c of input i is input 2 i + c, and that of output (rho, j), j < inner, is (rho, c, j). Across: part c
    of input i is input 2 i + c, and outputs likewise.
    """
    w = factor.weights
    blocks, outs, ins = w.shape
    parts = np.empty((blocks, 2, outs, 2, ins), w.real.dtype)
    parts[:, 0, :, 0] = parts[:, 1, :, 1] = w.real
    parts[:, 1, :, 0] = w.imag
    parts[:, 0, :, 1] = -w.imag
    if factor.order == "inside":  # inputs (p, c), outputs (rho, c, j)
        parts = parts.reshape(blocks, 2, outs // inner, inner, 2, ins).transpose(0, 2, 1, 3, 5, 4)
    else:  # inputs (r, c), outputs (s, c)
        parts = parts.transpose(0, 2, 1, 4, 3)
    return np.asarray(parts.reshape(blocks, 2 * outs, 2 * ins))


def compiled(factors: list[Factor]) -> Any:
    """Real factors, packed for the kernels."""
    stages: Any = _core.MonarchStages32() if factors[0].weights.dtype == np.float32 else _core.MonarchStages64()
    for factor in factors:
        coded = factor.coded
        if coded is None:
            stages.add(factor.order, np.ascontiguousarray(factor.weights))
        elif coded.storage in ("bfloat16", "float16"):
            stages.add_halves(factor.order, coded.codes, coded.storage)
        else:
            stages.add_integers(factor.order, coded.codes, coded.scales, coded.group, int(coded.storage[3:]))
    return stages
