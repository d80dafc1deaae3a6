# SPDX-License-Identifier: Apache-2.0
"""Weights in fewer bits: products within bounds that follow from the rounding of weights, inputs and sums."""

from __future__ import annotations

import numpy as np
import pytest

from danaus.monarch import Monarch
from helpers import same_bits
from reference import monarch as reference
from test_monarch import SHAPES, drawn, noise

FLOAT = 2.0**-24
HALVES = {
    "bfloat16": 2.0**-8,
    "float16": 2.0**-11,
}  # largest relative change of a normal weight; float16: unit roundoff


def input_step(ins, group):
    """Half the spacing of input codes, relative to the largest input of its group."""
    wide = ins if group is None else min(group, ins)
    return 0.5 / min(32767, (2**31 - 1) // (255 * (wide + wide % 2)))


@pytest.mark.parametrize("storage", HALVES)
@pytest.mark.parametrize("name", SHAPES)
def test_halves(name, storage):
    m = drawn(SHAPES[name], "float32")
    n = m.astype(storage)
    for rounded, weights in ((n.right, m.right), (n.left, m.left)):
        assert rounded.dtype == np.float32
        assert (np.abs(rounded - weights) <= HALVES[storage] * np.abs(weights) + 2.0**-25).all()
    assert same_bits(n.astype(storage).right, n.right)
    for batch in (1, 2, 3, 7):  # as they are, and decoded
        for a, dense in ((n, n.todense().astype(float)), (n.T, n.todense().astype(float).T)):
            x = noise((batch, a.shape[1]), "float32")
            terms = m.right.shape[1] + m.right.shape[2] + m.left.shape[1] + m.left.shape[2] + 4
            sizes = np.abs(x).astype(float) @ reference.dense(np.abs(n.right), np.abs(n.left)).T if a is n else None
            if sizes is None:
                sizes = np.abs(x).astype(float) @ reference.dense(np.abs(n.right), np.abs(n.left))
            assert (np.abs(a(x) - x.astype(float) @ dense.T) <= (terms + 2) * FLOAT * sizes + 1e-30).all()
    x = noise((9, m.shape[1]), "float32")
    assert same_bits(n(x)[:1], n(x[:1]))  # the order of sums is the same


def test_the_nearest_half():
    values = np.r_[np.float32([0, -0.0, 1, 65504, 1e-8, 6e-8, 6e-5, 6.2e-5, 3e38, 1e-40]), noise(500, "float32")]
    values = values[: len(values) // 2 * 2]
    m = Monarch(values.reshape(1, 1, -1), np.ones((1, 1, 1), np.float32))
    with pytest.raises(ValueError, match="below 65520"):
        m.astype("float16")
    small = np.where(np.abs(values) > 65504, 0, values)
    halves = Monarch(small.reshape(1, 1, -1), np.ones((1, 1, 1), np.float32)).astype("float16")
    assert same_bits(halves.right.ravel(), small.astype(np.float16).astype(np.float32))
    columns = np.stack([halves(row) for row in np.eye(len(small), dtype=np.float32)])[:, 0]
    assert (columns == small.astype(np.float16).astype(np.float32)).all()  # the kernel decodes every pattern
    brain = m.astype("bfloat16").right.ravel()
    pattern = values.view(np.uint32).astype(np.uint64)
    below, above = (pattern >> 16 << 16), (pattern >> 16 << 16) + 0x10000
    near = np.where(above & 0x7F800000 != 0x7F800000, above, below).astype(np.uint32).view(np.float32)
    floor = below.astype(np.uint32).view(np.float32)
    best = np.minimum(np.abs(near.astype(float) - values), np.abs(floor.astype(float) - values))
    assert (np.abs(brain.astype(float) - values) == best).all()


@pytest.mark.parametrize("storage", ["int8", "int4"])
@pytest.mark.parametrize("group", [None, 2, 6, 32])
@pytest.mark.parametrize("name", SHAPES)
def test_integers(name, group, storage):
    m = drawn(SHAPES[name], "float32")
    n = m.quantize(storage, group=group)
    steps = 127 if storage == "int8" else 7
    for rounded, weights in ((n.right, m.right), (n.left, m.left)):
        size = weights.shape[2] if group is None else min(group, weights.shape[2])
        for first in range(0, weights.shape[2], size):
            part, near = weights[:, :, first : first + size], rounded[:, :, first : first + size]
            assert (np.abs(part - near) <= np.abs(part).max(2, keepdims=True) * (0.5 / steps + 1e-6)).all()
    dense = n.todense().astype(float)
    right, left = np.abs(n.right).astype(float), np.abs(n.left).astype(float)
    (k, _, p), (j, _, r) = right.shape, left.shape
    for batch in (1, 2, 3, 6):
        x = noise((batch, m.shape[1]), "float32")
        rough = (input_step(p, group), input_step(r, group)) if batch <= 2 else (0, 0)
        # middle values: what inputs are rounded by, then what sums are; both relative to the largest input
        top = np.abs(x).reshape(batch, k, p).max(2)
        sums = (right.sum(2)[None] * top[:, :, None]).reshape(batch, -1)
        middle = (rough[0] + (p + 4) * FLOAT) * sums
        reach = sums + middle
        highest = reach.reshape(batch, r, j).max(1)
        outer = np.einsum("jsr,brj->bsj", left, middle.reshape(batch, r, j))
        outer += np.einsum("jsr,bj->bsj", left, highest) * (rough[1] + (r + 4) * FLOAT)
        outer += np.einsum("jsr,brj->bsj", left, reach.reshape(batch, r, j)) * (p + r + 4) * FLOAT
        assert (np.abs(n(x) - x.astype(float) @ dense.T) <= outer.reshape(batch, -1) + 1e-30).all()
    y = noise((2, m.shape[0]), "float32")
    np.testing.assert_allclose(n.T(y), y @ dense, rtol=0, atol=1e-4 * np.abs(dense).sum(0).max())


def test_integers_are_near_what_they_stand_for():
    m = drawn((32, 32, 32, 32, 32, 32), "float32")
    x = noise((1, m.shape[1]), "float32")
    y = m(x)
    for storage, group, most in (("int8", None, 0.02), ("int8", 8, 0.015), ("int4", None, 0.3), ("int4", 8, 0.2)):
        assert np.linalg.norm(m.quantize(storage, group=group)(x) - y) <= most * np.linalg.norm(y)


@pytest.mark.parametrize("storage", ["bfloat16", "float16", "int8", "int4"])
def test_inputs_of_every_size(storage):
    """Zeros, the smallest and the largest, and what is not finite."""
    m = drawn(SHAPES["rank 3"], "float32")
    n = m.astype(storage) if "float" in storage else m.quantize(storage)
    x = noise((1, m.shape[1]), "float32")
    y = n(x)
    assert not n(0 * x).any()
    for power in (-40, 40):
        np.testing.assert_allclose(n(x * np.float32(2.0**power)) * 2.0**-power, y, rtol=1e-5, atol=1e-5)
    assert np.isfinite(n(np.full_like(x, 1e-42))).all()
    for bad in (np.nan, np.inf, -np.inf):
        z = x.copy()
        z[0, 3] = bad
        assert not np.isfinite(n(z)).any()  # every output reads every input here
    assert same_bits(n(np.repeat(x, 40, 0), threads=2)[3:4], n(np.repeat(x, 40, 0))[5:6])


def test_sizes_and_names():
    m = drawn((64, 64, 64, 64, 64, 64), "float32")
    assert m.astype("bfloat16").nbytes == m.astype("float16").nbytes == m.nbytes // 2
    assert m.quantize("int8").nbytes == m.nbytes // 4 + 2 * 64 * 64 * 4
    assert m.quantize("int4", group=32).nbytes == m.nbytes // 8 + 4 * 64 * 64 * 4
    assert "int8" in repr(m.quantize()) and m.T.T is m
    quantized = m.quantize("int8")
    assert same_bits(quantized.T.T.right, quantized.right)
    chain = quantized.T @ quantized
    x = noise(m.shape[1], "float32")
    assert same_bits(chain(x), quantized.T(quantized(x)))


REFUSED = [
    (lambda m: m.astype("float64"), ValueError, "must be bfloat16 or float16"),
    (lambda m: m.quantize("int3"), ValueError, "must be int8 or int4"),
    (lambda m: m.quantize("int8", group=3), ValueError, "group must be even"),
    (lambda m: m.quantize("int8", group=0), ValueError, "group must be even"),
    (lambda m: drawn(SHAPES["odd"]).astype("bfloat16"), TypeError, "weights must be float32"),
    (lambda m: m.astype("bfloat16")(np.ones(21)), TypeError, "x must be float32"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call(drawn(SHAPES["odd"], "float32"))
