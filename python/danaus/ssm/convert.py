"""Passages between the forms of one linear system, stability, and model reduction.

Forms, channel axis H first: a *transfer function* H(z) = h0 + (b_1 z^-1 + ... + b_N z^-N) / A(z) with
A(z) = 1 + a_1 z^-1 + ... + a_N z^-N, arrays ``b`` ``(H, N)``, ``a`` ``(H, N)``, ``h0`` ``(H,)``; a *state space*
x_{n+1} = A x_n + B u_n, y_n = C x_n + D u_n; *modes* h_n = sum_i r_i p_i^{n-1} (n >= 1), closed under conjugation;
*second-order sections* in SciPy's layout; the *normalised lattice-ladder*. Everything is computed in float64, parts of
it in twice the digits.

Every passage compares the kernels of both forms over ``length`` samples, a transfer function's kernel by its own
recursion in float64 and in twice the digits. Four times the largest difference, relative to the kernel's peak, is the
result's ``error`` ``(H,)``; above ``tolerance`` the passage raises ``ValueError`` and names the channel: clustered
poles (HiPPO, small dt) cannot live in transfer-function coefficients, whatever the algorithm.

>>> b, a, h0 = state_space_to_transfer([[0.9, -0.2], [0.2, 0.9]], [1.0, 0.0], [1.0, 1.0])
>>> bool(is_stable(a)[0]), poles(a).round(6)
(True, array([[0.9+0.2j, 0.9-0.2j]]))
"""

from __future__ import annotations

from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import ComplexArray, FloatArray, finite, thread_count

__all__ = [
    "Passage",
    "balance",
    "cauchy_radius",
    "conditioning",
    "fit",
    "from_poles",
    "from_reflection",
    "is_stable",
    "l1_bound",
    "lattice_to_transfer",
    "minimal",
    "modal_to_transfer",
    "poles",
    "reduce_modal",
    "reduce_transfer",
    "reflection",
    "sections_to_transfer",
    "state_space_to_transfer",
    "transfer_to_lattice",
    "transfer_to_modal",
    "transfer_to_sections",
    "transfer_to_state_space",
    "truncate_balanced",
    "truncation_length",
]

_KEEP = "keep the state-space or modal form"


