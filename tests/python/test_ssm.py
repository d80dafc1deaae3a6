# SPDX-License-Identifier: Apache-2.0
"""S4D layers against their formulas, and the laws that kernel, scan, step and convolution obey."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from danaus.ssm import S4D, causal_convolve
from helpers import LAYOUTS, cut, laid_out, same_bits
from reference import diagonal
from systems import discrete, kernel_bound, random_layer, s4d_lin, scan_bound, scan_spread

METHODS = ("zoh", "bilinear", "dss")
DTYPES = ("float32", "float64")


def noise(shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# ------------------------------------------------------------------------------------------ kernels


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("channels", "modes", "length"), [(1, 1, 1), (3, 7, 70), (2, 32, 4096), (5, 64, 16384)])
def test_kernel_is_the_formula(method, dtype, channels, modes, length):
    layer = random_layer(channels, modes, method=method, length=length)
    a_bar, b_bar = discrete(layer)
    truth = diagonal.kernel(a_bar, b_bar, layer.c, length)
    k = layer.kernel(length, dtype)
    assert k.dtype == dtype and k.shape == (channels, length)
    assert (np.abs(k - truth) <= kernel_bound(layer, length, dtype)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
def test_kernel_against_forty_digits(method, dtype):
    length = 16384
    layer = random_layer(2, 8, seed=3, method=method, length=length)
    k = layer.kernel(length, dtype)
    lags = [0, 1, 2, 63, 64, 255, 256, 1000, 4097, 12345, 16383]
    bound = kernel_bound(layer, length, dtype)
    for h in range(2):
        truth = diagonal.kernel_mp(layer.a[h], layer.b[h], layer.c[h], layer.dt[h], lags, method, length)
        assert (np.abs(k[h, lags] - truth) <= bound[h]).all()


@pytest.mark.parametrize("length", [1, 100, 1024, 16384])
@pytest.mark.parametrize("modes", [8, 32, 64])
def test_float32_kernel_is_within_a_millionth_of_its_peak(modes, length):
    layer = s4d_lin(16, modes)
    truth = diagonal.kernel(*discrete(layer), layer.c, length)
    error = np.abs(layer.kernel(length) - truth).max(1)
    assert (error <= 1e-6 * np.abs(layer.kernel(max(length, 1024), "float64")).max(1)).all()


@pytest.mark.parametrize("length", range(71))
def test_kernel_of_any_length_is_a_beginning_within_rounding(length):
    layer = random_layer(3, 5)
    for dtype in DTYPES:
        whole, part = layer.kernel(70, dtype), layer.kernel(length, dtype)
        assert part.shape == (3, length)
        assert (np.abs(whole[:, :length] - part) <= 2 * kernel_bound(layer, 70, dtype)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate", [2, 0.5, 4.0])
def test_resampled_layers_are_the_same_system_at_other_steps(method, rate):
    layer = random_layer(3, 5, method=method, length=64)
    resampled = layer.resample(rate)
    other = diagonal.discretize(layer.a, layer.b, layer.dt * rate, method, 64 / rate)
    truth = diagonal.kernel(*other, layer.c, 100)
    assert np.abs(resampled.kernel(100, "float64") - truth).max() <= 1e-11 * np.abs(truth).max()
    if method == "zoh":  # exact for inputs that stay: the poles are powers of each other
        assert np.allclose(resampled.poles, layer.poles**rate, rtol=0, atol=1e-13)
    for wrong in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"ssm\.S4D\.resample: rate must be positive"):
            layer.resample(wrong)


def test_kernel_of_a_pole_at_zero_and_of_a_system_that_forgets_at_once():
    integrator = S4D(np.zeros((1, 1)), 1, np.full((1, 1), 0.5), np.zeros(1), np.full(1, 0.25))
    assert np.array_equal(integrator.kernel(100, "float64"), np.full((1, 100), 0.25))
    deaf = S4D(np.full((1, 1), -1e6), 1, np.full((1, 1), 0.5), np.zeros(1), np.ones(1))
    assert np.allclose(deaf.kernel(5, "float64"), [[1e-6, 0, 0, 0, 0]], rtol=1e-15, atol=0)


def test_kernel_of_an_unstable_system():
    layer = S4D([[0.1 + 1j]], 1, [[1.0]], [0.0], [0.5])
    truth = diagonal.kernel_mp(layer.a[0], layer.b[0], layer.c[0], 0.5, range(64))
    assert np.allclose(layer.kernel(64, "float64")[0], truth, rtol=0, atol=1e-13 * np.abs(truth).max())
    assert layer.check().stable is False


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel_out_and_threads(dtype):
    layer = random_layer(11, 6)
    plain = layer.kernel(300, dtype)
    for threads in (1, 2, 3, 4, 50):
        out = np.full((11, 300), np.nan, dtype)
        assert layer.kernel(300, dtype, out=out, threads=threads) is out
        assert same_bits(out, plain)


# --------------------------------------------------------------------------------------------- scan


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("channels", "modes", "length"), [(1, 1, 7), (3, 17, 300), (16, 4, 1000), (37, 8, 129)])
def test_scan_is_the_recurrence(method, dtype, channels, modes, length):
    layer = random_layer(channels, modes, method=method, length=length)
    u = noise((length, channels), dtype)
    truth, largest = diagonal.scan(*discrete(layer), layer.c, layer.d, u, states=True)
    assert (np.abs(layer(u, evaluation="scan") - truth) <= scan_bound(layer, u, largest, dtype)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_scan_is_the_convolution(method, dtype):
    layer = random_layer(9, 12, method=method, length=700)
    u = noise((700, 9), dtype)
    truth = diagonal.convolve(layer.kernel(700, "float64"), u) + layer.d * u
    _, largest = diagonal.scan(*discrete(layer), layer.c, layer.d, u, states=True)
    scanned = scan_bound(layer, u, largest, dtype)
    # an error of every tap times |u|_1; then the transform's own, as causal_convolve states it
    transform = (1e-7 if dtype == "float32" else 2e-16) * np.log2(700) * np.linalg.norm(u, axis=0)
    transform = transform * np.linalg.norm(layer.kernel(700, "float64"), axis=1)
    convolved = kernel_bound(layer, 700, dtype)[:, 0] * np.abs(u).sum(0) + transform
    convolved = convolved + 3 * np.finfo(dtype).eps * np.abs(truth).max(0)
    assert (
        np.abs(layer(u, evaluation="scan") - truth)
        <= scanned + kernel_bound(layer, 700, "float64")[:, 0] * np.abs(u).sum(0)
    ).all()
    assert (np.abs(layer.convolve(u) - truth) <= convolved).all()
    assert layer(u, evaluation="scan").dtype == layer.convolve(u).dtype == dtype


@pytest.mark.parametrize("signal", ["noise", "tone"])
def test_float32_rounding_of_a_signal_that_varies_is_some_millionths(signal):
    """S4D as it is initialised, memories up to 2000 samples: what is left is the rounding of the poles' angles."""
    layer, length = s4d_lin(16, 32), 8000
    u = {"noise": noise(length), "tone": np.sin(0.05 * np.arange(length))}[signal]
    u = np.repeat(u[:, None], 16, 1).astype(np.float32)
    _, largest = diagonal.scan(*discrete(layer), layer.c, layer.d, u, states=True)
    error = np.abs(layer(u, evaluation="scan") - layer(u.astype(np.float64), evaluation="scan")).max(0)
    assert (error <= scan_spread(layer, u, largest)).all()
    assert (error <= 4e-6 * np.abs(layer(u, evaluation="scan")).max(0)).all()


