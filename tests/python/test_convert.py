# SPDX-License-Identifier: Apache-2.0
"""Passages between forms against mpmath and SciPy; stability; reduction against its bounds; refusals."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from danaus.ssm import convert
from reference import convert as reference

U = 2.0**-53


def conjugates(upper):
    upper = np.atleast_1d(upper)
    return np.stack([upper, upper.conj()], 1).ravel()


def spread(n, radius, seed=0):
    """Poles all round the circle, one a sector."""
    rng = np.random.default_rng(seed)
    angle = np.pi * (np.arange(n // 2) + 0.5 + rng.uniform(-0.3, 0.3, n // 2)) / (n // 2)
    return conjugates(radius * np.exp(1j * angle))


def scattered(n, radius, seed=0):
    """Poles at random angles, near one radius."""
    rng = np.random.default_rng(seed)
    size = radius * rng.uniform(0.0, 1.0, n // 2) ** 0.1
    return conjugates(size * np.exp(1j * rng.uniform(0, np.pi, n // 2)))


def clustered(n, radius):
    return conjugates(radius * np.exp(0.05j * (np.arange(n // 2) + 0.5)))


def montel(n, seed=0):
    raw = np.random.default_rng(seed).standard_normal(n)
    return raw / (np.abs(raw).sum() + 1e-6)


def noise(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def difference(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def refusal(call):
    """What a call that may be refused says; nothing where it works."""
    try:
        call()
    except ValueError as error:
        return str(error)
    return ""


def match(got, want):
    """The largest distance between two sets of roots, paired greedily."""
    rest, worst = list(want), 0.0
    for z in got:
        at = int(np.argmin(np.abs(np.array(rest) - z)))
        worst = max(worst, abs(rest.pop(at) - z))
    return worst


# ------------------------------------------------------------------------------------------------ poles


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 17, 32])
def test_poles_are_the_roots(n):
    a = noise(n, seed=n)
    got, want = convert.poles(a[None])[0], reference.roots(a)
    # Each is rounded once, and polished until a step is below its own rounding.
    assert match(got, want) <= 4 * U * np.abs(want).max()


@pytest.mark.parametrize(("n", "radius"), [(8, 0.99), (16, 0.99), (32, 0.9)])
def test_clustered_poles_are_those_of_the_given_coefficients(n, radius):
    """np.roots loses all of them from n = 16 on (condition numbers above 1e16)."""
    a = reference.polynomial(clustered(n, radius))
    got, want = convert.poles(a[None])[0], reference.roots(a)
    assert match(got, want) <= 1e-13 * np.abs(want).max()


@pytest.mark.parametrize("n", [2, 7, 64, 255])
def test_poles_are_closed_under_conjugation_to_the_bit(n):
    p = convert.poles(noise(3, n, seed=n))
    for row in p:
        upper, lower = row[row.imag > 0], row[row.imag < 0]
        assert sorted(upper, key=lambda z: (z.real, z.imag)) == sorted(lower.conj(), key=lambda z: (z.real, z.imag))
        assert np.array_equal(row[1:][row[1:].imag < 0], row[:-1][row[1:].imag < 0].conj())


def test_zero_coefficients_at_the_end_are_poles_at_zero():
    a = np.array([[-0.5, 0.25, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    p = convert.poles(a)
    assert np.array_equal(p[0, 2:], [0, 0]) and np.array_equal(p[1], np.zeros(4))
    assert match(p[0, :2], [0.25 + 0.25j * np.sqrt(3), 0.25 - 0.25j * np.sqrt(3)]) < 1e-15


def test_multiple_and_widely_spread_poles():
    double = convert.poles([[-1.0, 0.25]])[0]  # 0.5 twice: a perturbation of u moves it by sqrt(u)
    assert np.abs(double - 0.5).max() <= 4 * np.sqrt(U)
    want = np.array([1e6, 1.0, 1e-6, -1e-12])
    got = convert.poles(reference.polynomial(want)[None])[0]
    assert (np.abs(np.sort(got.real) - np.sort(want)) <= 1e-15 * np.abs(np.sort(want)) + 1e-27).all()


def test_poles_are_in_leja_order():
    p = convert.poles([reference.polynomial(spread(16, 0.9))])[0]
    assert np.abs(p[0]) == np.abs(p).max()
    for i in range(2, 16, 2):
        product = [np.prod(np.abs(p[j] - p[:i])) for j in range(i, 16, 2)]
        assert product[0] >= max(product) * (1 - 1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.floats(0.1, 1.05), st.integers(0, 2**31))
def test_from_poles_is_the_product(n, radius, seed):
    p = np.concatenate([scattered(n - n % 2, radius, seed), [radius / 2] * (n % 2)])
    want = reference.polynomial(p)
    order = np.random.default_rng(seed).permutation(n)
    got = convert.from_poles(p[order][None])[0]
    assert np.abs(got - want).max() <= U * np.abs(want).max()


@pytest.mark.parametrize("n", [64, 256])
def test_poles_and_back(n):
    for a in (montel(n), reference.polynomial(spread(n, 0.99), 60)):
        back = convert.from_poles(convert.poles(a[None]))[0]
        assert np.abs(back - a).max() <= 32 * U * (1 + np.abs(a).sum())  # n roots, a rounding each, sqrt(n) at random


# -------------------------------------------------------------------------------------------- stability


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 32), st.floats(0.3, 1.1), st.integers(0, 2**31))
def test_reflection_coefficients_and_stability_are_exact(n, largest, seed):
    """However ill conditioned the coefficients are: right for the numbers given."""
    a = convert.from_reflection(np.random.default_rng(seed).uniform(-largest, largest, (1, n)))
    k, want = convert.reflection(a)[0], reference.reflection(a[0])
    assert np.isfinite(want).all()  # nothing exactly on the circle
    assert bool(convert.is_stable(a)[0]) == bool((np.abs(want) < 1).all())
    if np.abs(want).max() < 0.9:
        assert np.abs(k - want).max() <= 2 * U


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 48), st.integers(0, 2**31))
def test_reflection_there_and_back(n, seed):
    k = np.random.default_rng(seed).uniform(-1, 1, (2, n)) / np.sqrt(np.arange(1, n + 1))
    back = convert.reflection(convert.from_reflection(k))
    # Rounding a to doubles, error u each, is divided by 1 - k^2 and mixed by 1 + |k| at every level down.
    growth = np.cumprod(((1 + np.abs(k)) / (1 - k**2))[:, ::-1], 1)[:, ::-1]
    assert (np.abs(back - k) <= 4 * U * growth * np.abs(convert.from_reflection(k)).max(1, keepdims=True) + U).all()


def test_reflection_of_the_second_order():
    a1, a2 = 0.3, -0.4
    assert np.allclose(convert.reflection([[a1, a2]]), [[a1 / (1 + a2), a2]], rtol=4 * U, atol=0)


@pytest.mark.parametrize("n", [1, 2, 5, 16, 40])
def test_stable_exactly_when_the_largest_pole_is_inside(n):
    for seed in range(20):
        radius = 1 + (-1) ** seed * 10.0 ** -(1 + seed // 2)
        p = np.concatenate([radius * scattered(n - 1 + n % 2, 0.9, seed)[: n - 1 - (n - 1) % 2], [radius]])
        p = np.concatenate([p, [0.3] * (n - len(p))])
        a = reference.polynomial(p)
        assert bool(convert.is_stable(a[None])[0]) == bool((np.abs(reference.reflection(a)) < 1).all())


@pytest.mark.parametrize(("n", "radius"), [(16, 0.99), (24, 0.9), (32, 0.8)])
def test_stability_where_double_precision_gives_up(n, radius):
    """Step-down in float64 first fails on such poles at n = 16."""
    a = reference.polynomial(clustered(n, radius))
    exact = reference.reflection(a)
    assert bool(convert.is_stable(a[None])[0]) == bool((np.abs(exact) < 1).all())
    assert np.abs(convert.reflection(a[None])[0] - exact).max() <= 1e-12


def test_poles_on_the_circle_are_not_stable():
    assert not convert.is_stable([[-1.0], [1.0]]).any()
    assert not convert.is_stable([[0.0, 1.0], [-2.0, 1.0], [0.0, -1.0]]).any()
    assert np.array_equal(convert.is_stable([[0.0, 0.0]]), [True])


def test_cauchy_radius_bounds_poles_and_the_impulse_response():
    for n in (1, 4, 33):
        a = noise(4, n, seed=n)
        radius = convert.cauchy_radius(a)
        assert (np.abs(convert.poles(a)).max(1) <= radius).all()
        assert np.allclose((np.abs(a) * radius[:, None] ** -np.arange(1.0, n + 1)).sum(1), 1, atol=1e-12)
        for h in range(4):
            g = reference.kernel(np.eye(1, n)[0], a[h], 60)
            assert (np.abs(g) <= radius[h] ** np.arange(60) * (1 + 1e-12)).all()
    assert convert.cauchy_radius([[0.0, 0.0]]) == [0.0]
    assert ((convert.cauchy_radius([montel(9)]) < 1) & (convert.l1_bound([montel(9)]) < 1)).all()


@pytest.mark.parametrize("poles", [spread(8, 0.9), spread(6, 0.999), clustered(6, 0.97), np.array([0.5, -0.25])])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_truncation_length_is_enough_and_not_too_much(poles, tolerance):
    a, b = reference.polynomial(poles), noise(len(poles))
    length = int(convert.truncation_length([b], [a], tolerance)[0])
    h = scipy.signal.lfilter(np.r_[0, b], np.r_[1, a], np.eye(1, 1 << 16)[0])
    tails = np.cumsum(np.abs(h[::-1]))[::-1]
    assert tails[length] <= tolerance * tails[0]
    least = int(np.argmax(tails <= tolerance * tails[0]))
    memory = -1 / np.log(np.abs(poles).max())
    assert least <= length <= least + 8 * memory + 8  # a certificate that gives away a few time constants


def test_conditioning_is_its_definition():
    a = np.array([reference.polynomial(spread(12, 0.95)), reference.polynomial(clustered(12, 0.9))])
    for row, kappa in zip(a, convert.conditioning(a), strict=True):
        least = np.abs(np.polyval(np.r_[1, row][::-1], np.exp(-1j * np.linspace(0, np.pi, 100_000)))).min()
        want = (1 + np.abs(row).sum()) / least
        assert 0.9 * want <= kappa <= want * (1 + 1e-3)


# ---------------------------------------------------------------------------------------- state space


@pytest.mark.parametrize("n", [1, 2, 3, 32, 64])
def test_dense_system_to_transfer_function(n):
    """Field table: 5e-16 for dense, 9e-14 and 2e-12 for 0.98 orthogonal (SciPy: 1e-10 and 2e-3)."""
    dense = noise(n, n, seed=n)
    dense *= 0.97 / np.abs(np.linalg.eigvals(dense)).max()
    turned = 0.98 * np.linalg.qr(noise(n, n, seed=n + 1))[0]
    inputs, outputs = noise(2, n)
    for matrix, bound in ((dense, 1e-14), (turned, 1e-11)):
        b, a, h0 = parts = convert.state_space_to_transfer(matrix, inputs, outputs, 0.5, length=1024)
        want = reference.state_space_kernel(matrix, inputs, outputs, 300)
        assert h0 == [0.5] and parts.error[0] <= 4 * bound
        assert difference(reference.kernel(b[0], a[0], 300), want) <= bound


def test_batches_and_shared_matrices():
    dense, inputs, outputs = 0.1 * noise(3, 5, 5), noise(3, 5), noise(3, 5, seed=2)
    b, a, h0 = convert.state_space_to_transfer(dense, inputs, outputs, [1.0, 2.0, 3.0], threads=2)
    for h in range(3):
        one = convert.state_space_to_transfer(dense[h], inputs[h], outputs[h], h0[h])
        assert all(np.array_equal(x[0], y[h]) for x, y in zip(one, (b, a, h0), strict=True))
    shared = convert.state_space_to_transfer(dense[0], inputs[0], outputs)
    assert shared[0].shape == (3, 5) and np.array_equal(shared[1][0], shared[1][2])


@pytest.mark.parametrize(("n", "dt"), [(16, 0.05), (24, 0.05), (32, 0.05), (16, 0.01), (64, 0.001)])
def test_hippo_is_refused_in_words(n, dt):
    dense, inputs = reference.legs(n, dt)
    with pytest.raises(ValueError, match=r"channel 0 must keep its kernel to 1.0e-06 of the peak, but would lose .*"
                                         r"keep the state-space or modal form"):  # fmt: skip
        convert.state_space_to_transfer(dense, inputs, noise(n))


@pytest.mark.parametrize(("n", "bound"), [(4, 5e-13), (8, 5e-9)])
def test_small_hippo_passes_with_its_error_told(n, bound):
    dense, inputs = reference.legs(n, 0.05)
    outputs = noise(n)
    b, a, _ = parts = convert.state_space_to_transfer(dense, inputs, outputs)
    seen = difference(scipy.signal.lfilter(np.r_[0, b[0]], np.r_[1, a[0]], np.eye(1, 512)[0])[1:],
                      reference.state_space_kernel(dense, inputs, outputs, 511))  # fmt: skip
    assert seen <= parts.error[0] <= bound


def test_companion_form():
    b, a = noise(2, 7), 0.1 * noise(2, 7, seed=3)
    dense, inputs, outputs, direct = convert.transfer_to_state_space(b, a, [1.0, 2.0])
    u = noise(50)
    for h in range(2):
        want = scipy.signal.lfilter(np.r_[0, b[h]] + direct[h] * np.r_[1, a[h]], np.r_[1, a[h]], u)
        system = (dense[h], inputs[h][:, None], outputs[h][None], direct[h][None, None])
        got = scipy.signal.dlsim((*system, 1), u[:, None])[1].ravel()
        assert difference(got, want) < 1e-14
    back = convert.state_space_to_transfer(dense, inputs, outputs, direct)
    assert difference(back[0], b) < 1e-14 and difference(back[1], a) < 1e-14 and np.array_equal(back[2], [1.0, 2.0])


# --------------------------------------------------------------------------------------------- modes

HARD = {
    "montel 64": (montel(64), 3e-14),
    "montel 256": (montel(256), 3e-13),
    "spread 64 at 0.9999": (reference.polynomial(spread(64, 0.9999), 60), 1e-13),
    "spread 256": (reference.polynomial(spread(256, 0.99), 60), 5e-14),
    "scattered 64": (reference.polynomial(scattered(64, 0.99)), 1e-11),
    "clustered 8": (reference.polynomial(clustered(8, 0.99)), 1e-13),
    "outside": (reference.polynomial(spread(16, 1.05)), 1e-12),
}


@pytest.mark.parametrize("name", HARD)
def test_modes_give_the_kernel(name):
    a, bound = HARD[name]
    b = noise(len(a))
    p, r = parts = convert.transfer_to_modal([b], [a])
    assert parts.error[0] <= 4 * bound
    length = 200 if len(a) <= 64 else 60
    assert difference(reference.modal_kernel(p[0], r[0], length), reference.kernel(b, a, length)) <= bound


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 24), st.floats(0.3, 0.999), st.integers(0, 2**31))
def test_modes_there_and_back(n, radius, seed):
    p = np.concatenate([spread(n - n % 2, radius, seed), [0.3 * radius] * (n % 2)])
    r = conjugates(noise(n // 2, seed=seed) + 1j * noise(n // 2, seed=seed + 1))
    r = np.concatenate([r, np.ones(n % 2)])
    order = np.random.default_rng(seed).permutation(n)
    b, a = convert.modal_to_transfer(p[order][None], r[order][None])
    assert difference(reference.kernel(b[0], a[0], 100), reference.modal_kernel(p, r, 100)) <= 1e-12
    back, gains = convert.transfer_to_modal(b, a)
    assert match(back[0], p) <= 1e-10 and match(gains[0], r) <= 1e-8 * np.abs(r).max()


def test_zeros_shared_at_the_origin_carry_nothing():
    p, r = convert.transfer_to_modal([[1.0, 0.5, 0.0, 0.0]], [[-0.5, 0.25, 0.0, 0.0]])
    assert np.array_equal(p[0, 2:], [0, 0]) and np.array_equal(r[0, 2:], [0, 0])
    p, r = convert.transfer_to_modal([[1.0, 1.0]], [[-0.5, 0.0]])  # one pole at 0: its mode is a single sample
    assert difference(reference.modal_kernel(p[0], r[0], 9), reference.kernel([1.0, 1.0], [-0.5, 0.0], 9)) < 1e-15


@pytest.mark.parametrize("multiple", [2, 3, 4, 6])
def test_modes_of_a_multiple_pole_are_right_or_refused(multiple):
    """Rounding parts a multiple pole; large residues that cancel stand for it, as far as they can."""
    a, b = reference.polynomial([0.7] * multiple), noise(multiple)
    words = refusal(lambda: convert.transfer_to_modal([b], [a]))
    assert not words or (multiple > 2 and "transfer_to_modal: channel 0 must keep its kernel" in words)
    p, r = parts = convert.transfer_to_modal([b], [a], tolerance=np.inf)
    seen = difference(reference.modal_kernel(p[0], r[0], 200), reference.kernel(b, a, 200))
    assert seen <= parts.error[0] and bool(words) == (parts.error[0] > 1e-6)


def test_several_samples_of_memory_have_no_modes():
    with pytest.raises(ValueError, match=r"transfer_to_modal: channel 1 must keep its kernel .*coincide"):
        convert.transfer_to_modal([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]], [[0.0, -0.25, 0.0], [0.5, 0.0, 0.0]])


def test_modes_of_clustered_poles_are_refused_as_coefficients():
    p = clustered(24, 0.99)
    with pytest.raises(ValueError, match=r"modal_to_transfer: channel 0 .*keep the state-space or modal form"):
        convert.modal_to_transfer(p[None], np.ones((1, 24)))


# --------------------------------------------------------------------------------- sections and lattice

SYSTEMS = {
    "one": ([0.5], [-0.3], 0.0),
    "two real": ([1.0, 0.2], [-0.75, 0.125], 0.3),
    "three": ([0.1, 0.2, 0.3], reference.polynomial([0.9, 0.5 + 0.5j, 0.5 - 0.5j]), 0.0),
    "delays": ([0.0, 0.0, 1.0, 0.5, 0.0], reference.polynomial([0.9, 0.5, -0.5, 0.1j, -0.1j]), 0.0),
    "sharp": (noise(12), reference.polynomial(spread(12, 0.999)), 1.0),
    "odd": (noise(13), reference.polynomial(np.r_[spread(12, 0.95), 0.5]), -2.0),
    "clustered": (noise(6), reference.polynomial(clustered(6, 0.99)), 0.1),
    "spread 64": (noise(64), reference.polynomial(spread(64, 0.99)), 0.7),
    "silent": (np.zeros(4), reference.polynomial(spread(4, 0.9)), 0.0),
    "poles at zero": ([1.0, 2.0, 3.0], np.zeros(3), 1.0),
    "an elliptic filter": (None, None, None),
}
_num, _den = scipy.signal.ellip(7, 0.5, 50, 0.3)
SYSTEMS["an elliptic filter"] = (_num[1:] - _num[0] * _den[1:], _den[1:], _num[0])


def impulse(name, length=300):
    b, a, h0 = SYSTEMS[name]
    return np.r_[h0, reference.kernel(b, a, length - 1)]


@pytest.mark.parametrize("name", SYSTEMS)
def test_sections_are_the_system(name):
    b, a, h0 = SYSTEMS[name]
    (sections,) = parts = convert.transfer_to_sections([b], [a], h0)
    got, want = scipy.signal.sosfilt(sections[0], np.eye(1, 300)[0]), impulse(name)
    assert sections.shape == (1, (len(a) + 1) // 2, 6)
    assert np.abs(got - want).max() <= 1e-10 * np.abs(want).max()
    assert np.abs(got - want).max() <= (parts.error[0] + 1e-15) * np.abs(want).max()
    radii = [np.abs(np.roots(section[3:])).max(initial=0) for section in sections[0]]
    assert (np.diff(radii) >= -1e-9).all()
    back = convert.sections_to_transfer(sections)
    assert np.abs(np.r_[back[2], reference.kernel(back[0][0], back[1][0], 299)] - want).max() <= 1e-8 * (
        np.abs(want).max()
    )


@pytest.mark.parametrize("name", SYSTEMS)
def test_lattice_is_the_system(name):
    b, a, h0 = SYSTEMS[name]
    k, v = parts = convert.transfer_to_lattice([b], [a], h0)
    n, g, got = len(a), np.zeros(len(a) + 1), []
    for t in range(300):
        f, late = float(t == 0), g.copy()
        for m in range(n, 0, -1):
            c = np.sqrt(1 - k[0, m - 1] ** 2)
            g[m] = k[0, m - 1] * f + c * late[m - 1]
            f = c * f - k[0, m - 1] * late[m - 1]
        g[0] = f
        got.append(v[0] @ g)
    want = impulse(name)
    assert np.abs(np.array(got) - want).max() <= 1e-10 * np.abs(want).max()
    assert np.abs(np.array(got) - want).max() <= (parts.error[0] + 1e-14) * np.abs(want).max()
    back = convert.lattice_to_transfer(k, v)
    assert np.abs(np.r_[back[2], reference.kernel(back[0][0], back[1][0], 299)] - want).max() <= 1e-8 * (
        np.abs(want).max()
    )


def test_lattice_states_have_unit_power():
    """The sum of squares of every state's impulse response is 1: what makes the form robust."""
    a = reference.polynomial(clustered(6, 0.97))
    k, _ = convert.transfer_to_lattice([np.zeros(6)], [a])
    power, g = np.zeros(7), np.zeros(7)
    for t in range(4000):
        f, late = float(t == 0), g.copy()
        for m in range(6, 0, -1):
            c = np.sqrt(1 - k[0, m - 1] ** 2)
            g[m], f = k[0, m - 1] * f + c * late[m - 1], c * f - k[0, m - 1] * late[m - 1]
        g[0] = f
        power += g**2
    assert np.allclose(power, 1, atol=1e-9)


