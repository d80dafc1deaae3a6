# SPDX-License-Identifier: Apache-2.0
"""Fourier transforms, against NumPy's in double precision."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danaus import fft

LENGTHS = [*range(1, 71), 127, 240, 256, 257, 320, 509, 640, 768, 1000, 1280, 2187, 4096, 5003]
PAIRS = [("fft", "c"), ("ifft", "c"), ("rfft", "f"), ("irfft", "c")]


def signals(rng: np.random.Generator, shape: tuple[int, ...], kind: str, precision: int) -> np.ndarray[Any, Any]:
    x = rng.standard_normal(shape)
    if kind == "c":
        return (x + 1j * rng.standard_normal(shape)).astype(f"complex{2 * precision}")
    return x.astype(f"float{precision}")


def check(name: str, x: np.ndarray[Any, Any], n: int, **more: Any) -> None:
    """As accurate as the docstring says, with a margin of 4; NumPy's own error does not count."""
    axis = more.get("axis", -1)
    y = getattr(fft, name)(x, n, **more)
    wide = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    wanted = getattr(np.fft, name)(wide, n, axis=axis)
    single = x.dtype.itemsize == (8 if x.dtype.kind == "c" else 4)
    assert (
        y.dtype
        == wanted.astype(("complex64" if single else "complex128") if y.dtype.kind == "c" else x.real.dtype).dtype
    )
    assert y.shape == wanted.shape
    eps = 2.0**-23 if single else 2.0**-52
    scale = np.sqrt((np.abs(wanted) ** 2).mean(axis=axis, keepdims=True)) + 1e-300
    assert (np.abs(y - wanted) <= 4 * 0.6 * eps * (np.log2(n) + 4) * scale).all()


@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_every_length(name: str, kind: str, precision: int) -> None:
    rng = np.random.default_rng(0)
    for n in LENGTHS:
        count = n // 2 + 1 if name == "irfft" else n
        check(name, signals(rng, (3, count), kind, precision), n)
        if n < 400:
            check(name, signals(rng, (2, count, 19), kind, precision), n, axis=1)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_shapes_axes_and_strides(data: st.DataObject) -> None:
    name, kind = data.draw(st.sampled_from(PAIRS))
    shape = tuple(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = data.draw(st.integers(1, 20))
    x = signals(np.random.default_rng(1), tuple(2 * s for s in shape), kind, 64)[
        tuple([slice(None, None, 2)] * len(shape))
    ]
    x = x.transpose(data.draw(st.permutations(range(len(shape)))))
    if name == "irfft":
        n = max(n, 2)
    check(name, x, n, axis=axis, threads=data.draw(st.integers(1, 3)))


@pytest.mark.parametrize("n", [1, 2, 7, 64, 250, 1024, 3000])
def test_laws(n: int) -> None:
    rng = np.random.default_rng(2)
    x = signals(rng, (4, n), "c", 64)
    spectrum = fft.fft(x)
    np.testing.assert_allclose(fft.ifft(spectrum), x, atol=1e-13)
    np.testing.assert_allclose((np.abs(spectrum) ** 2).sum(1), n * (np.abs(x) ** 2).sum(1), rtol=1e-12)
    real = x.real.copy()
    half = fft.rfft(real)
    np.testing.assert_allclose(half, fft.fft(real)[:, : n // 2 + 1], atol=1e-11)
    np.testing.assert_allclose(fft.irfft(half, n), real, atol=1e-13)
    once = np.zeros(n)
    once[0] = 1
    assert np.array_equal(fft.rfft(once).round(14), np.ones(n // 2 + 1))


def test_a_signal_does_not_disturb_its_neighbours() -> None:
    x = np.random.default_rng(3).standard_normal((20, 64)).astype("float32")
    clean = fft.rfft(x)
    x[7, 5] = np.nan
    y = fft.rfft(x)
    assert np.isnan(y[7]).all()
    assert np.array_equal(np.delete(y, 7, 0), np.delete(clean, 7, 0))


def test_out_and_threads_give_the_same_bits() -> None:
    x = signals(np.random.default_rng(4), (33, 512), "c", 32)
    once = fft.fft(x)
    out = np.full_like(once, np.nan)
    assert fft.fft(x, out=out, threads=2) is out
    assert np.array_equal(out, once)
    assert fft.fft(x, out=x) is x  # in place
    assert np.array_equal(x, once)


def test_many_threads_share_plans() -> None:
    rng = np.random.default_rng(5)
    x = {n: rng.standard_normal(n) for n in (60, 64, 250, 777, 1024)}
    wanted = {n: fft.rfft(v) for n, v in x.items()}
    wrong: list[int] = []

    def work() -> None:
        wrong.extend(n for _ in range(20) for n, v in x.items() if not np.array_equal(fft.rfft(v), wanted[n]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_and_huge_values() -> None:
    assert fft.fft(np.zeros((0, 8))).shape == (0, 8)
    assert fft.rfft(np.zeros((3, 0)), 4).tolist() == [[0, 0, 0]] * 3
    assert np.isfinite(fft.fft(np.full(8, 1e37, "float32"))).all()
    assert fft.fft(np.full(8, 1e-42, "float32"))[0] == np.float32(1e-42) * 8


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: fft.fft(np.arange(4)), TypeError, "fft.fft: x must be float32, float64, complex64 or complex128"),
        (lambda: fft.rfft(np.zeros(4, complex)), TypeError, "fft.rfft: x must be real, is complex128"),
        (lambda: fft.fft(np.zeros(4), axis=1), ValueError, "fft.fft: axis must be one of the 1 axes of x, is 1"),
        (lambda: fft.fft(np.float64(1)), ValueError, "fft.fft: axis must be one of the 0 axes"),
        (lambda: fft.fft(np.zeros(0)), ValueError, "fft.fft: n must be positive and below 2"),
        (lambda: fft.irfft(np.zeros(1, complex)), ValueError, "fft.irfft: n must be positive and below 2"),
        (lambda: fft.fft(np.zeros(4), 2**31), ValueError, "fft.fft: n must be positive and below 2"),
        (lambda: fft.fft(np.zeros(4), threads=0), ValueError, "fft.fft: threads must be at least 1"),
        (lambda: fft.rfft(np.zeros(4), out=np.zeros(4, complex)), ValueError, r"fft.rfft: out must be .* shape \(3,\)"),
        (lambda: fft.rfft(np.zeros(4), out=np.zeros(3)), TypeError, "out must be a writable"),
    ],
)
def test_refusals(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
