# SPDX-License-Identifier: Apache-2.0
"""danaus.hippo: the systems of the measures, their spectra, and their steps through time."""

from __future__ import annotations

import itertools
import warnings

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from danaus.hippo import diagonalize, discretize, discretize_scale, largest_step, nplr, transition
from danaus.ssm import S4
from reference import hippo as reference

REAL = ("legs", "legt", "lmu", "lagt", "tlagt", "glagt", "fout", "foud", "fourier_decay")
PAIRED = ("fout", "foud", "fourier_decay")
COMPLEX = ("fourier_sliding", "fous")
NPLR = ("legs", "legt", "lagt", "tlagt", *PAIRED, "fourier_sliding")
EPS = np.finfo(float).eps


def orders(measure, most=70):
    """All kinds of n that the measure has."""
    if measure in PAIRED:
        return [n for n in (2, 4, 10, 64, 256) if n <= most]
    if measure in COMPLEX:
        return [n for n in (1, 3, 9, 65, 257) if n <= most]
    return [n for n in (1, 2, 3, 7, 16, 33, 64, 256, 1024) if n <= most]


def close(got, want, relative):
    """Whether the largest difference is small beside the largest value."""
    return np.abs(got - want).max() <= relative * np.abs(want).max()


# ---------------------------------------------------------------------------------------------- transition


