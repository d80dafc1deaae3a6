# SPDX-License-Identifier: Apache-2.0
"""The one-step methods of LegS by dense float64 solves, straight from x' = (A x + B u) / t."""

from __future__ import annotations

import math

import numpy as np
import scipy.linalg


def system(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A = -(r_n r_k below the diagonal, n + 1 on it), B = r, r_n = sqrt(2n + 1).

    >>> system(2)[0].round(3)
    array([[-1.   ,  0.   ],
           [-1.732, -2.   ]])
    """
    root = np.sqrt(2.0 * np.arange(n) + 1)
    return -np.tril(np.outer(root, root), -1) - np.diag(np.arange(1.0, n + 1)), root


def coefficients(u: np.ndarray, n: int, method: str, times: np.ndarray | None = None) -> np.ndarray:
    """Coefficients ``(channels, n)``, x = u_0 e_0 after the first sample.

    Then over a cell [t0, t1), with h = log(t1 / t0), or (t1 - t0) / t0 for ``"hippo_bilinear"``:

        bilinear:        (I - h/2 A) x1 = (I + h/2 A) x0 + h B u
        backward_euler:  (I - h A) x1 = x0 + h B u
        forward_euler:   x1 = x0 + h (A x0 + B u)

    >>> coefficients(np.array([2.0, 2.0]), 3, "bilinear").round(12) + 0.0
    array([[2., 0., 0.]])
    """
    u = np.asarray(u, dtype=np.float64).reshape(len(u), -1)
    ends = np.arange(1.0, len(u) + 1) if times is None else np.asarray(times, dtype=np.float64)
    a, b = system(n)
    eye = np.eye(n)
    x = np.zeros((n, u.shape[1]))
    x[0] = u[0]
    for k in range(1, len(u)):
        h = (ends[k] - ends[k - 1]) / ends[k - 1]
        if method != "hippo_bilinear":
            h = math.log1p(h)
        drive = h * np.outer(b, u[k])
        if method == "forward_euler":
            x = x + h * (a @ x) + drive
        elif method == "backward_euler":
            x = scipy.linalg.solve_triangular(eye - h * a, x + drive, lower=True)
        else:
            x = scipy.linalg.solve_triangular(eye - h / 2 * a, x + h / 2 * (a @ x) + drive, lower=True)
    return x.T
