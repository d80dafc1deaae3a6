# SPDX-License-Identifier: Apache-2.0
"""Fits every polynomial of danaus/simd/{exp,log,trig,erf,activation}.hpp; prints them, and the constants.

Minimax by Lawson's iteration (least squares on Chebyshev nodes, reweighted by the error), in the
basis the header evaluates. Coefficients are rounded to float one after the other, the lowest first,
and the ones still free are fitted again each time, so that they absorb the rounding.

    python tests/reference/fit_math.py
"""

from collections.abc import Callable

import mpmath
import numpy as np
from scipy.special import erf, erfc, erfcx

Array = np.ndarray
Function = Callable[[Array], Array]


def nodes(low: float, high: float, count: int = 2000) -> Array:
    angle = (np.arange(count) + 0.5) * np.pi / count
    return (low + high) / 2 + (high - low) / 2 * np.cos(angle)


def lawson(basis: Array, target: Array, scale: Array, rounds: int = 300) -> Array:
    """Coefficients that minimise max |scale * (basis @ c - target)|."""
    weight = np.ones(len(target)) / len(target)
    best, best_error = None, np.inf
    for _ in range(rounds):
        root = np.sqrt(weight) * scale
        c = np.linalg.lstsq(basis * root[:, None], target * root, rcond=None)[0]
        error = np.abs(scale * (basis @ c - target))
        if error.max() < best_error:
            best, best_error = c, error.max()
        weight *= error + 1e-3 * error.max()
        weight /= weight.sum()
    return best


def literal(c: float) -> str:
    digits, exponent = float(np.float32(c)).hex().split("p")
    return f"{digits.rstrip('0').rstrip('.')}p{int(exponent)}f"


def rounded(basis: Array, target: Array, scale: Array) -> Array:
    """The coefficients of `lawson`, each a float."""
    fixed: list[float] = []
    for k in range(basis.shape[1]):
        rest = target - basis[:, :k] @ np.array(fixed) if k else target
        fixed.append(float(np.float32(lawson(basis[:, k:], rest, scale)[0])))
    return np.array(fixed)


def report(name: str, c: Array, error: float) -> None:
    print(f"// {name}: error 2^{np.log2(error):.1f}\n{', '.join(map(literal, c))}")


def fit(name: str, f: Function, scale: Function, x: Array, variable: Array, degree: int) -> None:
    """f(x) ~ sum_k c_k variable^k, where `scale` turns an error of f into a relative one of the result."""
    basis = variable[:, None] ** np.arange(degree + 1)
    c = rounded(basis, f(x), scale(x))
    report(name, c, np.abs(scale(x) * (basis @ c - f(x))).max())


def fit_ratio(name: str, f: Function, x: Array, top: int, bottom: int) -> None:
    """f(x) ~ p(x) / q(x) with q(0) = 1, p(0) = f(0), to relative error.

    Linearised, repeated with the last q as a weight, then rounded: q first, p afterwards against it.
    """
    q = np.ones_like(x)
    up, down = (x[:, None] ** np.arange(1, n + 1) for n in (top, bottom))
    start = float(f(np.zeros(1))[0])
    for _ in range(30):
        joint = np.hstack([up, -f(x)[:, None] * down])
        c = lawson(joint, f(x) - start, 1 / (q * f(x)))
        q = 1 + down @ c[top:]
    c_down = np.float32(c[top:]).astype(float)
    q = 1 + down @ c_down
    c_up = rounded(up, f(x) * q - start, 1 / (q * f(x)))
    report(f"{name}, numerator and denominator", np.r_[start, c_up], np.abs((start + up @ c_up) / (q * f(x)) - 1).max())
    print(", ".join(map(literal, [1, *c_down])))


def split(name: str, value: mpmath.mpf, bits: int, rest: Callable[[mpmath.mpf], str]) -> None:
    """`value` as a first part of at most `bits` bits and the rest."""
    scale = mpmath.mpf(2) ** (bits - 1 - mpmath.floor(mpmath.log(value, 2)))
    high = mpmath.floor(value * scale) / scale
    print(f"// {name}\n{float(high).hex()}, {rest(value - high)}")


def constants() -> None:
    mpmath.mp.prec = 300
    split("ln 2", mpmath.ln(2), 15, literal)
    split("pi/2, in double", mpmath.pi / 2, 33, lambda x: float(x).hex())
    steep = 2 * mpmath.sqrt(2 / mpmath.pi)
    for name, value in (
        ("1 / ln 2", 1 / mpmath.ln(2)),
        ("2 / pi", 2 / mpmath.pi),
        ("2 sqrt(2 / pi)", steep),
        ("2 sqrt(2 / pi) 0.044715", steep * mpmath.mpf("0.044715")),
    ):
        print(f"// {name}\n{literal(value)}")
    words = int(mpmath.floor(2 / mpmath.pi * mpmath.mpf(2) ** 224))
    print(
        "// 2 / pi in words of 32 bits\n" + ", ".join(hex(words >> shift & 0xFFFFFFFF) for shift in range(192, -1, -32))
    )


def main() -> None:
    constants()
    r = nodes(-0.3466, 0.3466)
    fit("exp: (e^r - 1 - r) / r^2", lambda r: (np.expm1(r) - r) / r**2, lambda r: r**2 / np.exp(r), r, r, 4)
    f = nodes(-1 / 3, 1 / 3)
    fit(
        "log: (log(1+f) - f + f^2/2) / f^3",
        lambda f: (np.log1p(f) - f + f**2 / 2) / f**3,
        lambda f: f**3 / np.log1p(f),
        f,
        f,
        7,
    )
    r = nodes(0, 0.8)
    fit("sin: (sin r - r) / r^3", lambda r: (np.sin(r) - r) / r**3, lambda r: r**3 / np.sin(r), r, r**2, 2)
    fit(
        "cos: (cos r - 1 + r^2/2) / r^4",
        lambda r: (np.cos(r) - 1 + r**2 / 2) / r**4,
        lambda r: r**4 / np.cos(r),
        r,
        r**2,
        2,
    )
    x = nodes(0, 0.5625)
    fit("tanh: (tanh x - x) / x^3", lambda x: (np.tanh(x) - x) / x**3, lambda x: x**3 / np.tanh(x), x, x**2, 4)
    x = nodes(0, 0.9375)
    fit("erf: erf(x) / x - 1", lambda x: erf(x) / x - 1, lambda x: x / erf(x), x, x**2, 6)
    x = nodes(0.9375, 3.925)
    fit("erf: -log2(erfc(x))", lambda x: -np.log2(erfc(x)), lambda x: erfc(x) * np.log(2) / erf(x), x, x, 6)
    r = nodes(-0.5, 0.5)
    fit("erf: (2^r - 1) / r", lambda r: np.expm1(r * np.log(2)) / r, lambda r: r / 2**r, r, r, 4)
    v = nodes(-0.6935, 0.6935)
    fit("gelu: (e^(-v/2) - 1) / v", lambda v: (np.exp(-v / 2) - 1) / v, lambda v: v * np.exp(v / 2), v, v, 5)
    fit_ratio("gelu: erfcx(x / sqrt 2) / 2", lambda x: erfcx(x / np.sqrt(2)) / 2, nodes(0, 14.5), 4, 5)


if __name__ == "__main__":
    main()