# ------------------------------------------------------------------------------------------ reduction


def stable_system(n, seed=0, radius=0.95):
    dense = noise(n, n, seed=seed)
    return dense * radius / np.abs(np.linalg.eigvals(dense)).max(), *noise(2, n, seed=seed + 1)


@pytest.mark.parametrize("n", [1, 2, 5, 16, 40])
def test_balanced_gramians_are_the_hankel_values(n):
    a, b, c = stable_system(n, n)
    new_a, new_b, new_c, hankel = convert.balance(a, b, c)
    keep = hankel > 1e-10 * hankel[0]
    want = reference.hankel_values(a, b, c)
    assert np.abs(hankel - want)[want > 1e-6 * want[0]].max() <= 1e-9 * want[0]
    for matrix, side in ((new_a, new_b), (new_a.T, new_c)):
        gramian = scipy.linalg.solve_discrete_lyapunov(matrix, np.outer(side, side))
        assert np.abs((gramian - np.diag(hankel))[np.ix_(keep, keep)]).max() <= 1e-9 * hankel[0]
    got = reference.state_space_kernel(new_a, new_b, new_c, 100)
    assert difference(got, reference.state_space_kernel(a, b, c, 100)) <= 1e-11


def test_minimal_drops_what_cannot_be_reached_or_seen():
    a, b, c = stable_system(4, 7)
    blocks = scipy.linalg.block_diag(a, [[0.7]], [[0.6]])
    turn = np.linalg.qr(noise(6, 6))[0]
    big = turn @ blocks @ turn.T, turn @ np.r_[b, 0.0, 1.0], np.r_[c, 1.0, 0.0] @ turn.T
    small_a, small_b, small_c = convert.minimal(*big)
    assert small_a.shape == (4, 4)
    want = reference.state_space_kernel(a, b, c, 100)
    assert difference(reference.state_space_kernel(small_a, small_b, small_c, 100), want) <= 1e-11