def test_float32_state_of_a_constant_signal_does_not_stop_short():
    """Rounding takes 2^-25 times the memory from a state that only grows, unless what it takes is carried."""
    for memory in (100, 1000, 10_000):
        layer = S4D([[-1.0]], 1, [[0.5]], [0.0], [1 / memory])
        u = np.ones((20 * memory, 1), np.float32)
        last = layer(u, evaluation="scan")[-1, 0]  # of a signal that converges to 1
        assert abs(1 - last) <= 4 * 2.0**-24 + np.exp(-20)  # two coefficients and two sums are rounded
        assert abs(1 - layer(u.astype(np.float64), evaluation="scan")[-1, 0]) <= 2.0**-53 * memory + np.exp(-20)


def test_scipy_simulates_the_same_system():
    for seed, method in ((1, "zoh"), (2, "bilinear")):
        rng = np.random.default_rng(seed)
        poles = -rng.uniform(0.2, 3, 3) + 1j * rng.uniform(1, 9, 3)
        blocks = [np.array([[p.real, p.imag], [-p.imag, p.real]]) for p in poles]
        mix = np.eye(6) + 0.2 * rng.standard_normal((6, 6))
        a = mix @ scipy.linalg.block_diag(*blocks) @ np.linalg.inv(mix)
        b, c, d, dt = rng.standard_normal((6, 1)), rng.standard_normal((1, 6)), 0.3, 0.05
        layer = S4D.from_state_space(a, b[:, 0], c[0], d, dt, method=method)
        u = rng.standard_normal((400, 1))
        ad, bd, *_ = scipy.signal.cont2discrete((a, b, c, d), dt, method)
        if method == "zoh":
            assert np.allclose(ad, scipy.linalg.expm(a * dt), atol=1e-13)
        else:  # the same form with the whole input gain in b: y = c (A_bar x + B_bar u), as S4 discretises
            half = np.eye(6) - a * dt / 2
            assert np.allclose(ad, np.linalg.solve(half, np.eye(6) + a * dt / 2), atol=1e-13)
            bd = np.linalg.solve(half, b * dt)
        # scipy's output comes before the update: ours after it, which is c A_bar, c B_bar + d
        _, truth, _ = scipy.signal.dlsim((ad, bd, c @ ad, c @ bd + d, dt), u)
        kernel = np.array([(c @ np.linalg.matrix_power(ad, k) @ bd).item() for k in range(400)])
        scale = np.abs(truth).max()
        assert np.abs(layer(u) - truth).max() <= 1e-11 * scale
        assert np.abs(layer.kernel(400, "float64")[0] - kernel).max() <= 1e-11 * np.abs(kernel).max()
        assert np.abs(layer(u.astype(np.float32)) - truth).max() <= 1e-5 * scale


