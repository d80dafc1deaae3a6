# SPDX-License-Identifier: Apache-2.0
"""Fits the polynomials of danaus/simd/exp2.hpp to 2^f, |f| <= 1/2, with 1 as the constant, and one series; prints them.

(2^f - 1) / f to relative accuracy of the result by Remez' exchange in 60 digits, then rounded.

    python tests/reference/fit_exp2.py
"""

import mpmath
import numpy as np


def remez(degree: int, bound: float, rounds: int = 12) -> tuple[list[mpmath.mpf], mpmath.mpf]:
    """1 + f (c_1 + ... + c_degree f^(degree - 1)) ~ 2^f on [-bound, bound], and the largest relative error."""
    n = degree
    angle = [mpmath.pi * (2 * k + 1) / (2 * n + 2) for k in range(n + 1)]
    points = sorted(bound * mpmath.cos(a) for a in angle)
    for _ in range(rounds):
        rows = mpmath.matrix(n + 1, n + 1)
        right = mpmath.matrix(n + 1, 1)
        for i, f in enumerate(points):
            for k in range(n):
                rows[i, k] = f ** (k + 1)
            rows[i, n] = (-1) ** i * mpmath.power(2, f)
            right[i] = mpmath.power(2, f) - 1
        solved = mpmath.lu_solve(rows, right)
        c = [solved[k] for k in range(n)]

        def error(f: mpmath.mpf, c: list[mpmath.mpf] = c) -> mpmath.mpf:
            return (1 + sum(ck * f ** (k + 1) for k, ck in enumerate(c))) / mpmath.power(2, f) - 1

        grid = [mpmath.mpf(x) * bound for x in np.cos(np.linspace(np.pi, 0, 60 * n))]
        values = [error(f) for f in grid]
        tops = []
        start = 0
        for i in range(1, len(grid) + 1):
            if i == len(grid) or mpmath.sign(values[i]) != mpmath.sign(values[start]):
                tops.append(max(range(start, i), key=lambda j: abs(values[j])))
                start = i
        if len(tops) < n + 1:
            break
        while len(tops) > n + 1:
            tops.pop(0 if abs(values[tops[0]]) < abs(values[tops[-1]]) else -1)
        points = [grid[i] for i in tops]
    return c, max(abs(v) for v in values)


def chebyshev(count: int) -> list[mpmath.mpf]:
    """The series of (1 + t) erfcx(t / sqrt 2) in y = (t - 4) / (t + 4), t from 0 on, by interpolation."""
    angles = [(2 * k + 1) * mpmath.pi / (2 * count) for k in range(count)]
    values = []
    for angle in angles:
        t = 4 * (1 + mpmath.cos(angle)) / (1 - mpmath.cos(angle))
        values.append(mpmath.exp(t * t / 2) * mpmath.erfc(t / mpmath.sqrt(2)) * (1 + t))
    return [
        (2 if j else 1) * sum(v * mpmath.cos(j * a) for v, a in zip(values, angles, strict=True)) / count
        for j in range(count)
    ]


def main() -> None:
    mpmath.mp.dps = 60
    for name, degree, kind in (("float", 6, np.float32), ("double", 11, np.float64)):
        c, error = remez(degree, 0.5)
        print(f"// {name}: error 2^{float(mpmath.log(error, 2)):.1f}")
        print(", ".join(float(kind(float(x))).hex() for x in c))
    print("// perturb.hpp: (1 + t) erfcx(t / sqrt 2)\n" + ", ".join(float(x).hex() for x in chebyshev(24)))


if __name__ == "__main__":
    main()