@pytest.mark.parametrize("order", [1, 3, 8, 11])
def test_truncation_keeps_its_bound(order):
    a, b, c = stable_system(12, 3)
    new_a, new_b, new_c, d, bound = parts = convert.truncate_balanced(a, b, c, 0.5, order)
    assert new_a.shape == (order, order) and d == 0.5
    points = np.exp(1j * np.linspace(0, np.pi, 500))

    def response(a, b, c):
        return np.array([c @ np.linalg.solve(z * np.eye(len(b)) - a, b) for z in points])

    worst = np.abs(response(a, b, c) - response(new_a, new_b, new_c)).max()
    assert parts.hankel[0, order] * (1 - 1e-9) <= worst <= bound  # and no system of this order beats sigma
    assert np.isclose(bound, 2 * parts.hankel[0, order:].sum(), rtol=1e-6, atol=1e-12)


def test_reduce_transfer_and_modal_agree_and_keep_their_bound():
    p = np.concatenate([spread(8, 0.9), spread(8, 0.5, 4)])
    r = conjugates(noise(4) + 1j * noise(4, seed=5)), conjugates(1e-3 * noise(4, seed=6) + 0j)
    b, a = convert.modal_to_transfer([p], [np.concatenate(r)])
    new_b, new_a, h0, bound = convert.reduce_transfer(b, a, 1.5, 8)
    worst = np.abs(reference.frequency_response(b[0], a[0]) - reference.frequency_response(new_b[0], new_a[0])).max()
    assert h0 == [1.5] and worst <= bound[0] <= 0.05
    new_p, new_r, bound2 = convert.reduce_modal([p], [np.concatenate(r)], 8)
    assert np.isclose(bound2, bound)
    want = reference.kernel(new_b[0], new_a[0], 200)
    assert difference(reference.modal_kernel(new_p[0], new_r[0], 200), want) < 1e-10