def test_scipy_filters_with_the_same_transfer_function():
    layer = random_layer(1, 3, seed=5)
    a_bar, b_bar = discrete(layer)
    poles = np.concatenate([a_bar[0], a_bar[0].conj()])
    residues = np.concatenate([(layer.c * b_bar)[0], (layer.c * b_bar)[0].conj()])
    denominator = np.poly(poles).real
    numerator = sum(r * np.poly(np.delete(poles, i)) for i, r in enumerate(residues)).real
    u = noise(500)
    truth = scipy.signal.lfilter(numerator, denominator, u) + layer.d * u
    assert np.abs(layer(u[:, None])[:, 0] - truth).max() <= 1e-10 * np.abs(truth).max()


def test_from_state_space_needs_a_system_that_can_be_diagonalised():
    with pytest.raises(ValueError, match="A must be"):
        S4D.from_state_space([[0.0, 1.0], [0.0, 0.0]], [0, 1], [1, 0])
    n = np.arange(40)
    r = np.sqrt(2 * n + 1)
    legs = -np.tril(np.outer(r, r), -1) - np.diag(n + 1)
    with pytest.raises(ValueError, match="condition number"):
        S4D.from_state_space(legs, r, r)
    for wrong in ([[1.0, 2.0]], [1.0], np.zeros((0, 0)), [[np.nan]]):
        with pytest.raises(ValueError, match="A must"):
            S4D.from_state_space(wrong, [1.0], [1.0])
    with pytest.raises(ValueError, match="B must"):
        S4D.from_state_space([[-1.0]], [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="C must"):
        S4D.from_state_space([[-1.0]], [1.0], [[1.0]])


def test_from_state_space_with_real_poles():
    layer = S4D.from_state_space([[-1.0, 0.5], [0.0, -2.0]], [1, 2], [3, -1], 0.5, 0.1)
    a = np.array([[-1.0, 0.5], [0.0, -2.0]])
    ad = scipy.linalg.expm(0.1 * a)
    bd = np.linalg.solve(a, (ad - np.eye(2)) @ [1, 2])
    truth = [np.dot([3, -1], np.linalg.matrix_power(ad, k) @ bd) for k in range(50)]
    assert np.allclose(layer.kernel(50, "float64")[0], truth, rtol=0, atol=1e-13)


def test_torch_computes_the_same_layer():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layer = s4d_lin(8, 32)
    for method in METHODS:
        layer = S4D(
            layer.a, layer.b, layer.c, layer.d, layer.dt, method=method, length=512 if method == "dss" else None
        )
        a, c, dt = torch.tensor(layer.a), torch.tensor(layer.c), torch.tensor(layer.dt)[:, None]
        z = a * dt
        if method == "zoh":
            gain, power = c * (torch.exp(z) - 1) / a, torch.exp(z[..., None] * torch.arange(512))
        elif method == "bilinear":
            gain = c * dt / (1 - z / 2)
            power = ((1 + z / 2) / (1 - z / 2))[..., None] ** torch.arange(512)
        else:
            x = (torch.exp(z * 512) - 1) * a
            gain, power = (
                c * (torch.exp(z) - 1) * x.conj() / (x * x.conj() + 1e-7),
                torch.exp(z[..., None] * torch.arange(512)),
            )
        kernel = 2 * (gain[..., None] * power).sum(1).real
        u = torch.randn(512, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        spectrum = torch.fft.rfft(u.T, n=1024) * torch.fft.rfft(kernel, n=1024)
        y = (torch.fft.irfft(spectrum, n=1024)[:, :512] + torch.tensor(layer.d)[:, None] * u.T).T.numpy()
        assert np.abs(layer.kernel(512, "float64") - kernel.numpy()).max() <= 1e-11 * kernel.abs().max().item()
        assert np.abs(layer(u.numpy()) - y).max() <= 1e-11 * np.abs(y).max()


# ------------------------------------------------------------------------ one result, whatever the way


shapes = st.tuples(st.integers(1, 40), st.integers(1, 9), st.integers(1, 70))
chunks = st.lists(st.integers(0, 70), min_size=1, max_size=5)


@given(
    shape=shapes, dtype=st.sampled_from(DTYPES), method=st.sampled_from(METHODS), sizes=chunks, seed=st.integers(0, 99)
)
def test_scan_step_and_chunks_give_the_same_bits(shape, dtype, method, sizes, seed):
    channels, modes, length = shape
    layer = random_layer(channels, modes, seed, method, length=length)
    u = noise((length, channels), dtype, seed)
    whole = layer(u, evaluation="scan")
    stream = layer.stream(dtype=dtype)
    assert same_bits(np.stack([stream.step(row) for row in u]), whole)
    stream.reset()
    pieces = [stream.run(u[piece]) for piece in cut(length, sizes)]
    assert same_bits(np.concatenate(pieces), whole)
    y, after = layer.prefill(u, evaluation="scan")
    assert same_bits(y, whole) and same_bits(after.state, stream.state)


@given(
    shape=shapes,
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(LAYOUTS),
    lead=st.sampled_from([(), (3,), (2, 2)]),
)
def test_layout_and_batch_axes_change_no_bit(shape, dtype, layout, lead):
    channels, modes, length = shape
    layer = random_layer(channels, modes)
    u = noise((*lead, length, channels), dtype)
    one_by_one = np.array([layer(v, evaluation="scan") for v in u.reshape(-1, length, channels)]).reshape(u.shape)
    given_u = laid_out(u, layout)
    assert same_bits(layer(given_u, evaluation="scan"), one_by_one)
    assert np.array_equal(given_u, u)
    if len(lead) < 2:
        stream = layer.stream(lead[0] if lead else None, dtype)
        assert same_bits(stream.run(given_u), one_by_one)
        stream.reset()
        steps = [stream.step(given_u[..., t, :]) for t in range(length)]
        assert same_bits(np.stack(steps, axis=-2), one_by_one)


@given(shape=shapes, dtype=st.sampled_from(DTYPES), threads=st.integers(1, 4), batch=st.integers(1, 4))
def test_threads_change_no_bit(shape, dtype, threads, batch):
    channels, modes, length = shape
    layer = random_layer(channels, modes)
    u = noise((batch, length, channels), dtype)
    whole = layer(u, evaluation="scan")
    assert same_bits(layer(u, threads=threads, evaluation="scan"), whole)
    stream = layer.stream(batch, dtype)
    assert same_bits(stream.run(u, threads=threads), whole)
    assert same_bits(layer.kernel(length, dtype, threads=threads), layer.kernel(length, dtype))
    assert same_bits(layer.convolve(u, threads=threads), layer.convolve(u))
    assert same_bits(layer.prefill(u, threads=threads, evaluation="scan")[0], whole)


def test_an_input_that_is_one_value_in_memory():
    layer = random_layer(9, 4)
    for dtype in DTYPES:
        one = np.broadcast_to(np.array(0.5, dtype), (33, 9))
        rows = np.broadcast_to(noise(9, dtype), (33, 9))
        columns = np.broadcast_to(noise((33, 1), dtype), (33, 9))
        for u in (one, rows, columns):
            assert same_bits(layer(u, evaluation="scan"), layer(u.copy(), evaluation="scan"))
        assert same_bits(layer.stream(dtype=dtype).step(one[0]), layer(one, evaluation="scan")[0])


def test_the_buffer_protocol_and_lists():
    layer = random_layer(2, 3)
    values = [[1.0, 2.0], [3.0, 4.0]]
    assert same_bits(layer(values), layer(np.array(values)))
    assert same_bits(layer(memoryview(np.array(values))), layer(np.array(values)))


# ---------------------------------------------------------------------------------------------- out


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_written_and_returned(dtype):
    layer, u = random_layer(5, 3), noise((20, 5), dtype)
    expected = layer(u, evaluation="scan")
    out = np.full_like(u, np.nan)
    assert layer(u, out=out, evaluation="scan") is out or np.shares_memory(layer(u, out=out, evaluation="scan"), out)
    assert same_bits(out, expected)
    stream, out = layer.stream(dtype=dtype), np.full_like(u, np.nan)
    for t in range(10):
        stream.step(u[t], out[t])
    assert np.shares_memory(stream.run(u[10:], out=out[10:]), out)
    assert same_bits(out, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_may_be_the_input_or_any_part_of_it(dtype):
    layer = random_layer(3, 4)
    k = layer.kernel(40, dtype)
    base = noise((500, 3), dtype)
    for shift in (0, 1, 3, 64, 300):
        u = base[: len(base) - shift]
        expected = [layer(u, evaluation="scan"), causal_convolve(u, k), layer.prefill(u, evaluation="scan")[0]]
        verbs = [
            lambda u, out: layer(u, out=out, evaluation="scan"),
            lambda u, out: causal_convolve(u, k, out=out),
            lambda u, out: layer.stream(dtype=dtype).run(u, out=out),
        ]
        for verb, truth in zip(verbs, expected, strict=True):
            for down in (False, True):
                buffer = base.copy()
                ahead, behind = buffer[shift:], buffer[: len(buffer) - shift]
                source, out = (ahead, behind) if down else (behind, ahead)
                source[...] = u
                verb(source, out)
                assert same_bits(out, truth), (shift, down)


def test_out_may_be_the_filter():
    k = noise((4, 4))
    u = noise((3, 4, 4))[:1]
    expected = causal_convolve(u, k)
    causal_convolve(u, k, out=k[None])
    assert same_bits(k[None], expected)


def test_step_out_may_be_its_input():
    layer = random_layer(40, 3)
    u = noise((4, 40), "float32")
    expected = layer.stream(4).step(u)
    layer.stream(4).step(u, u)
    assert same_bits(u, expected)
    buffer = noise(5 * 40, "float32")
    shifted = buffer[: 4 * 40].reshape(4, 40).copy()
    expected = layer.stream(4).step(shifted)
    out = buffer[7 : 7 + 4 * 40].reshape(4, 40)
    layer.stream(4).step(buffer[: 4 * 40].reshape(4, 40), out)
    assert same_bits(out, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_wrong_out_is_refused_and_nothing_written(dtype):
    layer, u = random_layer(3, 2), noise((6, 3), dtype)
    other = "float64" if dtype == "float32" else "float32"
    frozen = np.zeros((6, 3), dtype)
    frozen.flags.writeable = False
    stream = layer.stream(dtype=dtype)
    verbs = {
        "call": lambda out: layer(u, out=out),
        "convolve": lambda out: causal_convolve(u, layer.kernel(6, dtype), out=out),
        "run": lambda out: stream.run(u, out=out),
        "kernel": lambda out: layer.kernel(6, dtype, out=out),  # wants (3, 6)
    }
    for verb in verbs.values():
        for wrong in (
            frozen,
            np.zeros((6, 3), other),
            np.zeros((6, 6), dtype)[:, ::2],
            np.zeros((6, 3), "int32"),
            [0.0],
            "x",
        ):
            with pytest.raises(TypeError, match="out must be"):
                verb(wrong)
        for shape in ((6, 4), (5, 3), (6,), (1, 6, 3), (18,), (0, 3)):
            with pytest.raises(ValueError, match="out must have shape"):
                verb(np.zeros(shape, dtype))
    assert not stream.state.any() and not frozen.any()
    with pytest.raises(ValueError, match="out must have shape"):
        stream.step(u[0], np.zeros(4, dtype))


# ---------------------------------------------------------------------------------- unusual numbers


@given(
    shape=shapes, dtype=st.sampled_from(DTYPES), bad=st.sampled_from([np.nan, np.inf, -np.inf]), seed=st.integers(0, 99)
)
def test_what_is_not_finite_stays_in_its_channel_and_its_future(shape, dtype, bad, seed):
    channels, modes, length = shape
    rng = np.random.default_rng(seed)
    layer = random_layer(channels, modes, seed)
    u = noise((length, channels), dtype, seed)
    t, h = rng.integers(length), rng.integers(channels)
    spoiled = u.copy()
    spoiled[t, h] = bad
    clean, y = layer(u, evaluation="scan"), layer(spoiled, evaluation="scan")
    others = np.arange(channels) != h
    assert same_bits(y[:, others], clean[:, others])
    assert same_bits(y[:t, h], clean[:t, h])
    assert not np.isfinite(y[t:, h]).any()
    k = layer.kernel(length, dtype)
    through = causal_convolve(spoiled, k)
    assert same_bits(through[:, others], causal_convolve(u, k)[:, others])
    assert not np.isfinite(through[t:, h]).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_sequence_of_a_batch_does_not_spoil_another(dtype):
    layer = random_layer(5, 3)
    u = noise((3, 50, 5), dtype)
    clean = layer(u)
    u[1] = np.nan
    assert same_bits(layer(u)[[0, 2]], clean[[0, 2]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_silence_and_denormals_stay_silent(dtype):
    layer = s4d_lin(4, 16)
    tiny = np.finfo(dtype).smallest_subnormal
    floor = 1e-13 if dtype == "float32" else 1e-230
    for value in (0.0, tiny, -tiny, 3 * tiny):
        u = np.full((2000, 4), value, dtype)
        assert np.abs(layer(u, evaluation="scan")).max() <= floor
    fading = np.zeros((20_000, 4), dtype)
    fading[0] = 1
    y = S4D(layer.a, 1, layer.c, layer.d, np.full(4, 0.2))(fading, evaluation="scan")  # forgets in 10 samples
    assert np.isfinite(y).all() and np.abs(y[-1]).max() <= floor


@pytest.mark.parametrize("dtype", DTYPES)
def test_huge_values_are_only_a_matter_of_scale(dtype):
    layer = random_layer(3, 4, seed=2)
    scale = 2.0**110 if dtype == "float32" else 2.0**1000
    u = noise((60, 3), dtype)
    # 2^-64 (2^-800) is added to every input: what it does is far below the last place of y
    assert np.allclose(layer((u * scale).astype(dtype)) / scale, layer(u), rtol=1e-6, atol=1e-6)
    k = layer.kernel(60, dtype)
    assert same_bits(causal_convolve((u * scale).astype(dtype), k), (causal_convolve(u, k) * scale).astype(dtype))


# --------------------------------------------------------------------------------------- empty things


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_in_nothing_out(dtype):
    layer = random_layer(3, 2)
    for shape in ((0, 3), (0, 5, 3), (4, 0, 3), (2, 0, 4, 3)):
        u = np.zeros(shape, dtype)
        for y in (layer(u), layer.convolve(u), layer(u, threads=3), layer(u, out=np.zeros(shape, dtype))):
            assert y.shape == shape and y.dtype == dtype
    assert layer.kernel(0, dtype).shape == (3, 0)
    assert causal_convolve(noise((5, 3), dtype), np.zeros((3, 0), dtype)).tolist() == np.zeros((5, 3)).tolist()
    stream = layer.stream(dtype=dtype)
    assert stream.run(np.zeros((0, 3), dtype)).shape == (0, 3)
    assert not stream.state.any()
    y, stream = layer.prefill(np.zeros((2, 0, 3), dtype))
    assert y.shape == (2, 0, 3) and not stream.state.any()


# -------------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [None, 1, 3])
def test_state_copy_and_reset_resume_bit_for_bit(dtype, batch):
    layer = random_layer(13, 5)
    u = noise((40, 13) if batch is None else (batch, 40, 13), dtype)
    first, last = u[..., :17, :], u[..., 17:, :]
    y, stream = layer.prefill(first, evaluation="scan")
    kept, twin = stream.state, stream.copy()
    rest = stream.run(last)
    assert same_bits(np.concatenate([y, rest], axis=-2), layer(u, evaluation="scan"))
    assert same_bits(twin.run(last), rest)
    assert same_bits(twin.state, stream.state) and not same_bits(kept, stream.state)
    other = layer.stream(batch, dtype)
    other.state = kept
    assert same_bits(other.run(last), rest)
    stream.reset()
    assert not stream.state.any()
    assert same_bits(stream.run(u), layer(u, evaluation="scan"))
    kept[...] = 0  # a copy: the stream does not notice
    assert same_bits(twin.state, stream.state)


def test_a_state_is_a_copy_and_must_fit():
    layer = random_layer(4, 3)
    stream = layer.stream()
    stream.run(noise((5, 4), "float32"))
    state = stream.state
    state[...] = 7
    assert not same_bits(stream.state, state)
    before = stream.state
    for wrong in (np.zeros(len(state) + 1, "float32"), np.zeros((1, len(state)), "float32"), np.zeros(0, "float32")):
        with pytest.raises(ValueError, match="state must have shape"):
            stream.state = wrong
    for wrong in (state.astype("float64"), state.astype("int32")):
        with pytest.raises(TypeError, match="state must be float32"):
            stream.state = wrong
    with pytest.raises(TypeError):
        stream.state = None
    with pytest.raises((TypeError, AttributeError)):
        del stream.state
    assert same_bits(stream.state, before)


def test_a_stream_outlives_its_layer():
    layer, u = random_layer(6, 3), noise((9, 6), "float32")
    expected, stream = layer(u, evaluation="scan"), layer.stream()
    del layer
    assert same_bits(stream.run(u), expected)


def test_a_failed_call_leaves_the_stream_as_it_was():
    stream = random_layer(4, 2).stream()
    stream.run(noise((3, 4), "float32"))
    before = stream.state
    for wrong in (noise((3, 5), "float32"), noise(4, "float32"), noise((1, 3, 4), "float32"), noise((3, 4))):
        with pytest.raises((ValueError, TypeError), match="u must"):
            stream.run(wrong)
    with pytest.raises(ValueError, match="u must"):
        stream.step(noise((1, 4), "float32"))
    with pytest.raises(TypeError, match="out must"):
        stream.run(noise((3, 4), "float32"), out=np.zeros((3, 4)))
    assert same_bits(stream.state, before)


# ----------------------------------------------------------------------------------- parameters, errors


def good():
    return {
        "a": np.full((2, 3), -1 + 1j),
        "b": 1,
        "c": np.ones((2, 3), complex),
        "d": np.zeros(2),
        "dt": np.full(2, 0.1),
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", np.zeros(3)),
        ("a", np.zeros((2, 0))),
        ("a", np.zeros((0, 3))),
        ("a", np.full((2, 3), np.nan)),
        ("a", np.full((2, 3), complex(0, np.inf))),
        ("b", np.zeros((2, 4))),
        ("b", np.nan),
        ("b", np.zeros((1, 3))),
        ("c", np.zeros((3, 2))),
        ("c", np.full((2, 3), np.inf)),
        ("c", 1.0),
        ("d", np.zeros(3)),
        ("d", 0.0),
        ("d", np.full(2, np.nan)),
        ("dt", np.zeros(2)),
        ("dt", np.array([0.1, -0.1])),
        ("dt", np.full(2, np.inf)),
        ("dt", 0.1),
        ("dt", np.full(2, np.nan)),
        ("method", "euler"),
        ("method", None),
        ("length", None),
        ("length", 0),
        ("length", -3),
    ],
)
def test_a_wrong_parameter_is_named(name, value):
    parameters = {**good(), name: value}
    if name == "length":
        parameters["method"] = "dss"
    with pytest.raises(ValueError, match=rf"ssm\.S4D: {name} must"):
        S4D(**parameters)


def test_dss_needs_poles_in_the_left_half_plane():
    for real in (0.0, 0.5):
        with pytest.raises(ValueError, match="a must be negative"):
            S4D(**{**good(), "a": np.full((2, 3), real + 1j)}, method="dss", length=10)


def test_a_system_that_overflows_is_refused():
    with pytest.raises(ValueError, match="discrete system must be finite"):
        S4D(**{**good(), "a": np.full((2, 3), 1e5 + 0j), "dt": np.ones(2)})


@pytest.mark.parametrize("name", ["d", "dt"])
def test_complex_where_real_is_meant_is_refused(name):
    with pytest.raises((TypeError, ValueError), match=f"{name} must"):
        S4D(**{**good(), name: np.full(2, 0.1 + 1j)})


def test_parameters_are_copies_and_cannot_be_changed():
    parameters = good()
    layer = S4D(**parameters)
    before = layer.kernel(9)
    parameters["c"][...] = 5
    assert same_bits(layer.kernel(9), before)
    with pytest.raises(ValueError, match="read-only"):
        layer.c[0, 0] = 1
    with pytest.raises(AttributeError):
        layer.c = parameters["c"]


@pytest.mark.parametrize("copied", ["pickle", "copy", "deepcopy"])
def test_pickles_and_copies_are_the_same_layer(copied):
    import copy
    import pickle

    for method in METHODS:
        layer = random_layer(3, 4, method=method)
        u = noise((20, 3), "float32")
        y = layer(u)
        twin = pickle.loads(pickle.dumps(layer)) if copied == "pickle" else getattr(copy, copied)(layer)
        assert same_bits(twin(u), y) and same_bits(twin.kernel(30, "float64"), layer.kernel(30, "float64"))
        assert twin.method == method and twin.length == layer.length
        with pytest.raises(ValueError, match="read-only"):
            twin.a[0, 0] = 0


def test_layers_compare_without_raising():
    layer, other = random_layer(2, 2), random_layer(2, 2, seed=1)
    assert layer == layer and layer != other and layer != 3
    assert len({layer, other}) == 2


@pytest.mark.parametrize(
    "wrong", ["float16", "int32", "int64", "bool", "complex64", "complex128", "longdouble", "object", "S8"]
)
def test_another_element_type_is_a_type_error(wrong):
    layer = random_layer(2, 3)
    u = np.ones((4, 2)).astype(wrong)
    k = np.ones((2, 4), "float32")
    for verb in (layer, layer.convolve, layer.prefill, lambda u: causal_convolve(u, k)):
        with pytest.raises(TypeError, match="u must be"):
            verb(u)
    for dtype in DTYPES:
        stream = layer.stream(dtype=dtype)
        for verb in (stream.run, lambda u, stream=stream: stream.step(u[0])):
            with pytest.raises(TypeError):
                verb(u)


def test_the_other_float_is_a_type_error_for_a_stream_and_a_filter():
    layer = random_layer(2, 3)
    for mine, other in (DTYPES, DTYPES[::-1]):
        with pytest.raises(TypeError, match=f"u must be {mine}, is {other}"):
            layer.stream(dtype=mine).run(np.ones((4, 2), other))
        with pytest.raises(TypeError, match=f"u must be {mine}, is {other}"):
            layer.stream(dtype=mine).step(np.ones(2, other))
        with pytest.raises(TypeError, match=f"k must be {mine}, is {other}"):
            causal_convolve(np.ones((4, 2), mine), np.ones((2, 4), other))


@pytest.mark.parametrize("dtype", DTYPES)
def test_bytes_in_the_other_order_are_not_misread(dtype):
    layer = random_layer(2, 3)
    u = noise((5, 2), dtype)
    swapped = u.astype(u.dtype.newbyteorder())
    with pytest.raises(TypeError, match="u must be"):
        layer(swapped)
    with pytest.raises(TypeError):
        layer.stream(dtype=dtype).run(swapped)


@pytest.mark.parametrize("shape", [(), (3,), (5, 4), (5, 2), (2, 5, 4), (3, 0), (3, 5)])
def test_a_wrong_shape_is_a_value_error_with_the_argument_and_both_shapes(shape):
    layer = random_layer(3, 2)
    for verb in (layer, layer.convolve, lambda u: causal_convolve(u, layer.kernel(4))):
        with pytest.raises(ValueError, match=r"u must have shape .*3.*has"):
            verb(np.zeros(shape, "float32"))


def test_other_wrong_arguments():
    layer = random_layer(3, 2)
    u = noise((4, 3), "float32")
    for verb in (layer, layer.convolve, layer.prefill, lambda u, threads: layer.kernel(4, threads=threads)):
        for threads in (0, -1):
            with pytest.raises(ValueError, match="threads must be at least 1"):
                verb(u, threads=threads)
        for threads in (1.5, "2", None):
            with pytest.raises(TypeError, match="threads must be"):
                verb(u, threads=threads)
    with pytest.raises(ValueError, match="length must not be negative"):
        layer.kernel(-1)
    for wrong in (3.5, "3", None):
        with pytest.raises(TypeError):
            layer.kernel(wrong)
    for dtype in ("float16", "int32", "complex64"):
        with pytest.raises(TypeError, match="dtype must be float32 or float64"):
            layer.kernel(4, dtype)
        with pytest.raises(TypeError, match="dtype must be float32 or float64"):
            layer.stream(dtype=dtype)
    for batch in (0, -2):
        with pytest.raises(ValueError, match="batch must be at least 1"):
            layer.stream(batch)
    with pytest.raises(ValueError, match="u must have shape"):
        layer.prefill(noise((1, 1, 4, 3), "float32"))
    with pytest.raises((MemoryError, ValueError)):
        layer.kernel(2**61)
    with pytest.raises((MemoryError, ValueError)):
        layer.kernel(2**55)
    with pytest.raises(ValueError, match="k must have shape"):
        causal_convolve(u, np.zeros(3, "float32"))


def test_numpy_integers_are_integers():
    layer = random_layer(3, 2)
    for kind in (np.int64, np.int32, np.uint8):
        assert same_bits(layer.kernel(kind(7)), layer.kernel(7))
        assert layer.stream(kind(2)).step(np.zeros((2, 3), "float32")).shape == (2, 3)
        assert same_bits(layer.kernel(7, threads=kind(2)), layer.kernel(7))


# -------------------------------------------------------------------------------------------- report


def test_the_report_tells_the_truth():
    layer = s4d_lin(4, 8)
    report = layer.check()
    a_bar, _ = discrete(layer)
    radius = np.abs(a_bar).max()
    assert np.isclose(report.radius, radius, rtol=1e-15) and report.stable
    assert np.isclose(report.memory, -1 / np.log(radius), rtol=1e-10)
    assert (report.channels, report.modes) == (4, 8) and report.evaluation in ("scan", "convolution")
    assert 0 < report.difference < 2e-6
    assert "stable" in str(report) and "4 channels x 8 modes" in str(report)
    assert np.allclose(layer.poles, a_bar, rtol=1e-14)
    assert layer.check(0).difference == 0 and layer.check(1).difference < 1e-6
    deaf = S4D([[-1e6]], 1, [[1.0]], [0.0], [1.0])
    assert deaf.check().radius == 0 and deaf.check().memory == 0