def some_rows(n):
    return slice(None) if n < 100 else [0, 1, n // 2, n - 2, n - 1]


@pytest.mark.parametrize("measure", ["legt", "lmu", "fout", "fourier_decay", "fourier_sliding"])
def test_a_window_follows_from_its_integral(measure):
    for n in orders(measure, 1024 if measure in ("legt", "lmu") else 70):
        for theta in (1.0, 3.7):
            a, b = transition(measure, n, theta=theta)
            want_a, want_b = reference.window(measure, n, theta, some_rows(n))
            assert close(a[some_rows(n)], want_a, 1e-13) and close(b[some_rows(n)], want_b, 1e-13)


@pytest.mark.parametrize("measure", ["legs", "fous"])
def test_a_scaled_measure_follows_from_its_integral(measure):
    for n in orders(measure, 1024 if measure == "legs" else 70):
        a, b = transition(measure, n)
        want_a, want_b = reference.scaled(measure, n, some_rows(n))
        assert close(a[some_rows(n)], want_a, 1e-13) and close(b[some_rows(n)], want_b, 1e-13)


@pytest.mark.parametrize(("measure", "options"), [("lagt", {}), ("tlagt", {"beta": 0.3}), ("tlagt", {}), ("glagt", {}),
                                                  ("glagt", {"alpha": -0.4, "beta": 1.5})])  # fmt: skip
def test_a_laguerre_system_has_its_functions_as_impulse_response(measure, options):
    """g(0) = B and g' = A g. SciPy's polynomials of degree 1024 keep 1e-12 where they are of size 1."""
    default = {"tlagt": {"beta": 1.0}, "glagt": {"alpha": 0.0, "beta": 0.01}}.get(measure, {})
    given_options = {**default, **options}
    for n in (1, 2, 9, 64, 1024):
        a, b = transition(measure, n, **options)
        assert close(b, reference.laguerre(measure, n, np.zeros(1), **given_options)[0][:, 0], 1e-12)
        g, slope, _ = reference.laguerre(measure, n, np.array([0.01, 0.7, 3.0, 11.0]), **given_options)
        assert (np.abs(a @ g - slope).max(0) <= 1e-12 * (np.abs(a) @ np.abs(g)).max(0)).all()


@pytest.mark.parametrize("measure", ["legs", "legt", "lmu", "lagt", "tlagt", "glagt", "foud"])
def test_the_impulse_response_of_a_system_in_time(measure):
    """By SciPy's exponential; 'legt' and 'lmu' follow the window's functions as far as their order goes."""
    n, t = 12, np.array([0.05, 0.4, 0.9])
    a, b = transition(measure, n)
    got = np.stack([scipy.linalg.expm(a * s) @ b for s in t], 1)
    if measure == "legs":  # as S4 runs it
        want = np.exp(-t) * reference.legendre(n, 2 * np.exp(-t) - 1)[0]
    elif measure == "foud":
        want = np.exp(-t / 2) * reference.fourier(n, t)[0]
    elif measure in ("lagt", "tlagt", "glagt"):
        options = {"tlagt": {"beta": 1.0}, "glagt": {"beta": 0.01}}.get(measure, {})
        want = reference.laguerre(measure, n, t, **options)[0]
    else:
        p = reference.legendre(n, 1 - 2 * t)[0]
        scale = 1 if measure == "legt" else (-1.0) ** np.arange(n) * np.sqrt(2 * np.arange(n) + 1.0)
        got, want = got[:3], (p.T * scale).T[:3]
        assert np.abs(got - want).max() <= 0.3 * np.abs(want).max()
        return
    assert close(got, want, 1e-12)


@pytest.mark.parametrize(
    ("measure", "options"), [("lagt", {}), ("tlagt", {"beta": 0.5}), ("glagt", {"alpha": 0.3, "beta": 0.5})]
)
def test_laguerre_measures_reconstruct(measure, options):
    """A past of exp(-tau) comes back from the rest state of its exact projection, better with every order."""
    tau = np.linspace(0.1, 5, 40)
    past = tau ** options.get("alpha", 0.0) * np.exp(-1.2 * tau)
    errors = []
    for n in (4, 8, 16, 32):
        a, b = transition(measure, n, **options)
        nodes, weights = np.polynomial.laguerre.laggauss(120)
        if "alpha" in options:
            nodes, weights = scipy.special.roots_genlaguerre(120, options["alpha"])
            held = weights * np.exp(-0.2 * nodes)
        else:
            held = weights * np.exp(-0.2 * nodes)
        assert close(reference.laguerre(measure, n, np.zeros(1), **options)[0][:, 0], b, 1e-13) and a.shape == (n, n)
        x = reference.laguerre(measure, n, nodes, **options)[0] @ held
        errors.append(np.abs(x @ reference.laguerre(measure, n, tau, **options)[2] - past).max())
    assert errors[-1] <= 1e-8 and all(later < 0.5 * sooner for sooner, later in itertools.pairwise(errors))


def simulated(measure, n, u, seconds, **options):
    """The state after ``seconds`` of the input u(t), by SciPy's solver."""
    a, b = transition(measure, n, **options)
    found = scipy.integrate.solve_ivp(lambda t, x: a @ x + b * u(t), (0, seconds), 0 * b, rtol=1e-10, atol=1e-12,
                                      method="DOP853", max_step=0.2)  # fmt: skip
    return found.y[:, -1]


def test_each_time_invariant_measure_gives_the_past_back():
    """The table of `transition`, run: input through the system, its state through the table."""
    end = 10.0
    smooth = lambda t: np.exp(-((t - 8.5) ** 2) / 2)  # noqa: E731
    tau = np.linspace(0, 1, 50)
    x = simulated("lagt", 40, smooth, end)
    _, _, rebuilt = reference.laguerre("lagt", 40, tau)
    assert np.abs(x @ rebuilt - smooth(end - tau)).max() < 2e-3
    x = simulated("legt", 16, smooth, end, theta=1.0)
    assert np.abs(x @ reference.legendre(16, 1 - 2 * tau)[0] - smooth(end - tau)).max() < 1e-6
    x = simulated("lmu", 16, smooth, end, theta=1.0)
    back = reference.legendre(16, 2 * tau - 1)[0] / np.sqrt(2 * np.arange(16) + 1)[:, None]
    assert np.abs(x @ back - smooth(end - tau)).max() < 1e-6
    x = simulated("legs", 40, smooth, end)
    assert np.abs(x @ reference.legendre(40, 2 * np.exp(-tau) - 1)[0] - smooth(end - tau)).max() < 2e-3
    inner = np.linspace(0.1, 0.9, 20)
    periodic = lambda t: np.cos(2 * np.pi * t) * (1 - np.exp(-t))  # noqa: E731
    x = simulated("fout", 32, periodic, end, theta=1.0)
    assert np.abs(x @ reference.fourier(32, inner)[0] - periodic(end - inner)).max() < 0.01
    folded = lambda ratio, u: sum(ratio**j * np.where(end - inner - j > 0, u(end - inner - j), 0) for j in range(11))  # noqa: E731
    x = simulated("fourier_decay", 64, smooth, end, theta=1.0)
    assert np.abs(x @ reference.fourier(64, inner)[0] - 2 / 3 * folded(1 / 3, smooth)).max() < 0.05
    x = simulated("foud", 64, smooth, end)
    assert np.abs(np.exp(inner / 2) * (x @ reference.fourier(64, inner)[0]) - folded(np.exp(-0.5), smooth)).max() < 0.05


def test_conventions_of_published_code():
    a, b = transition("legt", 5)
    r, k = np.sqrt(2 * np.arange(5) + 1.0), np.arange(5)
    assert np.array_equal(b, r) and np.allclose(a[0], -r * (-1.0) ** k) and np.allclose(a[:, 0], -r)
    a, b = transition("fout", 4)
    want = np.zeros((4, 4))
    want[2, 3], want[3, 2] = -np.pi, np.pi
    gain = np.array([1, 0, np.sqrt(2), 0])
    assert np.allclose(a, want - np.outer(gain, gain), atol=1e-15) and np.allclose(b, gain, atol=1e-15)
    assert np.allclose(transition("fout", 4, theta=1.0)[0], 2 * a, atol=1e-15)  # `fourier2`
    assert np.array_equal(transition("tlagt", 4)[0], -np.tril(np.ones((4, 4))))  # the paper's LagT
    assert np.array_equal(transition("lagt", 4)[0], np.eye(4) / 2 - np.tril(np.ones((4, 4))))
    a, b = transition("fourier_sliding", 3, theta=2.0)
    assert np.allclose(a, (np.diag([-2j * np.pi, 0, 2j * np.pi]) - 1) / 2) and np.allclose(b, 0.5)
    a, b = transition("fous", 3)
    assert np.allclose(a, [[-1 - 1j * np.pi, -1, -0.5], [0, -1, 0], [-0.5, -1, -1 + 1j * np.pi]]) and np.all(b == 1)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "words"),
    [
        (("chebyshev", 4), {}, ValueError, "measure must be one of 'legs', .* is 'chebyshev'"),
        ((3, 4), {}, TypeError, "measure must be a string"),
        (("legs", 0), {}, ValueError, "n must be at least 1"),
        (("legs", -3), {}, ValueError, "n must be at least 1"),
        (("legs", 10**9), {}, ValueError, "n must be at least 1 and at most"),
        (("legs", 2.5), {}, TypeError, "n must be an integer, is 2.5"),
        (("legs", 4), {"theta": 1.0}, TypeError, r"options of 'legs' must be among its own \(none\), got 'theta'"),
        (("glagt", 4), {"theta": 1.0}, TypeError, ".*alpha and beta"),
        (("legt", 4), {"theta": "wide"}, TypeError, "theta must be a number"),
        (("legt", 4), {"theta": 0.0}, ValueError, "theta must be positive"),
        (("legt", 4), {"theta": -1.0}, ValueError, "theta must be positive"),
        (("lmu", 4), {"theta": np.inf}, ValueError, "theta must be positive and finite"),
        (("lmu", 4), {"theta": np.nan}, ValueError, "theta must be a number"),
        (("glagt", 4), {"alpha": 1.0}, ValueError, "alpha must be above -1 and below 1"),
        (("tlagt", 4), {"beta": 0.0}, ValueError, "beta must be positive"),
        (("fout", 5), {}, ValueError, "n must be even .* is 5"),
        (("fous", 4), {}, ValueError, "n must be odd .* is 4"),
    ],
)
def test_what_a_measure_has_no_system_for_is_refused(arguments, options, kind, words):
    with pytest.raises(kind, match=rf"hippo\.transition: {words}"):
        transition(*arguments, **options)
    with pytest.raises(kind, match=r"hippo\.(nplr|transition): "):
        nplr(*arguments, **options)