class Passage(tuple[npt.NDArray[Any], ...]):
    """The parts of a system's new form, in order, and what the passage cost.

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


# ------------------------------------------------------------------------------------- what comes in


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


# ---------------------------------------------------------------------------------- what is refused


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


# -------------------------------------------------------------------------------- poles and stability


def poles(a: npt.ArrayLike, *, threads: int = 1) -> ComplexArray:
    """The poles ``(H, N)`` of 1 / A, in Leja order, closed under conjugation to the bit.

    Aberth's iteration from Bini's starting points, then in twice the digits: the roots of the given coefficients to
    float64 rounding, up to condition numbers of 1e16. Trailing zero coefficients give exact zeros.

    >>> poles([[-0.5, 0.25, 0.0]]).round(6)
    array([[0.25+0.433013j, 0.25-0.433013j, 0.  +0.j      ]])
    """
    where = "ssm.convert.poles"
    return _core.convert_poles(_rows(where, "a", a), thread_count(where, threads))


def from_poles(p: npt.ArrayLike, *, threads: int = 1) -> FloatArray:
    """``a`` ``(H, N)`` from poles ``(H, N)`` closed under conjugation, multiplied in Leja order.

    >>> from_poles([[0.5j, -0.5j, 0.5]])
    array([[-0.5  ,  0.25 , -0.125]])
    """
    where = "ssm.convert.from_poles"
    found = _rows(where, "p", p, dtype=np.complex128)
    order = np.array([_closed(where, "p", h, row) for h, row in enumerate(found)])
    found = np.take_along_axis(found, order, 1)
    found = np.where(found.imag < 0, np.roll(found, 1, axis=1).conj(), found)
    return _core.convert_from_poles(found, thread_count(where, threads))


def reflection(a: npt.ArrayLike, *, threads: int = 1) -> FloatArray:
    """Reflection coefficients ``k`` ``(H, N)`` by the Schur-Cohn step-down: all |k| < 1 exactly where A is stable.

    A coefficient of modulus 1 ends the recursion: those below it are NaN.

    >>> reflection([[-0.9, 0.5]]).round(12)
    array([[-0.6,  0.5]])
    """
    where = "ssm.convert.reflection"
    return _core.convert_reflection(_rows(where, "a", a), thread_count(where, threads))


def from_reflection(k: npt.ArrayLike, *, threads: int = 1) -> FloatArray:
    """``a`` ``(H, N)`` from reflection coefficients: any k in (-1, 1) give a stable system.

    >>> from_reflection([[-0.6, 0.5]]).round(12)
    array([[-0.9,  0.5]])
    """
    where = "ssm.convert.from_reflection"
    return _core.convert_from_reflection(_rows(where, "k", k), thread_count(where, threads))


def is_stable(a: npt.ArrayLike, *, threads: int = 1) -> npt.NDArray[np.bool_]:
    """Whether all poles lie inside the unit circle, ``(H,)``.

    By the step-down recursion in twice the digits with a running bound of its rounding errors. Where a reflection
    coefficient is nearer to 1 than its bound, the poles decide, each with a disc that is certain to hold one;
    what stays open counts as unstable.

    >>> is_stable([[-1.9, 0.95], [-2.1, 1.2]])
    array([ True, False])
    """
    where = "ssm.convert.is_stable"
    return _core.convert_is_stable(_rows(where, "a", a), thread_count(where, threads)) > 0


def cauchy_radius(a: npt.ArrayLike) -> FloatArray:
    """The root rho of sum |a_i| rho^-i = 1, ``(H,)``: no pole is larger, and 1 / A has |g_n| <= rho^n.

    >>> cauchy_radius([[0.25, 0.125]]).round(6)
    array([0.5])
    """
    return _core.convert_cauchy_radius(_rows("ssm.convert.cauchy_radius", "a", a))


def l1_bound(a: npt.ArrayLike) -> FloatArray:
    """Sum |a_i|, ``(H,)``: below 1 it proves stability (Montel).

    >>> l1_bound([[0.25, -0.125]])
    array([0.375])
    """
    sums: FloatArray = np.abs(_rows("ssm.convert.l1_bound", "a", a)).sum(1)
    return sums


def conditioning(a: npt.ArrayLike, *, threads: int = 1) -> FloatArray:
    """Kappa = (1 + sum |a_i|) / min |A| on the unit circle, ``(H,)``.

    Rounding in coefficients costs about 1e-16 kappa of the kernel's peak in float64, 6e-8 kappa in float32.

    >>> conditioning([[-0.5]])
    array([3.])
    """
    where = "ssm.convert.conditioning"
    return _core.convert_conditioning(_rows(where, "a", a), thread_count(where, threads))


def truncation_length(
    b: npt.ArrayLike, a: npt.ArrayLike, tolerance: float = 1e-6, *, longest: int = 1 << 20, threads: int = 1
) -> npt.NDArray[np.int64]:
    """The least L ``(H,)`` for which the kernel's |h_n|, n >= L, sum to at most ``tolerance`` of the whole.

    Certified: x^p mod A = c with sum |c| = q < 1 (Montel's bound for a multiple of A, p doubled until it holds)
    bounds everything after n by the p samples from n on, over 1 - q. Raises where none is found up to ``longest``.

    >>> truncation_length([[1.0]], [[-0.5]], 1e-3)
    array([11])
    """
    where = "ssm.convert.truncation_length"
    numerators, denominators, _ = _transfer(where, b, a)
    if not 0 < tolerance < 1:
        raise ValueError(f"{where}: tolerance must be between 0 and 1, is {tolerance}")
    found = _core.convert_truncation_length(
        numerators, denominators, float(tolerance), int(longest), thread_count(where, threads)
    )
    wrong = np.flatnonzero(found == 0)
    if len(wrong):
        _refuse(where, wrong, f"decay within longest = {longest} samples", "does not, as far as can be proven",
                "see is_stable() and raise longest")  # fmt: skip
    return found.astype(np.int64)


# ----------------------------------------------------------------------------------------- passages


def state_space_to_transfer(
    A: npt.ArrayLike,
    B: npt.ArrayLike,
    C: npt.ArrayLike,
    D: npt.ArrayLike = 0.0,
    *,
    tolerance: float = 1e-6,
    length: int = 512,
    threads: int = 1,
) -> Passage:
    """``(b, a, h0)`` of A ``(N, N)`` or ``(H, N, N)``, B and C ``(N,)`` or ``(H, N)``, D ``()`` or ``(H,)``.

    a by Hessenberg reduction and La Budde's recursion, b from the Markov parameters; in twice the digits where
    float64 leaves an error above 1e-11. Raises where the coefficients cannot hold the kernel.

    >>> b, a, h0 = state_space_to_transfer([[0.0, 1.0], [-0.5, 0.2]], [0.0, 1.0], [1.0, 0.0])
    >>> b.round(12), a.round(12), h0
    (array([[0., 1.]]), array([[-0.2,  0.5]]), array([0.]))
    """
    where = "ssm.convert.state_space_to_transfer"
    dense, inputs, outputs, _ = _system(where, A, B, C)
    direct = finite(where, "D", D, np.float64)
    channels, n = inputs.shape
    h0 = _per_channel(where, "D", direct, channels)
    b, a, error = _core.convert_state_space_to_transfer(
        dense.reshape(channels, n * n), inputs, outputs, _samples(where, length), thread_count(where, threads)
    )
    error = _certify(where, error, tolerance, _KEEP)
    return Passage._of(b, a, h0, error=error)


def transfer_to_state_space(b: npt.ArrayLike, a: npt.ArrayLike, h0: npt.ArrayLike = 0.0) -> Passage:
    """The companion form ``(A, B, C, D)``: first row -a, ones below the diagonal, B = e_1, C = b, D = h0. Exact.

    >>> A, B, C, D = transfer_to_state_space([[1.0, 2.0]], [[-0.2, 0.5]])
    >>> A[0]
    array([[ 0.2, -0.5],
           [ 1. ,  0. ]])
    """
    numerators, denominators, direct = _transfer("ssm.convert.transfer_to_state_space", b, a, h0)
    channels, n = denominators.shape
    dense = np.zeros((channels, n, n))
    dense[:, 0] = -denominators
    dense[:, np.arange(1, n), np.arange(n - 1)] = 1
    inputs = np.zeros((channels, n))
    inputs[:, 0] = 1
    return Passage._of(dense, inputs, numerators.copy(), direct.copy(), error=np.zeros(channels))


def transfer_to_modal(
    b: npt.ArrayLike, a: npt.ArrayLike, *, tolerance: float = 1e-6, length: int = 512, threads: int = 1
) -> Passage:
    """``(poles, residues)``, complex ``(H, N)``: h_n = sum_i r_i p_i^{n-1}, r_i = b(p_i) / A'(p_i).

    Raises where poles coincide or nearly do: their residues cancel, and there is no such form.

    >>> p, r = transfer_to_modal([[1.0, 0.0]], [[-0.75, 0.125]])
    >>> p.real.round(12), r.real.round(12)
    (array([[0.5 , 0.25]]), array([[ 2., -1.]]))
    """
    where = "ssm.convert.transfer_to_modal"
    numerators, denominators, _ = _transfer(where, b, a)
    p, r, error = _core.convert_transfer_to_modal(
        numerators, denominators, _samples(where, length), thread_count(where, threads)
    )
    error = _certify(
        where, error, tolerance, "its poles (nearly) coincide: keep the transfer function or the state space"
    )
    return Passage._of(p, r, error=error)


def modal_to_transfer(
    poles: npt.ArrayLike, residues: npt.ArrayLike, *, tolerance: float = 1e-6, length: int = 512, threads: int = 1
) -> Passage:
    """``(b, a)`` of modes ``(H, N)`` closed under conjugation, both of each pair.

    >>> b, a = modal_to_transfer([[0.5, 0.25]], [[2.0, -1.0]])
    >>> b, a
    (array([[1., 0.]]), array([[-0.75 ,  0.125]]))
    """
    where = "ssm.convert.modal_to_transfer"
    p, r = _modes(where, poles, residues)
    b, a, error = _core.convert_modal_to_transfer(p, r, _samples(where, length), thread_count(where, threads))
    error = _certify(where, error, tolerance, _KEEP)
    return Passage._of(b, a, error=error)


def transfer_to_sections(
    b: npt.ArrayLike,
    a: npt.ArrayLike,
    h0: npt.ArrayLike = 0.0,
    *,
    tolerance: float = 1e-6,
    length: int = 512,
    threads: int = 1,
) -> Passage:
    """``(sections,)``: second-order sections ``(H, ceil(N / 2), 6)`` in the layout of ``scipy.signal.sosfilt``.

    Each section has the zeros nearest to its poles, the poles nearest to the unit circle come last, the gain stands
    in the first section.

    >>> (sections,) = transfer_to_sections([[1.0, 0.0]], [[-0.75, 0.125]])
    >>> sections
    array([[[ 0.   ,  1.   , -0.   ,  1.   , -0.75 ,  0.125]]])
    """
    where = "ssm.convert.transfer_to_sections"
    numerators, denominators, direct = _transfer(where, b, a, h0)
    sections, error = _core.convert_transfer_to_sections(
        numerators, denominators, direct, _samples(where, length), thread_count(where, threads)
    )
    error = _certify(where, error, tolerance, "keep the transfer function")
    return Passage._of(sections, error=error)


def sections_to_transfer(
    sos: npt.ArrayLike, *, tolerance: float = 1e-6, length: int = 512, threads: int = 1
) -> Passage:
    """``(b, a, h0)``, N = 2 S or, where every channel ends in a first-order section, 2 S - 1.

    >>> b, a, h0 = sections_to_transfer([[[1.0, 0.0, 0.0, 1.0, -0.75, 0.125]]])
    >>> b, a, h0
    (array([[ 0.75 , -0.125]]), array([[-0.75 ,  0.125]]), array([1.]))
    """
    where = "ssm.convert.sections_to_transfer"
    sections = finite(where, "sos", sos, np.float64)
    if sections.ndim != 3 or sections.shape[2] != 6 or 0 in sections.shape:
        raise ValueError(f"{where}: sos must have shape (H, S, 6), has {sections.shape}")
    leading = sections[:, :, 3:4]
    if (leading == 0).any():
        raise ValueError(f"{where}: sos must have no leading zero in its denominators (column 3)")
    normal = np.ascontiguousarray((sections / leading).reshape(len(sections), -1))
    b, a, h0, error = _core.convert_sections_to_transfer(normal, _samples(where, length), thread_count(where, threads))
    error = _certify(where, error, tolerance, "keep the sections")
    if a.shape[1] > 1 and not a[:, -1].any() and not b[:, -1].any():
        b, a = b[:, :-1].copy(), a[:, :-1].copy()
    return Passage._of(b, a, h0, error=error)


def transfer_to_lattice(
    b: npt.ArrayLike,
    a: npt.ArrayLike,
    h0: npt.ArrayLike = 0.0,
    *,
    tolerance: float = 1e-6,
    length: int = 512,
    threads: int = 1,
) -> Passage:
    """``(k, v)``: the normalised lattice-ladder, reflection coefficients ``(H, N)`` and taps ``(H, N + 1)``.

    f_{m-1} = c_m f_m - k_m g_{m-1}', g_m = k_m f_m + c_m g_{m-1}' with c_m = sqrt(1 - k_m^2), g' one sample ago,
    f_N = u, g_0 = f_0, y = sum_m v_m g_m. Its states have unit power for white input wherever the poles lie.

    >>> k, v = transfer_to_lattice([[1.0]], [[-0.5]])
    >>> k, v.round(6)
    (array([[-0.5]]), array([[0.57735, 1.     ]]))
    """
    where = "ssm.convert.transfer_to_lattice"
    numerators, denominators, direct = _transfer(where, b, a, h0)
    wrong = np.flatnonzero(~is_stable(denominators, threads=threads))
    if len(wrong):
        _refuse(where, wrong, "be stable to have a lattice", "is not", "keep the transfer function")
    k, v, error = _core.convert_transfer_to_lattice(
        numerators, denominators, direct, _samples(where, length), thread_count(where, threads)
    )
    error = _certify(where, error, tolerance, "keep the transfer function")
    return Passage._of(k, v, error=error)


def lattice_to_transfer(
    k: npt.ArrayLike, v: npt.ArrayLike, *, tolerance: float = 1e-6, length: int = 512, threads: int = 1
) -> Passage:
    """``(b, a, h0)`` of a normalised lattice-ladder, all |k| < 1.

    >>> b, a, h0 = lattice_to_transfer([[-0.5]], [[0.0, 1.0]])
    >>> b, a, h0
    (array([[0.75]]), array([[-0.5]]), array([-0.5]))
    """
    where = "ssm.convert.lattice_to_transfer"
    reflections, taps = _rows(where, "k", k), _rows(where, "v", v)
    _alike(where, "v", taps, (reflections.shape[0], reflections.shape[1] + 1))
    if not (np.abs(reflections) < 1).all():
        raise ValueError(f"{where}: k must lie inside (-1, 1), the largest is {np.abs(reflections).max()}")
    b, a, h0, error = _core.convert_lattice_to_transfer(
        reflections, taps, _samples(where, length), thread_count(where, threads)
    )
    error = _certify(where, error, tolerance, "keep the lattice")
    return Passage._of(b, a, h0, error=error)


# ---------------------------------------------------------------------------------------- reduction


def _balanced(
    where: str, a: object, b: object, c: object, order: int | None, threads: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    dense, inputs, outputs, single = _system(where, a, b, c)
    channels, n = inputs.shape
    cut = _core.convert_balance(
        dense.reshape(channels, n * n), inputs, outputs, n if order is None else _order(where, order, n),
        thread_count(where, threads),
    )  # fmt: skip
    _expect_stable(where, cut[-1])
    new_a, new_b, new_c, hankel, bound = (part[0] for part in cut) if single else cut
    return new_a, new_b, new_c, hankel, np.asarray(bound)


def balance(
    A: npt.ArrayLike,
    B: npt.ArrayLike,
    C: npt.ArrayLike,
    *,
    threads: int = 1,
) -> Passage:
    """``(A, B, C, hankel)``: coordinates in which both Gramians are ``diag(hankel)``; shapes as they came.

    The square-root method on Gramian factors found by doubling, so that small Hankel singular values keep their
    digits. States that nothing reaches or that nothing shows (below N 2^-50 of the first) become zeros.

    >>> A, B, C, hankel = balance([[0.5]], [1.0], [1.0])
    >>> hankel.round(12)
    array([1.33333333])
    """
    a, b, c, hankel, bound = _balanced("ssm.convert.balance", A, B, C, None, threads)
    return Passage._of(a, b, c, hankel, error=np.zeros(bound.size), hankel=np.atleast_2d(hankel))


def minimal(
    A: npt.ArrayLike,
    B: npt.ArrayLike,
    C: npt.ArrayLike,
    tolerance: float = 1e-12,
) -> Passage:
    """``(A, B, C)`` of one system without the states whose Hankel singular value is below ``tolerance`` of the first.

    >>> A, B, C = minimal(np.diag([0.5, 0.9]), [1.0, 1.0], [1.0, 0.0])
    >>> A.round(12)
    array([[0.5]])
    """
    where = "ssm.convert.minimal"
    if np.ndim(A) != 2:
        raise ValueError(f"{where}: A must have shape (N, N), has {np.shape(A)}")
    a, b, c, hankel, _ = _balanced(where, A, B, C, None, 1)
    if hankel.ndim > 1:
        raise ValueError(f"{where}: B and C must have shape ({a.shape[-1]},), have {np.shape(B)} and {np.shape(C)}")
    order = max(1, int((hankel > tolerance * hankel[0]).sum()))
    error = np.array([2 * hankel[order:].sum()])
    return Passage._of(a[:order, :order].copy(), b[:order].copy(), c[:order].copy(), error=error, hankel=hankel[None])


def truncate_balanced(
    A: npt.ArrayLike,
    B: npt.ArrayLike,
    C: npt.ArrayLike,
    D: npt.ArrayLike,
    order: int,
    *,
    threads: int = 1,
) -> Passage:
    """``(A, B, C, D, bound)`` of the balanced truncation to ``order`` states.

    ``bound`` = 2 sum of the Hankel singular values left out: no frequency's gain changes by more (so no kernel's
    2-norm does).

    >>> A, B, C, D, bound = truncate_balanced(np.diag([0.5, 0.9]), [1.0, 1.0], [0.01, 1.0], 0.0, 1)
    >>> A.round(2), round(float(bound), 4)
    (array([[0.9]]), 0.0141)
    """
    where = "ssm.convert.truncate_balanced"
    direct = finite(where, "D", D, np.float64)
    a, b, c, hankel, bound = _balanced(where, A, B, C, order, threads)
    if direct.shape not in ((), np.shape(bound)):
        raise ValueError(f"{where}: D must have shape {np.shape(bound)}, has {direct.shape}")
    direct = np.broadcast_to(direct, np.shape(bound)).copy()
    return Passage._of(a, b, c, direct, bound, error=np.zeros(bound.size), hankel=np.atleast_2d(hankel))


def reduce_modal(
    poles: npt.ArrayLike,
    residues: npt.ArrayLike,
    order: int,
    *,
    tolerance: float = 1e-6,
    length: int = 512,
    threads: int = 1,
) -> Passage:
    """``(poles, residues, bound)``: the balanced truncation of modes ``(H, N)`` to ``order`` modes, bound as above.

    >>> p, r, bound = reduce_modal([[0.5, 0.9]], [[0.01, 1.0]], 1)
    >>> p.real.round(2), bound.round(4)
    (array([[0.9]]), array([0.0141]))
    """
    where = "ssm.convert.reduce_modal"
    p, r = _modes(where, poles, residues)
    new_p, new_r, bound, error = _core.convert_reduce_modal(
        p, r, _order(where, order, p.shape[1]), _samples(where, length), thread_count(where, threads)
    )
    _expect_stable(where, bound)
    error = _certify(where, error, tolerance, "its reduced poles (nearly) coincide: ask for another order")
    return Passage._of(new_p, new_r, bound, error=error)


def reduce_transfer(
    b: npt.ArrayLike,
    a: npt.ArrayLike,
    h0: npt.ArrayLike,
    order: int,
    *,
    tolerance: float = 1e-6,
    length: int = 512,
    threads: int = 1,
) -> Passage:
    """``(b, a, h0, bound)``: the balanced truncation to ``order`` poles; bound on every frequency's gain.

    >>> b, a = modal_to_transfer([[0.5, 0.9]], [[0.01, 1.0]])
    >>> _, a, _, bound = reduce_transfer(b, a, 0.0, 1)
    >>> a.round(2), bound.round(4)
    (array([[-0.9]]), array([0.0141]))
    """
    where = "ssm.convert.reduce_transfer"
    numerators, denominators, direct = _transfer(where, b, a, h0)
    new_b, new_a, bound, error = _core.convert_reduce_transfer(
        numerators, denominators, _order(where, order, denominators.shape[1]), _samples(where, length),
        thread_count(where, threads),
    )  # fmt: skip
    _expect_stable(where, bound)
    error = _certify(where, error, tolerance, "ask for another order or reduce its modes: reduce_modal()")
    return Passage._of(new_b, new_a, direct.copy(), bound, error=error)


def fit(
    kernel: npt.ArrayLike,
    order: int,
    *,
    method: Literal["era", "aaa"] = "era",
    refine: int = 40,
    threads: int = 1,
) -> Passage:
    """``(poles, residues, h0, error, lower_bound)``: a long filter ``(H, L)`` as ``order`` stable modes.

    Parameters
    ----------
    kernel : ``(H, L)``, L >= 4; h0 is its first sample, the modes fit the rest
    order : modes a channel, both of each pair counted; at most (L - 1) / 2
    method : ``"era"``, the eigensystem realisation of the Hankel matrix, or ``"aaa"``, rational approximation on the
        unit circle. Unstable poles are reflected; residues in least squares over all samples.
    refine : rounds of Levenberg-Marquardt on poles and residues afterwards

    Returns
    -------
    poles, residues complex ``(H, order)``; h0 ``(H,)``; error ``(H,)``, |kernel - fit| / |kernel| in the 2-norm;
    lower_bound ``(H,)``, the Hankel singular value sigma_{order + 1} over the window. It bounds, from below, the
    error of any system of this order, stable or not, in the Hankel norm: so the largest error over all
    frequencies, and the sum of |kernel - fit|, are no smaller; in the 2-norm the error is at least
    lower_bound / sqrt(L / 2).

    >>> n = np.arange(100)
    >>> p, r, h0, error, bound = fit([0.9**n - 0.5**n], 2)
    >>> np.sort(p.real).round(6), bool(error[0] < 1e-9)
    (array([[0.5, 0.9]]), True)
    """
    where = "ssm.convert.fit"
    wanted = _rows(where, "kernel", kernel)
    if wanted.shape[1] < 4:
        raise ValueError(f"{where}: kernel must have at least 4 samples, has {wanted.shape[1]}")
    if method not in ("era", "aaa"):
        raise ValueError(f"{where}: method must be 'era' or 'aaa', is {method!r}")
    if refine < 0:
        raise ValueError(f"{where}: refine must not be negative, is {refine}")
    n = _order(where, order, (wanted.shape[1] - 1) // 2)
    rest = np.ascontiguousarray(wanted[:, 1:])
    p, r, error, hankel = _core.convert_fit(rest, n, method == "aaa", int(refine), thread_count(where, threads))
    whole = np.linalg.norm(wanted, axis=1)
    error = error * np.divide(np.linalg.norm(rest, axis=1), whole, out=np.zeros_like(whole), where=whole > 0)
    return Passage._of(p, r, wanted[:, 0].copy(), error, hankel[:, n].copy(), error=error, hankel=hankel)
