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

from ._forms import Passage
from .passages import (
    lattice_to_transfer,
    modal_to_transfer,
    sections_to_transfer,
    state_space_to_transfer,
    transfer_to_lattice,
    transfer_to_modal,
    transfer_to_sections,
    transfer_to_state_space,
)
from .reduction import balance, fit, minimal, reduce_modal, reduce_transfer, truncate_balanced
from .stability import (
    cauchy_radius,
    conditioning,
    from_poles,
    from_reflection,
    is_stable,
    l1_bound,
    poles,
    reflection,
    truncation_length,
)

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