# ---------------------------------------------------------------------------------------------------- nplr


def low_rank(p):
    return p.T @ p.conj()


@pytest.mark.parametrize("measure", NPLR)
def test_nplr_puts_the_system_together_again(measure):
    for n in orders(measure, 256):
        options = {"theta": 2.3} if measure not in ("legs", "lagt", "tlagt", "foud") else {}
        a, b = transition(measure, n, **options)
        lambda_, p, in_, v = nplr(measure, n, **options)
        rank = 2 if measure == "legt" else 1
        assert lambda_.shape == in_.shape == (n,) and p.shape == (rank, n) and v.shape == (n, n)
        assert np.abs(v.conj().T @ v - np.eye(n)).max() <= 2e-13
        assert close(v @ (np.diag(lambda_) - low_rank(p)) @ v.conj().T, a, 2e-13)
        assert close(v @ in_, b, 2e-13)
        assert (np.diff(lambda_.imag) >= 0).all()
        assert np.all(p[0].imag == 0) and (p[0].real >= 0).all() if measure != "fout" else True


def test_legs_of_order_1024():
    n = 1024
    a, b = transition("legs", n)
    lambda_, p, in_, v = nplr("legs", n)
    assert np.abs(v.conj().T @ v - np.eye(n)).max() <= 4e-13
    assert np.abs((v * lambda_) @ v.conj().T - (v @ p.T) @ (v @ p.T).conj().T - a).max() <= 4e-13 * np.abs(a).max()
    assert close(v @ in_, b, 4e-13)
    assert close(v @ p[0], np.sqrt(np.arange(n) + 0.5), 4e-13)