def test_reduction_of_multiple_poles_goes_by_the_companion_form():
    a, b = reference.polynomial([0.5, 0.5, 0.5, -0.2]), np.array([1.0, 0.3, 0.2, 0.1])
    new_b, new_a, _, bound = convert.reduce_transfer([b], [a], 0.0, 3)
    worst = np.abs(reference.frequency_response(b, a) - reference.frequency_response(new_b[0], new_a[0])).max()
    assert worst <= bound[0]


def test_unstable_systems_have_no_gramians():
    for call in (
        lambda: convert.balance([[1.0]], [1.0], [1.0]),
        lambda: convert.truncate_balanced(np.diag([0.5, 1.1]), [1.0, 1.0], [1.0, 1.0], 0.0, 1),
        lambda: convert.reduce_modal([[0.5, 1.1]], [[1.0, 1.0]], 1),
        lambda: convert.reduce_transfer([[1.0, 1.0]], [[-2.5, 1.0]], 0.0, 1),
    ):
        with pytest.raises(ValueError, match="channel 0 must be stable to have Gramians"):
            call()


# ------------------------------------------------------------------------------------------------ fit


def filter_of(poles, residues, length):
    return np.r_[0.3, reference.modal_kernel(poles, residues, length - 1)]


@pytest.mark.parametrize("method", ["era", "aaa"])
def test_fit_recovers_a_system_exactly(method):
    for n in (1, 2, 5, 12):
        p = np.concatenate([spread(n - n % 2, 0.95), [0.6] * (n % 2)])
        r = np.concatenate([conjugates(noise(n // 2) + 1j), np.ones(n % 2)])
        k = filter_of(p, r, 200)
        poles, residues, h0, error, bound = convert.fit([k], n, method=method)
        assert error[0] <= 1e-12 and bound[0] <= 1e-13 * np.abs(k).sum() and h0 == [0.3]
        assert match(poles[0], p) <= 1e-9
        got = np.r_[h0, reference.modal_kernel(poles[0], residues[0], 199)]
        assert np.linalg.norm(got - k) <= (error[0] + 1e-14) * np.linalg.norm(k)


@pytest.mark.parametrize("method", ["era", "aaa"])
def test_fit_of_an_s4d_kernel(method):
    """64 modes: exact at 64; 0.26 or so is what 32 can do (field: 0.26 by AAA)."""
    n = np.arange(1024)
    weights = noise(32, seed=0) + 1j * noise(32, seed=1)
    k = 2 * (weights[:, None] * np.exp((-0.5 + 1j * np.pi * np.arange(32)) * 0.01)[:, None] ** n).sum(0).real[None]
    assert convert.fit(k, 64, method=method)[3][0] <= 1e-12
    poles, residues, _, error, bound = convert.fit(k, 32, method=method)
    assert error[0] <= 0.3 and (np.abs(poles) < 1).all()
    rest = k[0, 1:] - (residues[0] * poles[0] ** n[:1023, None]).sum(1).real
    assert np.isclose(np.linalg.norm(rest), error[0] * np.linalg.norm(k), rtol=1e-9)
    # The bound holds, in the norms it is said to hold in.
    window = scipy.linalg.hankel(rest[:512], rest[511:])
    assert bound[0] <= np.linalg.norm(window, 2) <= np.abs(rest).sum()
    exact = np.linalg.svd(scipy.linalg.hankel(k[0, 1:513], k[0, 512:]), compute_uv=False)
    assert np.isclose(bound[0], exact[32], rtol=1e-6)


def test_refinement_only_helps():
    n = np.arange(400)
    k = (np.exp(-n / 80) * np.cos(0.2 * n + 0.0005 * n**2) / (1 + n / 50))[None]
    for method in ("era", "aaa"):
        plain, better = (convert.fit(k, 8, method=method, refine=rounds)[3][0] for rounds in (0, 40))
        assert better <= plain * (1 + 1e-12)
    assert convert.fit(k, 8)[3][0] > convert.fit(k, 16)[3][0]


def test_fit_of_silence_and_of_growth():
    poles, residues, _, error, bound = convert.fit(np.zeros((1, 64)), 4)
    assert not residues.any() and error == [0] and bound == [0] and (np.abs(poles) < 1).all()
    poles, *_ = convert.fit(1.01 ** np.arange(64.0)[None], 2)
    assert (np.abs(poles) < 1).all()


# ------------------------------------------------------------------------------- arguments and words


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: convert.poles([1.0]), r"ssm.convert.poles: a must have shape \(H, N\), has \(1,\)"),
        (lambda: convert.poles([[np.nan]]), r"poles: a must be finite, is nan at \(0, 0\)"),
        (lambda: convert.poles(np.zeros((0, 3))), r"must have shape \(H, N\), has \(0, 3\)"),
        (lambda: convert.from_poles([[0.5j, 0.5]]), "from_poles: p must be closed under conjugation .*channel 0"),
        (lambda: convert.transfer_to_modal([[1.0]], [[1.0, 2.0]]), r"b must have shape \(1, 2\), has \(1, 1\)"),
        (lambda: convert.modal_to_transfer([[0.5]], [[1j]]), "residues must be closed under conjugation"),
        (lambda: convert.modal_to_transfer([[0.5j, -0.5j]], [[1.0, 2.0]]), "residues must be closed under conj"),
        (lambda: convert.state_space_to_transfer([[1.0, 2.0]], [1.0], [1.0]), r"A must have shape \(N, N\) or"),
        (lambda: convert.state_space_to_transfer([[0.5]], [1.0, 2.0], [1.0]), r"B must have shape \(1,\) or"),
        (lambda: convert.sections_to_transfer([[1.0]]), r"sos must have shape \(H, S, 6\)"),
        (lambda: convert.sections_to_transfer(np.zeros((1, 1, 6))), "no leading zero"),
        (lambda: convert.transfer_to_lattice([[1.0]], [[-1.0]]), "channel 0 must be stable to have a lattice"),
        (lambda: convert.lattice_to_transfer([[1.0]], [[1.0, 1.0]]), r"k must lie inside \(-1, 1\)"),
        (lambda: convert.truncation_length([[1.0]], [[-1.0]]), "channel 0 must decay within longest"),
        (lambda: convert.truncation_length([[1.0]], [[-0.5]], 2.0), "tolerance must be between 0 and 1"),
        (lambda: convert.reduce_transfer([[1.0]], [[0.5]], 0.0, 2), "order must be between 1 and 1, is 2"),
        (lambda: convert.fit(np.ones((1, 9)), 5), "order must be between 1 and 4, is 5"),
        (lambda: convert.fit(np.ones((1, 3)), 1), "kernel must have at least 4 samples"),
        (lambda: convert.fit(np.ones((1, 9)), 2, method="svd"), "method must be 'era' or 'aaa'"),
        (lambda: convert.transfer_to_modal([[1.0]], [[0.5]], length=0), "length must be at least 1, is 0"),
        (lambda: convert.minimal(np.zeros((2, 1, 1)), [1.0], [1.0]), r"A must have shape \(N, N\), has \(2, 1, 1\)"),
    ],
)
def test_refusals_name_the_argument(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("seed", range(20))
def test_huge_and_tiny_numbers_never_crash(seed):
    rng = np.random.default_rng(seed)
    a = 10.0 ** rng.uniform(-300, 300, (3, 9)) * rng.choice([-1, 0, 1], (3, 9))
    b = 10.0 ** rng.uniform(-300, 300, (3, 9))
    convert.poles(a)
    convert.reflection(a)
    convert.is_stable(a)
    convert.cauchy_radius(a)
    convert.conditioning(a)
    for call in (convert.transfer_to_modal, convert.transfer_to_sections, convert.truncation_length):
        words = refusal(lambda: call(b, a))  # noqa: B023
        assert not words or "channel" in words


def test_threads_change_no_bit():
    a = np.array([reference.polynomial(spread(16, 0.9, seed)) for seed in range(9)])
    b = noise(9, 16)
    assert np.array_equal(convert.poles(a), convert.poles(a, threads=4))
    for one, two in zip(convert.transfer_to_modal(b, a), convert.transfer_to_modal(b, a, threads=3), strict=True):
        assert np.array_equal(one, two)
