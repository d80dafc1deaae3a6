"""Passages between the forms of one linear system."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arrays import finite, thread_count
from ._forms import _KEEP, Passage, _alike, _certify, _modes, _per_channel, _refuse, _rows, _samples, _system, _transfer
from .stability import is_stable


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