@pytest.mark.parametrize("n", [2, 3, 16, 65, 256, 1024])
def test_the_spectrum_of_legs_in_many_digits(n):
    w = nplr("legs", n, half=True)[0].imag[::-1]
    for j in sorted({*range(0, n // 2, max(1, n // 14)), n // 2 - 1}):
        assert reference.legs_distance(n, w[j], j) <= 1e-15 * (4 + np.sqrt(n))


@pytest.mark.parametrize("n", [1, 2, 5, 16, 64])
def test_the_product_formula_of_legs(n):
    """1 + P^* (s - Lambda)^-1 P = prod (s + m) / prod (s - lambda), as det(s - A) says."""
    lambda_, p, _, _ = nplr("legs", n)
    with mpmath.workdps(40):
        for s in (0.3 + 2.1j, 5.0 - 40.0j, -0.4 + 0.7j, 300.0j):
            exact = mpmath.fprod((s + m + 1) / (s - mpmath.mpc(pole)) for m, pole in enumerate(lambda_))
            got = 1 + np.sum(np.abs(p[0]) ** 2 / (s - lambda_))
            assert abs(got - complex(exact)) <= 1e-13 * (1 + np.sum(np.abs(p[0]) ** 2 / np.abs(s - lambda_)))


@pytest.mark.parametrize("measure", ["legs", "legt", "lagt", "tlagt", "fout", "foud", "fourier_decay"])
@pytest.mark.parametrize("order", [2, 7, 16, 64])
def test_s4_of_the_halves_has_the_kernel_of_the_dense_system(measure, order):
    n = order + order % 2 if measure in PAIRED else order
    a, b = transition(measure, n)
    lambda_, p, in_, v = nplr(measure, n, half=True)
    c, dt = np.cos(np.arange(n) ** 2 + 0.3), 0.02
    assert lambda_.shape == ((n + 1) // 2,) and (lambda_.imag >= 0).all()
    layer = S4(lambda_[None], p[:, None], in_[None], (c @ v)[None], [0.0], [dt])
    ad, bd, *_ = scipy.signal.cont2discrete((a, b[:, None], c[None], np.zeros((1, 1))), dt, method="bilinear")
    x, want = bd[:, 0], []
    for _ in range(200):
        want.append(c @ x)
        x = ad @ x
    # SciPy's C and D of the bilinear rule are not ours: only its A and B are taken
    assert close(layer.kernel(200, "float64")[0], np.array(want), 1e-11)


def test_nplr_says_what_it_has_not():
    for measure, n, words in (("lmu", 4, "take 'legt'"), ("glagt", 4, "take 'tlagt'"), ("fous", 5, "'fous'")):
        with pytest.raises(ValueError, match=rf"hippo\.nplr: measure must .*{words}"):
            nplr(measure, n)


def test_halves_are_half_of_the_whole():
    for measure, n in (("legs", 8), ("legs", 9), ("legt", 8), ("legt", 9), ("fourier_sliding", 9), ("fout", 6)):
        whole, half = nplr(measure, n), nplr(measure, n, half=True)
        count = len(half[0])
        single = n % 2
        scale = np.ones(count)
        scale[:single] = np.sqrt(0.5)
        for full, part in zip(whole, half, strict=True):
            upper = full[..., n - count :]
            assert np.allclose(part, upper * (1 if part is half[0] else scale), rtol=0, atol=1e-15)


# ---------------------------------------------------------------------------------------------- discretize

RULES = {"forward_euler": 0.0, "backward_euler": 1.0, "bilinear": 0.5}


@pytest.mark.parametrize("measure", [*REAL, *COMPLEX])
def test_steps_in_many_digits(measure):
    n = 7 if measure in COMPLEX else 6
    a, b = transition(measure, n)
    for dt in (1e-9, 0.003, 0.2, 4.0):
        for method, alpha in RULES.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ad, bd = discretize(a, b, dt, method=method)
            want_a, want_b = reference.rational(a, b, (1 - alpha) * dt, alpha * dt, dt)
            assert close(ad, want_a, 1e-13) and close(bd, want_b, 1e-13)
        ad, bd = discretize(a, b, dt, alpha=0.7)
        want_a, want_b = reference.rational(a, b, 0.3 * dt, 0.7 * dt, dt)
        assert close(ad, want_a, 1e-13) and close(bd, want_b, 1e-13)
        ad, bd = discretize(a, b, dt, method="zoh")
        want_a, want_b = reference.exponential(a, b, dt)
        norm = dt * np.abs(a).sum(0).max()
        assert np.abs(ad - want_a).max() <= 4 * EPS * (1 + norm) and close(bd, want_b, 4 * EPS * (2 + norm))


def test_an_exact_step_of_legs_of_any_order():
    """exp(h A) against its closed form as a change of interval, by Gauss quadrature."""
    for n in (16, 512):  # 1024: 8 seconds, and as exact
        a, b = transition("legs", n)
        h = 2.0**-10
        ad, bd = discretize(a, b, h, method="zoh")
        want = reference.legs_dilation(n, np.exp(-h))
        assert np.abs(ad - want).max() <= 1e-12
        rest = np.zeros(n)
        rest[0] = 1  # A^-1 B = -e_0: the integral is (exp(h A) - 1) A^-1 B
        assert np.abs(bd - (rest - want[:, 0])).max() <= 1e-12


def test_large_systems_solve_their_equations():
    a, b = transition("legt", 700)
    for dt, alpha in ((1e-4, 0.5), (0.01, 1.0), (0.3, 0.6)):
        ad, bd = discretize(a, b, dt, alpha=alpha)
        left, right = np.eye(700) - alpha * dt * a, np.eye(700) + (1 - alpha) * dt * a
        size = np.abs(left).sum(1).max()
        assert np.abs(left @ ad - right).max() <= 1e-13 * size * np.abs(ad).max()
        assert np.abs(left @ bd - dt * b).max() <= 1e-13 * size * np.abs(bd).max()


def test_exact_steps_of_singular_systems():
    a, b = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([0.0, 2.0])
    ad, bd = discretize(a, b, 3.0, method="zoh")
    assert np.allclose(ad, [[1, 3], [0, 1]], rtol=1e-15) and np.allclose(bd, [9, 6], rtol=1e-15)
    ad, bd = discretize(np.zeros((2, 2)), b, 0.25, method="zoh")
    assert np.allclose(ad, np.eye(2), rtol=1e-15) and np.allclose(bd, [0, 0.5], rtol=1e-15)
    ad, bd = discretize([0.0, -2.0], [3.0, 1.0], 0.25, method="zoh")
    assert ad[0] == 1 and bd[0] == 0.75


@given(exponent=st.integers(-300, 0), real=st.floats(-50, 0), imag=st.floats(-50, 50), gain=st.floats(0.1, 10))
def test_diagonal_steps_keep_their_digits(exponent, real, imag, gain):
    dt, pole = 10.0**exponent, complex(real, imag)
    with mpmath.workdps(400):
        z = mpmath.mpc(pole) * mpmath.mpf(dt)
        exact = mpmath.mpf(dt) * gain * (mpmath.expm1(z) / z if z != 0 else 1)
        ad, bd = discretize([pole], [gain], dt, method="zoh")
        lost = 1 + abs(complex(z))
        assert abs(complex(bd[0] - exact)) <= 8 * EPS * lost * abs(complex(exact))
        assert abs(ad[0] - complex(mpmath.exp(z))) <= 8 * EPS * lost
        ad, bd = discretize([pole], [gain], dt)
        assert abs(ad[0] - complex((1 + z / 2) / (1 - z / 2))) <= 8 * EPS
        exact = mpmath.mpf(dt) * gain / (1 - z / 2)
        assert abs(complex(bd[0] - exact)) <= 8 * EPS * abs(complex(exact))


def test_dense_steps_keep_the_digits_of_tiny_inputs():
    a, b = transition("legs", 8)
    for method in ("zoh", "bilinear", "backward_euler", "forward_euler"):
        _, bd = discretize(a, b, 1e-200, method=method)
        assert np.allclose(bd, 1e-200 * b, rtol=1e-15, atol=0)
        _, bd = discretize(a, 1e-290 * b, 1e-3, method=method)
        assert close(bd, 1e-290 * discretize(a, b, 1e-3, method=method)[1], 1e-14)


def test_axes_of_time_come_first():
    a, b = transition("lagt", 5)
    dt = np.array([[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]])
    for method in ("zoh", "bilinear"):
        ad, bd = discretize(a, b, dt, method=method)
        assert ad.shape == (2, 3, 5, 5) and bd.shape == (2, 3, 5) and ad.dtype == bd.dtype == np.float64
        one = discretize(a, b, dt[1, 1], method=method)
        assert np.array_equal(ad[1, 1], one[0]) and np.array_equal(bd[1, 1], one[1])
    poles = np.array([-1.0, -0.5 + 2j])
    ad, bd = discretize(poles, [1.0, 2.0], [0.5, 0.25, 0.125])
    assert ad.shape == bd.shape == (3, 2) and ad.dtype == np.complex128
    ad, bd = discretize(a[::-1].T[::2, ::2], b[::2], 0.1)  # any strides
    assert close(ad, discretize(np.array(a[::-1].T[::2, ::2]), np.array(b[::2]), 0.1)[0], 1e-16)
    assert discretize(a, b, [])[0].shape == (0, 5, 5)


def test_dense_and_diagonal_agree():
    poles, b = np.array([-0.5 + 3j, -2.0, 0.0, -0.1 - 9j]), np.array([1.0, 2j, 3.0, -1.0])
    for method in ("zoh", "bilinear", "backward_euler"):
        thin, in_thin = discretize(poles, b, 0.3, method=method)
        full, in_full = discretize(np.diag(poles), b, 0.3, method=method)
        assert close(full, np.diag(thin), 1e-15) and close(in_full, in_thin, 1e-15)


def test_shortest_windows_for_forward_euler():
    """The page's figures: 10.6, 60, 197, 639 samples for orders 6, 16, 32, 64."""
    for n, samples in ((6, 10.6), (16, 60), (32, 197), (64, 639)):
        a, b = transition("lmu", n)
        longest = largest_step(a)
        assert np.isclose(1 / longest, samples, rtol=0.01)
        for dt, grows in ((0.98 * longest, False), (1.02 * longest, True)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                ad, _ = discretize(a, b, dt, method="forward_euler")
            assert (np.abs(np.linalg.eigvals(ad)).max() > 1) == grows == bool(caught)
            if grows:
                assert "hippo.discretize: dt must be at most" in str(caught[0].message)
                assert "forward Euler" in str(caught[0].message) and caught[0].filename == __file__


def test_largest_steps_of_known_poles():
    assert largest_step([-2.0]) == 1 and largest_step([-2.0, -8.0]) == 0.25
    assert np.isclose(largest_step([-1 + 1j]), 1) and np.isclose(largest_step([-1 + 1j], alpha=0.25), 2)
    assert largest_step([-1 + 1j], alpha=0.5) == np.inf and largest_step([1e-3], alpha=0.7) == 0
    assert largest_step([3j]) == 0 and largest_step([0.0, -4.0]) == 0.5 and largest_step([0.0]) == np.inf
    assert largest_step(transition("legs", 50)[0]) == 2 / 50
    assert largest_step(transition("fout", 10)[0]) > 0
    with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
        largest_step([-1.0], alpha=2)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (([[0.0, 1.0]], [1.0], 0.1), {}, "a must have shape"),
        ((np.zeros((0, 0)), [], 0.1), {}, "a must have shape"),
        ((np.eye(2), [1.0], 0.1), {}, r"b must have shape \(2,\), has \(1,\)"),
        ((np.eye(2), [1.0, np.nan], 0.1), {}, "b must be finite"),
        (([[np.inf, 0], [0, 1.0]], [1.0, 1.0], 0.1), {}, "a must be finite"),
        ((-np.eye(2), [1.0, 1.0], 0.0), {}, "dt must be positive, is 0.0"),
        ((-np.eye(2), [1.0, 1.0], [0.1, -0.1]), {}, "dt must be positive, is -0.1"),
        ((-np.eye(2), [1.0, 1.0], np.nan), {}, "dt must be finite"),
        ((-np.eye(2), [1.0, 1.0], np.inf), {}, "dt must be finite"),
        ((-np.eye(2), [1.0, 1.0], 0.1), {"method": "euler"}, "method must be one of"),
        ((-np.eye(2), [1.0, 1.0], 0.1), {"alpha": 1.5}, "alpha must be between 0 and 1"),
        ((-np.eye(2), [1.0, 1.0], 0.1), {"alpha": np.nan}, "alpha must be between 0 and 1"),
        ((-np.eye(2), [1.0, 1.0], 0.1), {"alpha": 0.5, "method": "zoh"}, "alpha must be None"),
        (([[1.0, 0], [0, -1]], [1.0, 1.0], 2.0), {}, "I - alpha dt a must be invertible, is not at step 0"),
        (([1.0, -1.0], [1.0, 1.0], [1.0, 2.0]), {}, "I - alpha dt a must be invertible, is not at step 1"),
        (([[1e3]], [1.0], 1.0), {"method": "zoh"}, "must be finite"),
        (([[-1e13]], [1.0], 1.0), {"method": "zoh"}, "at most 1e12"),
        (([[-1e300]], [1.0], 1e300), {"method": "zoh"}, "must be finite"),
        (([[-1e300]], [1.0], 1e300), {}, "must be"),
    ],
)
def test_what_has_no_step_is_refused(arguments, options, words):
    with pytest.raises(ValueError, match=rf"hippo\.discretize: .*{words}"):
        discretize(*arguments, **options)


# ------------------------------------------------------------------------------------------- in scale mode


@pytest.mark.parametrize("measure", ["legs", "fous"])
def test_steps_in_scale_mode_in_many_digits(measure):
    n = 5
    a, b = transition(measure, n)
    t0, t1 = np.array([0.5, 3.0, 1e6]), np.array([1.5, 3.25, 1e6 + 1])
    with mpmath.workdps(40):
        h = [mpmath.log(mpmath.mpf(x) / mpmath.mpf(y)) for x, y in zip(t1, t0, strict=True)]
    parts = {
        "bilinear": lambda i: (h[i] / 2, h[i] / 2, h[i]),
        "hippo_bilinear": lambda i: ((t1[i] - t0[i]) / (t0[i] + t1[i]),) * 2 + (2 * (t1[i] - t0[i]) / (t0[i] + t1[i]),),
        "kexue_bilinear": lambda i: ((t1[i] - t0[i]) / t0[i] / 2, (t1[i] - t0[i]) / t1[i] / 2, (t1[i] - t0[i]) / t0[i]),
        "forward_euler": lambda i: ((t1[i] - t0[i]) / t0[i], 0, (t1[i] - t0[i]) / t0[i]),
        "backward_euler": lambda i: (0, (t1[i] - t0[i]) / t1[i], (t1[i] - t0[i]) / t1[i]),
    }
    for method, part in parts.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ad, bd = discretize_scale(a, b, t0, t1, method=method)
        for i in range(3):
            want_a, want_b = reference.rational(a, b, *part(i))
            assert close(ad[i], want_a, 1e-13) and close(bd[i], want_b, 1e-13)
    ad, bd = discretize_scale(a, b, t0, t1, method="zoh")
    other, in_other = discretize_scale(a, b, t0, t1, alpha=1.0)
    for i in range(3):
        want_a, want_b = reference.exponential(a, b, h[i])
        assert close(ad[i], want_a, 1e-13) and close(bd[i], want_b, 1e-13)
        want_a, want_b = reference.rational(a, b, 0, h[i], h[i])
        assert close(other[i], want_a, 1e-13) and close(in_other[i], want_b, 1e-13)


def test_exact_steps_of_legs_make_its_projection():
    """Any partition of time gives the integral of u against the Legendre polynomials."""
    n = 24
    rng = np.random.default_rng(7)
    a, b = transition("legs", n)
    ends = np.cumsum(rng.uniform(0.1, 3, 40))
    starts, u = np.concatenate([[0], ends[:-1]]), rng.standard_normal(40)
    x = np.zeros(n)
    for ad, bd, now in zip(*discretize_scale(a, b, starts, ends, method="zoh"), u, strict=True):
        x = ad @ x + bd * now
    z, w = reference.points(n)
    want = np.zeros(n)
    for start, end, now in zip(starts, ends, u, strict=True):
        at = (start + (end - start) * z) / ends[-1]
        want += now * (end - start) / ends[-1] * reference.legendre(n, 2 * at - 1)[0] @ w
    assert np.abs(x - want).max() <= 1e-12


def test_orders_of_the_rules_in_scale_mode():
    """Halving the steps divides the error by four, by two for Euler's, on a smooth signal sampled at middles."""
    n = 8
    a, b = transition("legs", n)
    z, w = reference.points(60)
    u = lambda s: np.cos(3 * s) + s  # noqa: E731
    exact = reference.legendre(n, 2 * z - 1)[0] @ (w * u(z))
    found = {}
    for method in ("zoh", "bilinear", "hippo_bilinear", "kexue_bilinear", "backward_euler", "forward_euler"):
        errors = []
        for steps in (200, 400):
            t = np.linspace(0, 1, steps + 1)
            first = 20 if "euler" in method or method == "kexue_bilinear" else 1
            near = reference.legendre(n, 2 * z - 1)[0] @ (w * u(z * t[first]))
            x = near
            pairs = discretize_scale(a, b, t[first:-1], t[first + 1 :], method=method)
            for ad, bd, middle in zip(*pairs, (t[first:-1] + t[first + 1 :]) / 2, strict=True):
                x = ad @ x + bd * u(middle)
            errors.append(np.abs(x - exact).max())
        found[method] = errors[0] / errors[1]
    assert all(found[m] > 3.4 for m in ("zoh", "bilinear", "hippo_bilinear")), found
    assert all(1.6 < found[m] < 3 for m in ("backward_euler", "forward_euler")), found


def test_published_steps():
    a, b = transition("legs", 6)
    k, one = np.arange(10.0, 20.0), np.eye(6)
    ad, bd = discretize_scale(a, b, k - 0.5, k + 0.5, method="hippo_bilinear")
    for i, m in enumerate(k):  # A / k on both sides
        assert close(ad[i], np.linalg.solve(one - a / (2 * m), one + a / (2 * m)), 1e-14)
        assert close(bd[i], np.linalg.solve(one - a / (2 * m), b / m), 1e-14)
    ad, bd = discretize_scale(a, b, k, k + 1, method="kexue_bilinear")
    for i, m in enumerate(k):
        assert close(ad[i], np.linalg.solve(one - a / (2 * m + 2), one + a / (2 * m)), 1e-14)
        assert close(bd[i], np.linalg.solve(one - a / (2 * m + 2), b / m), 1e-14)
    ad, bd = discretize_scale(a, b, k, k + 1, method="forward_euler")
    assert close(ad[3], one + a / 13, 1e-15) and close(bd[3], b / 13, 1e-15)
    ad, bd = discretize_scale(a, b, k - 1, k, method="backward_euler")
    assert close(ad[3], np.linalg.inv(one - a / 13), 1e-14)


def test_the_first_step_of_a_scaled_memory():
    for measure, n in (("legs", 64), ("fous", 33)):
        a, b = transition(measure, n)
        ad, bd = discretize_scale(a, b, 0.0, 5.0, method="zoh")
        constant = np.zeros(n)
        constant[0 if measure == "legs" else n // 2] = 1
        assert not ad.any() and np.abs(bd - constant).max() <= 1e-13
    assert discretize_scale([-2.0], [3.0], 0, 1, method="zoh")[1] == 1.5


def test_fous_steps_exactly_in_coordinates_of_its_own():
    """The page's condition numbers, and through V the dense exact step from any time to any other."""
    for n, condition in ((17, 3), (65, 6), (257, 11)):
        a, b = transition("fous", n)
        lambda_, in_, v = diagonalize(a, b)
        assert np.abs(lambda_.real + 1).max() <= 1e-11 and np.linalg.cond(v) < condition + 0.6
        assert close((v * lambda_) @ np.linalg.inv(v), a, 1e-12) and close(v @ in_, b, 1e-12)
        assert (in_.real > 0).all() and not in_.imag.any() and (np.diff(lambda_.imag) > 0).all()
        if n < 100:
            ad, bd = discretize_scale(lambda_, in_, 3.0, 41.5, method="zoh")
            dense, held = discretize_scale(a, b, 3.0, 41.5, method="zoh")
            assert close((v * ad) @ np.linalg.inv(v), dense, 1e-11) and close(v @ bd, held, 1e-11)
            assert np.allclose(ad, (3 / 41.5) ** -lambda_, rtol=1e-13)


def test_a_held_signal_through_fous_is_its_fourier_coefficients_while_it_is_smooth():
    """The signal 1 - cos(2 pi s / t) vanishes with its slope at both ends: the truncated system follows it."""
    n, steps = 65, 400
    lambda_, b, v = diagonalize(*transition("fous", n))
    t = np.linspace(0, 1, steps + 1)
    middle = (t[1:] + t[:-1]) / 2
    u = (1 - np.cos(2 * np.pi * middle)) * np.exp(-middle)
    x = np.zeros(n, complex)
    for k, (ad, bd) in enumerate(zip(*discretize_scale(lambda_, b, t[:-1], t[1:], method="zoh"), strict=True)):
        x = ad * x + bd * u[k]
    back = (np.exp(2j * np.pi * np.outer(middle, np.arange(n) - n // 2)) @ (v @ x)).real
    inner = (middle > 0.1) & (middle < 0.9)
    assert np.abs(back - u)[inner].max() <= 0.02


def test_what_has_no_eigenvectors_is_refused():
    with pytest.raises(ValueError, match="condition number of at most 1e8"):
        diagonalize(*transition("legs", 40))
    with pytest.raises(ValueError, match=r"hippo\.diagonalize: a must have shape \(n, n\), has \(2,\)"):
        diagonalize([1.0, 2.0], [1.0, 1.0])
    a, b = transition("foud", 6)
    lambda_, in_, v = diagonalize(a, b)
    assert np.abs(v.conj().T @ v - np.eye(6)).max() <= 1e-13 and close((v * lambda_) @ v.conj().T, a, 1e-13)
    assert close(v @ in_, b, 1e-13)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((0.0, 1.0), {}, "t0 must be positive for 'bilinear', is 0.0"),
        ((0.0, 1.0), {"method": "forward_euler"}, "t0 must be positive"),
        ((0.0, 1.0), {"alpha": 0.7}, "t0 must be positive"),
        ((-1.0, 1.0), {"method": "zoh"}, "t0 must not be negative, is -1.0"),
        ((1.0, 1.0), {}, "t1 must be after t0, is 1.0 after 1.0"),
        (([1.0, 2.0], [2.0, 1.5]), {}, "t1 must be after t0, is 1.5 after 2.0"),
        ((1.0, np.nan), {}, "t1 must be finite"),
        ((np.inf, np.inf), {}, "t0 must be finite"),
        ((1.0, 2.0), {"method": "exact"}, "method must be one of"),
        (([1.0, 2.0], [3.0, 4.0, 5.0]), {}, "t0 and t1 must broadcast together, have"),
        ((1e-320, 1.0), {"method": "forward_euler"}, "must be finite"),
        ((1.0, 2.0), {"method": "zoh", "alpha": 0.5}, "alpha must be None"),
    ],
)
@pytest.mark.filterwarnings("ignore:hippo:UserWarning")
def test_what_has_no_step_in_scale_mode_is_refused(arguments, options, words):
    a, b = transition("legs", 3)
    with pytest.raises(ValueError, match=rf"hippo\.discretize_scale: .*{words}"):
        discretize_scale(a, b, *arguments, **options)
    with pytest.raises(TypeError, match="alpha must be a number, is 'half'"):
        discretize_scale(a, b, 1.0, 2.0, alpha="half")
    with pytest.raises(ValueError, match="a must be invertible for a state of rest"):
        discretize_scale(np.zeros((2, 2)), [1.0, 1.0], 0.0, 1.0, method="zoh")


def test_forward_euler_in_scale_mode_warns_while_it_grows():
    a, b = transition("legs", 64)
    with pytest.warns(UserWarning, match="the step h must be at most 0.0312 for forward Euler"):
        discretize_scale(a, b, 10.0, 11.0, method="forward_euler")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        discretize_scale(a, b, 100.0, 101.0, method="forward_euler")
        discretize_scale(a, b, 10.0, 11.0, method="hippo_bilinear")
