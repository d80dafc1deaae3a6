# SPDX-License-Identifier: Apache-2.0
"""The bridge to PyTorch: gradients by gradcheck, shared memory, training, and refusals."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import danaus
from helpers import same_bits
from systems import random_layer

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("danaus.torch")


def tensor(*shape, dtype=torch.float64, seed=0, grad=True):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_(grad)


def parameters(channels, modes, dtype=torch.float64):
    """Leaves a, b, c, d, dt of a layer with poles as trained ones have them."""
    layer = random_layer(channels, modes)
    double = dtype == torch.float64
    kinds = {True: torch.complex128 if double else torch.complex64, False: dtype}
    values = [getattr(layer, name) for name in ("a", "b", "c", "d", "dt")]
    return [torch.tensor(v, dtype=kinds[np.iscomplexobj(v)], requires_grad=True) for v in values]


@pytest.mark.parametrize(("batch", "length", "channels", "taps"), [((), 7, 3, 7), ((2,), 9, 2, 4), ((2, 1), 5, 1, 8)])
def test_gradients_of_the_convolution(batch, length, channels, taps):
    u, k = tensor(*batch, length, channels), tensor(channels, taps, seed=1)
    assert torch.autograd.gradcheck(bridge.causal_convolve, (u, k))
    for fixed in (u, k):  # each gradient alone has a way of its own
        fixed.requires_grad_(False)
        assert torch.autograd.gradcheck(bridge.causal_convolve, (u, k))
        fixed.requires_grad_(True)


@pytest.mark.parametrize("method", ["zoh", "bilinear", "dss"])
@pytest.mark.parametrize("length", [1, 6, 33])
def test_gradients_of_the_s4d_kernel(method, length):
    a, b, c, _, dt = parameters(2, 3)

    def kernel(*leaves):
        return bridge.s4d_kernel(*leaves, length, method=method)

    # steps much shorter than dt, which is 1e-3 at the least
    assert torch.autograd.gradcheck(kernel, (a, b, c, dt), eps=1e-8, atol=1e-4)


def test_gradients_of_the_layer():
    leaves = parameters(2, 3)
    assert torch.autograd.gradcheck(bridge.s4d, (*leaves, tensor(2, 12, 2)))


@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("length", [1, 3, 20])
def test_gradients_of_the_transfer_functions_kernel(rows, length):
    a = (tensor(rows, 5).detach() / 10).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *x: bridge.rtf_kernel(*x, length), (tensor(4, 5, seed=1), a, tensor(4, seed=2))
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_numbers_are_those_of_the_library(dtype):
    kind = getattr(torch, dtype)
    u, k = tensor(2, 50, 3, dtype=kind, grad=False), tensor(3, 50, dtype=kind, grad=False)
    assert same_bits(bridge.causal_convolve(u, k).numpy(), danaus.ssm.causal_convolve(u.numpy(), k.numpy()))
    a, b, c, d, dt = (leaf.detach() for leaf in parameters(3, 4, kind))
    layer = danaus.ssm.S4D(a.numpy(), b.numpy(), c.numpy(), d.numpy(), dt.numpy())
    assert same_bits(bridge.s4d_kernel(a, b, c, dt, 50).numpy(), layer.kernel(50, dtype))
    y = bridge.s4d(a, b, c, d, dt, u)
    assert y.dtype == kind
    assert np.allclose(y.numpy(), layer(u.numpy()), rtol=0, atol=1e-4 if dtype == "float32" else 1e-11)
    one = bridge.s4d_kernel(a, 1, c, dt, 50)
    assert same_bits(one.numpy(), bridge.s4d_kernel(a, torch.ones_like(a), c, dt, 50).numpy())


def test_conjugated_transposed_and_expanded_tensors():
    a, b, c, _, dt = (leaf.detach() for leaf in parameters(3, 4))
    whole = bridge.s4d_kernel(a.conj().resolve_conj(), b, c, dt, 20)
    assert torch.equal(bridge.s4d_kernel(a.conj(), b, c, dt, 20), whole)
    u, k = tensor(20, 3), tensor(20, 3, seed=1, grad=False).T.requires_grad_()
    bridge.causal_convolve(u, k).sum().backward()  # the gradient of a sum is one number, expanded
    expected = torch.cumsum(u.detach(), 0).flip(0).T  # dk_j = sum_{t < L - j} u_t
    assert torch.allclose(k.grad, expected, rtol=0, atol=1e-12)


def test_training_a_small_layer_lowers_the_loss():
    a, b, c, d, dt = parameters(4, 8, torch.float32)
    rate = dt.detach().log().requires_grad_()
    leaves = [c, d, rate]
    u = tensor(4, 64, 4, dtype=torch.float32, grad=False)
    wanted = torch.roll(u, 3, 1)
    optimizer = torch.optim.Adam(leaves, lr=3e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (bridge.s4d(a.detach(), b.detach(), c, d, rate.exp(), u) - wanted).square().mean()
        loss.backward()
        assert all(leaf.grad is not None and torch.isfinite(leaf.grad).all() for leaf in leaves)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert a.grad is None and b.grad is None


def test_gradients_have_the_types_of_their_leaves():
    leaves = parameters(2, 3, torch.float32)
    bridge.s4d(*leaves, tensor(12, 2, dtype=torch.float32)).sum().backward()
    assert all(leaf.grad.dtype == leaf.dtype for leaf in leaves)


def test_second_derivatives_are_refused_in_words():
    u, k = tensor(9, 2), tensor(2, 9, seed=1)
    (first,) = torch.autograd.grad(bridge.causal_convolve(u, k).square().sum(), k, create_graph=True)
    plain = tensor(2, 9, seed=1)
    bridge.causal_convolve(u, plain).square().sum().backward()
    assert torch.equal(first, plain.grad)
    with pytest.raises(NotImplementedError, match=r"danaus\.torch\.causal_convolve: second derivatives"):
        first.sum().backward()


def on(device, *shape, dtype=torch.float64):
    return torch.empty(*shape, dtype=dtype, device=device)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: bridge.causal_convolve(on("meta", 5, 1), tensor(1, 5)),
            ValueError,
            "u must be on the CPU, is on meta",
        ),
        (lambda: bridge.causal_convolve(tensor(5, 1), on("meta", 1, 5)), ValueError, r"k must be on .* with \.cpu\(\)"),
        (lambda: bridge.causal_convolve(np.ones((5, 1)), tensor(1, 5)), TypeError, "u must be a tensor, is ndarray"),
        (lambda: bridge.causal_convolve(tensor(5, 1).half(), tensor(1, 5)), TypeError, "u must be float32 or float64"),
        (lambda: bridge.causal_convolve(tensor(5, 1).float(), tensor(1, 5)), TypeError, "k must be torch.float32"),
        (lambda: bridge.causal_convolve(tensor(5, 1).to_sparse(), tensor(1, 5)), TypeError, "u must be dense"),
        (lambda: bridge.causal_convolve(tensor(5, 2), tensor(1, 5)), ValueError, "u must have shape"),
        (lambda: bridge.causal_convolve(tensor(5, 1), tensor(1, 5), threads=0), ValueError, "threads"),
        (lambda: bridge.s4d_kernel(tensor(1, 2), 1, tensor(1, 2), tensor(1), 5), TypeError, "a must be complex64"),
        (lambda: bridge.rtf_kernel(tensor(2, 3), tensor(2, 3), tensor(3), 5), ValueError, "h0 must have shape"),
        (lambda: bridge.rtf_kernel(tensor(2, 3), tensor(2, 2), tensor(2), 5), ValueError, "a must have shape"),
        (lambda: bridge.rtf_kernel(tensor(2, 3) / 0, tensor(2, 3), tensor(2), 5), ValueError, "b must be finite"),
        (lambda: bridge.rtf_kernel(tensor(2, 3), tensor(2, 3), tensor(2), -5), ValueError, "length"),
        (lambda: bridge.s4d(*parameters(2, 3), tensor(5, 3)), ValueError, "u must have shape"),
        (lambda: bridge.s4d(*parameters(2, 3)[:4], -tensor(2).abs(), tensor(5, 2)), ValueError, "dt must be positive"),
    ],
)
def test_refusals_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_danaus_does_not_import_it():
    code = "import sys, danaus; assert 'torch' not in sys.modules and 'danaus.torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_gradients_of_maps_onto_the_simplex():
    x = tensor(3, 7, 2)
    for f in (bridge.softmax, bridge.log_softmax, bridge.sparsemax, bridge.entmax):
        assert torch.autograd.gradcheck(lambda x, f=f: f(x, 1), x)
        assert torch.autograd.gradcheck(lambda x, f=f: f(x), x)
    assert torch.autograd.gradcheck(lambda x: bridge.softmax(x, 0, temperature=0.6), x)
    assert torch.autograd.gradcheck(lambda x: bridge.entmax(x, 1.2, 1), x)
    assert torch.autograd.gradcheck(lambda x: bridge.topk_softmax(x, 3, 1), x)
    alpha = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, a: bridge.entmax(x, a, 1), (x, alpha))
    rows, labels = tensor(4, 6), torch.tensor([0, 5, 2, 2])
    for power in (1.0, 1.5, 2.0):
        assert torch.autograd.gradcheck(lambda x, power=power: bridge.entmax_loss(x, labels, power), rows)


def test_maps_of_half_precision_and_what_they_refuse():
    x = tensor(5, 9, dtype=torch.float32, grad=False)
    for kind in (torch.float16, torch.bfloat16):
        half = x.to(kind).requires_grad_()
        p = bridge.entmax(half)
        assert p.dtype == kind and torch.equal(p, bridge.entmax(half.detach().float()).to(kind))
        p.square().sum().backward()
        assert half.grad.dtype == kind
    assert torch.allclose(bridge.softmax(x), torch.softmax(x, -1), rtol=1e-5)
    with pytest.raises(TypeError, match=r"danaus\.torch\.softmax: x must be"):
        bridge.softmax(torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="axis must be one of"):
        bridge.softmax(x, 2)
