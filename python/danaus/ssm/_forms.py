"""The forms of a system as arguments: checked shapes, closed sets of poles; what a passage gives and refuses."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from .._arrays import ComplexArray, FloatArray, finite

_KEEP = "keep the state-space or modal form"


class Passage(tuple[npt.NDArray[Any], ...]):
    """The parts of a system's new form, in order, and what the passage cost.

    >>> from danaus.ssm.convert import state_space_to_transfer
    >>> b, a, h0 = parts = state_space_to_transfer(np.array([[0.5]]), np.ones(1), np.ones(1))
    >>> bool(parts.error[0] < 1e-15)
    True
    """

    error: FloatArray
    """``(H,)``: four times the largest difference of the two forms' kernels, relative to the kernel's peak."""
    hankel: FloatArray
    """``(H, k)``: Hankel singular values, where they were computed; else empty."""

    @classmethod
    def _of(cls, *parts: npt.NDArray[Any], error: FloatArray, hankel: FloatArray | None = None) -> Passage:
        self = cls(parts)
        self.error = error
        self.hankel = np.zeros((len(error), 0)) if hankel is None else hankel
        return self


def _rows(where: str, name: str, values: object, *, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
    array = finite(where, name, values, dtype)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{where}: {name} must have shape (H, N), has {array.shape}")
    return array


def _alike(where: str, name: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise ValueError(f"{where}: {name} must have shape {shape}, has {values.shape}")


def _transfer(where: str, b: object, a: object, h0: object = 0.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    denominators, numerators = _rows(where, "a", a), _rows(where, "b", b)
    _alike(where, "b", numerators, denominators.shape)
    return numerators, denominators, _per_channel(where, "h0", h0, len(denominators))


def _per_channel(where: str, name: str, values: object, channels: int) -> FloatArray:
    array = finite(where, name, values, np.float64)
    if array.shape not in ((), (channels,)):
        raise ValueError(f"{where}: {name} must have shape ({channels},), has {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array, (channels,)))


def _modes(where: str, p: object, r: object) -> tuple[ComplexArray, ComplexArray]:
    """Poles and residues closed under conjugation to the bit, conjugates side by side."""
    found = _rows(where, "poles", p, dtype=np.complex128)
    gains = _rows(where, "residues", r, dtype=np.complex128)
    _alike(where, "residues", gains, found.shape)
    order = np.array([_closed(where, "poles", h, row) for h, row in enumerate(found)])
    found, gains = np.take_along_axis(found, order, 1), np.take_along_axis(gains, order, 1)
    lower = found.imag < 0
    upper = np.roll(lower, -1, axis=1)
    twin = np.roll(gains, 1, axis=1)
    scale = np.abs(gains).max(1, keepdims=True)
    wrong = (lower & (np.abs(gains - twin.conj()) > 1e-8 * scale)) | (
        ~lower & ~upper & (np.abs(gains.imag) > 1e-8 * scale)
    )
    if wrong.any():
        h, i = (int(v) for v in np.argwhere(wrong)[0])
        raise ValueError(
            f"{where}: residues must be closed under conjugation as the poles are, "
            f"channel {h} has {gains[h, i]} at the pole {found[h, i]}"
        )
    return (
        np.where(lower, np.roll(found, 1, axis=1).conj(), found),
        np.where(lower, twin.conj(), np.where(upper, gains, gains.real)),
    )


def _closed(where: str, name: str, channel: int, row: ComplexArray) -> npt.NDArray[np.intp]:
    """Indices that put every pole with positive imaginary part before its conjugate."""
    order: list[int] = []
    lower = [int(i) for i in np.flatnonzero(row.imag < 0)]
    for i in np.flatnonzero(row.imag >= 0):
        order.append(int(i))
        if row[i].imag == 0:
            continue
        distance = np.abs(row[lower].conj() - row[i])
        if not lower or distance.min() > 1e-10 * abs(row[i]):
            break
        order.append(lower.pop(int(distance.argmin())))
    if len(order) < len(row) or lower:
        raise ValueError(
            f"{where}: {name} must be closed under conjugation (both of each pair), "
            f"those of channel {channel} are not: {row[:8]}"
        )
    return np.array(order, np.intp)


def _system(where: str, a: object, b: object, c: object) -> tuple[FloatArray, FloatArray, FloatArray, bool]:
    """``(H, N, N)``, ``(H, N)``, ``(H, N)``, and whether it came without a channel axis."""
    dense, inputs, outputs = (
        finite(where, name, values, np.float64) for name, values in (("A", a), ("B", b), ("C", c))
    )
    if dense.ndim not in (2, 3) or dense.shape[-1] != dense.shape[-2] or dense.size == 0:
        raise ValueError(f"{where}: A must have shape (N, N) or (H, N, N), has {dense.shape}")
    n = dense.shape[-1]
    channels = dense.shape[0] if dense.ndim == 3 else max(len(v) if v.ndim == 2 else 1 for v in (inputs, outputs))
    for name, values in (("B", inputs), ("C", outputs)):
        if values.shape not in ((n,), (1, n), (channels, n)):
            raise ValueError(f"{where}: {name} must have shape ({n},) or ({channels}, {n}), has {values.shape}")
    single = dense.ndim == 2 and inputs.ndim == outputs.ndim == 1
    return (
        np.ascontiguousarray(np.broadcast_to(dense, (channels, n, n))),
        np.ascontiguousarray(np.broadcast_to(inputs, (channels, n))),
        np.ascontiguousarray(np.broadcast_to(outputs, (channels, n))),
        single,
    )


def _samples(where: str, length: int) -> int:
    if length < 1:
        raise ValueError(f"{where}: length must be at least 1, is {length}")
    return int(length)


def _order(where: str, order: int, largest: int) -> int:
    if not 1 <= order <= largest:
        raise ValueError(f"{where}: order must be between 1 and {largest}, is {order}")
    return int(order)


def _certify(where: str, measured: FloatArray, tolerance: float, advice: str) -> FloatArray:
    """The certified error: four times what was seen, for what other samples may show."""
    error = 4 * measured
    wrong = np.flatnonzero(~(error <= tolerance))
    if len(wrong):
        _refuse(where, wrong, f"keep its kernel to {tolerance:.1e} of the peak", f"would lose {error[wrong[0]]:.1e}",
                advice)  # fmt: skip
    return error


def _refuse(where: str, channels: npt.NDArray[np.intp], must: str, but: str, advice: str) -> NoReturn:
    others = f" (so do {len(channels) - 1} others)" if len(channels) > 1 else ""
    raise ValueError(f"{where}: channel {channels[0]} must {must}, but {but}{others}; {advice}")


def _expect_stable(where: str, bound: FloatArray) -> None:
    wrong = np.flatnonzero(np.isnan(bound))
    if len(wrong):
        _refuse(where, wrong, "be stable to have Gramians", "has a pole on or outside the unit circle",
                "fit its kernel over the length it is used at instead: fit()")  # fmt: skip
