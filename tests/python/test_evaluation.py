# SPDX-License-Identifier: Apache-2.0
"""Ways to evaluate a layer against each other: scan and convolution, whole batches and sequences of many lengths."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danaus.ssm import S4, S4D, S5, ConvolutionStream, TransferFunction, kept, layer
from danaus.ssm.evaluate import Choice
from helpers import LAYOUTS, laid_out, same_bits
from reference import diagonal
from systems import discrete, s4d_lin

DTYPES = ("float32", "float64")
# What the layers state of their largest output; two evaluations of one system may both be off by as much.
STATED = {"float32": 4e-6, "float64": 1e-11}


def s4(channels=5, modes=6):
    rng = np.random.default_rng(channels)
    poles = np.broadcast_to(-0.5 + 1j * np.pi * np.arange(modes), (channels, modes))
    p, b, c = (rng.standard_normal((channels, modes)) + 1j * rng.standard_normal((channels, modes)) for _ in range(3))
    return S4(poles, 0.5 * p[None], b, c, rng.standard_normal(channels), rng.uniform(0.003, 0.1, channels))


def s5(channels=5, modes=6):
    rng = np.random.default_rng(channels)
    b, c = (rng.standard_normal(s) + 1j * rng.standard_normal(s) for s in ((modes, channels), (channels, modes)))
    return S5(-0.5 + 1j * np.arange(modes), b, c, rng.standard_normal(channels), 0.05)


def transfer(channels=5, order=6):
    rng = np.random.default_rng(channels)
    radii, angles = rng.uniform(0.3, 0.95, (channels, order // 2)), rng.uniform(0.3, 2.8, (channels, order // 2))
    a = np.array(
        [np.poly([*(r * np.exp(1j * t)), *(r * np.exp(-1j * t))]).real[1:] for r, t in zip(radii, angles, strict=True)]
    )
    return TransferFunction(rng.standard_normal(a.shape), a, rng.standard_normal(channels))


def filters(channels=5, order=4):
    """A trained layer, a channel of which is unstable and so a filter."""
    a = np.zeros((channels, order))
    a[:, 1], a[2, 1] = 0.81, 1.21
    rng = np.random.default_rng(channels)
    return TransferFunction.from_truncated(rng.standard_normal(a.shape), a, rng.standard_normal(channels), 40)


SYSTEMS = {"S4D": lambda: s4d_lin(5, 6), "S4": s4, "TransferFunction": transfer, "filters": filters}


def noise(shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def close(y, truth, dtype, times=1):
    """Whether ``y`` ``(..., L, H)`` is as accurate as stated, channel by channel."""
    axes = tuple(range(y.ndim - 1))
    bound = times * STATED[dtype] * np.abs(truth).max(axes, initial=1e-30)
    return y.dtype == dtype and y.shape == truth.shape and bool((np.abs(y - truth).max(axes, initial=0) <= bound).all())


# -------------------------------------------------------------------------------------- evaluations


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", SYSTEMS)
def test_all_evaluations_agree_at_lengths_that_grow_and_shrink(kind, dtype):
    system = SYSTEMS[kind]()
    for length in (1, 2, 39, 41, 64, 97, 257, 1000, 501, 499, 7, 1, 1031, 0):
        u = noise((length, 5), dtype, length)
        truth = system(u.astype("float64"), evaluation="scan")
        for evaluation in ("scan", "convolution", None):
            assert close(system(u, evaluation=evaluation), truth, dtype, 2), (length, evaluation)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [1, 53, 700])
def test_the_convolution_of_a_diagonal_layer_is_its_formula(length, dtype):
    system, u = s4d_lin(5, 6), noise((length, 5), dtype)
    a_bar, b_bar = discrete(system)
    truth = diagonal.convolve(diagonal.kernel(a_bar, b_bar, system.c, length), u) + system.d * u
    assert close(system(u, evaluation="convolution"), truth, dtype)


@given(
    kind=st.sampled_from(sorted(SYSTEMS)),
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(LAYOUTS),
    lead=st.sampled_from([(), (1,), (3,), (2, 2)]),
    length=st.integers(1, 130),
    threads=st.integers(1, 3),
)
def test_layouts_batches_threads_and_out(kind, dtype, layout, lead, length, threads):
    system = SYSTEMS[kind]()
    u = noise((*lead, length, 5), dtype)
    truth = system(u.astype("float64"), evaluation="scan")
    for evaluation in ("scan", "convolution"):
        out = np.full(u.shape, np.nan, dtype)
        given_u = laid_out(u, layout)
        assert system(given_u, out=out, threads=threads, evaluation=evaluation) is out
        assert close(out, truth, dtype, 2)
        assert close(system(given_u, threads=threads, evaluation=evaluation), truth, dtype, 2)
        same = u.copy()
        assert system(same, out=same, evaluation=evaluation) is same and close(same, truth, dtype, 2)


def test_the_model_of_costs_decides_and_the_report_says_how(monkeypatch):
    asked = []

    def choose(form, order, length, channels, **options):
        asked.append((form, order, length, channels, options["batch"], options["dtype"], options["rank"]))
        found = "convolution" if length > 50 else "scan"
        return Choice(found, {"scan": 1.0, "convolution": 0.5 if length > 50 else 2.0})

    monkeypatch.setattr(layer, "choose", choose)
    for kind, form in (("S4D", "s4d"), ("S4", "s4"), ("TransferFunction", "transfer")):
        system = SYSTEMS[kind]()
        for length, evaluation in ((50, "scan"), (51, "convolution")):
            u = noise((2, length, 5), "float32")
            assert same_bits(system(u), system(u, evaluation=evaluation))
            assert not same_bits(system(u), system(u, evaluation="scan")) or evaluation == "scan"
            assert asked[-1] == (form, 6, length, 5, 2, "float32", kind == "S4")
            report = system.check(length)
            assert report.evaluation == evaluation and report.difference < 3e-6
    assert filters().check(51).evaluation == "convolution; 1 channels as filters of 40 taps"
    assert s5().check(51).evaluation == "scan"


def test_a_kernel_that_grows_is_convolved_only_if_asked(monkeypatch):
    monkeypatch.setattr(layer, "choose", lambda *a, **k: Choice("convolution", {"scan": 1.0, "convolution": 0.0}))
    system = S4D([[0.1 + 1j]], 1, [[1.0]], [0.0], [0.5])
    u = noise((300, 1), "float32")
    assert system.check(300).evaluation == "scan"
    assert same_bits(system(u), system(u, evaluation="scan"))
    assert close(system(u, evaluation="convolution"), system(u.astype("float64"), evaluation="scan"), "float32", 2)
    wild = S4D([[10.0]], 1, [[1.0]], [0.0], [1.0])  # exp(10 * 50) is no float32, nor double after 71 samples
    u = noise((50, 1), "float32")
    assert np.isfinite(wild(u.astype("float64"), evaluation="convolution")).all()
    assert same_bits(wild(u), wild(u, evaluation="scan"))
    with pytest.raises(ValueError, match=r"ssm\.S4D: evaluation must be 'scan' where the kernel overflows"):
        wild(u, evaluation="convolution")


def test_kernels_are_made_once_for_a_ring_and_not_kept_above_the_bound(monkeypatch):
    made = []
    taps = S4D._taps
    monkeypatch.setattr(S4D, "_taps", lambda self, length, *rest: made.append(length) or taps(self, length, *rest))
    system = s4d_lin(5, 6)

    def run(length):
        return system(noise((length, 5), "float32"), evaluation="convolution")

    for length in (97, 100, 128, 70, 65, 128):
        run(length)
    assert made == [128]
    for length in (129, 140, 160, 81):
        run(length)
    assert made == [128, 160]
    for length in (161, 100, 1000, 600, 90):  # 192 serves 100 and 90 once 160 has gone
        run(length)
    assert made == [128, 160, 192, 1024]
    system(noise((100, 5)), evaluation="convolution")
    assert made[4:] == [128]
    again = pickle.loads(pickle.dumps(system))
    assert "_kept" not in again.__dict__ and "_kept" in system.__dict__
    expected = run(1000)
    monkeypatch.setattr(kept, "MOST_BYTES", 8 * 5 * 512)
    small, made[:] = s4d_lin(5, 6), []
    for _ in range(2):
        assert close(small(noise((1000, 5), "float32"), evaluation="convolution"), expected, "float32")
    assert made == [1000, 1000]
    for length in (500, 250, 120, 500):  # 250 samples' transforms leave when those of 120 come
        small(noise((length, 5), "float32"), evaluation="convolution")
    assert sum(kept.nbytes(p) for p in small._kept._prepared) <= kept.MOST_BYTES


@pytest.mark.parametrize("length", range(1, 300))
def test_ring_sizes_are_the_next(length):
    sizes = sorted({40, *(f << k for f in (10, 12, 16) for k in range(2, 6))})
    assert kept.ring_size(length) == next(size for size in sizes if size >= length)


def test_many_threads_share_what_is_kept():
    system = s4d_lin(5, 6)
    inputs = [noise((length, 5), "float32", length) for length in (30, 200, 333, 60, 1000, 31, 90, 500) * 4]
    expected = [s4d_lin(5, 6)(u, evaluation="scan") for u in inputs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda u: system(u, evaluation="convolution"), inputs))
    assert all(close(y, truth, "float32", 2) for y, truth in zip(found, expected, strict=True))


def test_what_is_no_evaluation_is_refused():
    u = noise((5, 5))
    for name, make in SYSTEMS.items():
        system = make()
        where = "TransferFunction" if name == "filters" else name
        for wrong in ("fft", "", 1, "Scan"):
            with pytest.raises(
                ValueError, match=rf"ssm\.{where}: evaluation must be None, 'scan' or 'convolution', is"
            ):
                system(u, evaluation=wrong)
            with pytest.raises(ValueError, match=r"ssm\.prefill: evaluation must be"):
                system.prefill(u, evaluation=wrong)
        for evaluation in ("scan", "convolution"):
            with pytest.raises(ValueError, match=rf"ssm\.{where}: u must have shape"):
                system(u[:, :4], evaluation=evaluation)
            with pytest.raises(ValueError, match="out must have shape"):
                system(u, out=np.zeros((4, 5)), evaluation=evaluation)
            with pytest.raises(TypeError, match=rf"ssm\.{where}: out must be"):
                system(u, out=np.zeros((5, 5), "float32"), evaluation=evaluation)
    with pytest.raises(ValueError, match=r"ssm\.S5: evaluation must be None or 'scan', is 'convolution'"):
        s5()(u, evaluation="convolution")


# ------------------------------------------------------------------------------- sequences of many lengths


@st.composite
def batches(draw):
    """``u`` ``(batch, L, 5)`` whose padding is not finite, and the lengths."""
    batch, length = draw(st.integers(1, 4)), draw(st.integers(0, 150))
    lengths = draw(st.lists(st.integers(0, length), min_size=batch, max_size=batch))
    u = noise((batch, length, 5), draw(st.sampled_from(DTYPES)), draw(st.integers(0, 9)))
    for row, end in zip(u, lengths, strict=True):
        row[end:] = draw(st.sampled_from([np.nan, np.inf]))
    return u, lengths


EVERY = {**SYSTEMS, "S5": s5}


@given(data=batches(), kind=st.sampled_from(sorted(EVERY)), layout=st.sampled_from(LAYOUTS), threads=st.integers(1, 3))
def test_each_sequence_is_as_if_alone(data, kind, layout, threads):
    (u, lengths), system = data, EVERY[kind]()
    given_u = laid_out(u, layout)
    y = system(given_u, lengths=lengths, threads=threads, evaluation="scan")
    filled, stream = system.prefill(given_u, lengths=np.array(lengths, "uint8"), threads=threads, evaluation="scan")
    running = system.stream(len(u), u.dtype)
    assert same_bits(running.run(u, lengths=lengths, threads=threads), filled)
    assert same_bits(running.state, stream.state)
    assert same_bits(filled, y) or kind == "filters"  # filters: as one transform, or sample by sample
    after = noise((len(u), 5), u.dtype, 3)
    following = stream.step(after)
    for b, end in enumerate(lengths):
        alone, rest = system.prefill(u[b, :end], evaluation="scan")
        assert not y[b, end:].any() and not filled[b, end:].any()
        assert same_bits(filled[b, :end].copy(), alone)
        assert same_bits(following[b].copy(), rest.step(after[b]))
        assert close(y[b, :end], system(u[b, :end], evaluation="scan"), u.dtype.name)


@given(data=batches(), kind=st.sampled_from(sorted(SYSTEMS)), layout=st.sampled_from(LAYOUTS), given_out=st.booleans())
def test_each_sequence_is_as_if_alone_by_convolution(data, kind, layout, given_out):
    (u, lengths), system = data, SYSTEMS[kind]()
    out = np.full(u.shape, np.nan, u.dtype) if given_out else None
    y = system(laid_out(u, layout), lengths=lengths, out=out, evaluation="convolution")
    filled, stream = system.prefill(laid_out(u, layout), lengths=lengths, evaluation="convolution")
    after = noise((len(u), 60, 5), u.dtype, 3)
    following = stream.run(after)
    for b, end in enumerate(lengths):
        assert not y[b, end:].any() and not filled[b, end:].any()
        whole = np.concatenate([u[b, :end], after[b]]).astype("float64")
        truth = system.stream(dtype="float64").run(whole)
        for head in (y[b, :end], filled[b, :end]):
            assert close(np.concatenate([head, following[b]]), truth, u.dtype.name, 2)


def test_lengths_in_place_and_in_streams_of_filters():
    system, u = s4d_lin(5, 6), noise((3, 20, 5), "float32")
    expected = system(u, lengths=[5, 0, 20], evaluation="scan")
    assert system(u, out=u, lengths=[5, 0, 20], evaluation="scan") is u and same_bits(u, expected)
    k, u = noise((5, 30)), noise((2, 50, 5))
    stream, one = ConvolutionStream(k, 2), ConvolutionStream(k)
    y = stream.run(u, lengths=[50, 17])
    assert same_bits(y[1, :17].copy(), one.run(u[1, :17])) and not y[1, 17:].any()
    assert same_bits(stream.run(u)[1].copy(), one.run(u[1]))


@pytest.mark.parametrize("kind", EVERY)
def test_wrong_lengths_are_refused_and_change_nothing(kind):
    system, u = EVERY[kind](), noise((2, 9, 5))
    stream = system.stream(2, "float64")
    verbs = [
        lambda u, n: system(u, lengths=n, evaluation="scan"),
        lambda u, n: system.prefill(u, lengths=n),
        lambda u, n: stream.run(u, lengths=n),
    ]
    if kind != "S5":
        verbs.append(lambda u, n: system(u, lengths=n, evaluation="convolution"))
    for verb in verbs:
        for wrong in ([1.0, 2.0], [True, False], ["a", "b"], [None, 1], object()):
            with pytest.raises(TypeError, match=r"ssm.*: lengths must be integers, are"):
                verb(u, wrong)
        for wrong in ([1], [1, 2, 3], 3, [[1, 2]], np.zeros((2, 1), int)):
            with pytest.raises(ValueError, match=r"ssm.*: lengths must have shape \(2,\)"):
                verb(u, wrong)
        for wrong in ([0, 10], [-1, 3], np.array([2**63 + 1, 3], "uint64")):
            with pytest.raises(ValueError, match=r"ssm.*: lengths must be from 0 to 9, one is"):
                verb(u, wrong)
    assert not stream.state.any()
    for verb in (verbs[0], verbs[1]):
        with pytest.raises(ValueError, match=r"ssm.*: lengths need u of shape \(batch, length, H\), it has \(9, 5\)"):
            verb(u[0], [9])


# --------------------------------------------------------------------------- states after a convolution


def calm():
    """Well conditioned: its states can be had from its outputs."""
    rng = np.random.default_rng(1)
    return TransferFunction(rng.standard_normal((5, 6)), rng.uniform(-0.125, 0.125, (5, 6)), rng.standard_normal(5))


def clustered():
    """Four poles at 0.9: what an output has lost is multiplied by up to 1e5 in a state."""
    return TransferFunction(np.ones((5, 4)), np.poly([0.9] * 4)[None, 1:], np.zeros(5))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [*SYSTEMS, "calm", "clustered"])
@pytest.mark.parametrize("length", [0, 1, 5, 31, 32, 33, 70, 1009, 1055, 4096, 4211])
def test_the_stream_goes_on_after_a_convolution(kind, length, dtype):
    system = {**SYSTEMS, "calm": calm, "clustered": clustered}[kind]()
    u = noise((length + 200, 5), dtype, length)
    truth = system.stream(dtype="float64").run(u.astype("float64"))
    y, stream = system.prefill(u[:length], evaluation="convolution")
    rest = np.concatenate([stream.run(u[length:]), np.zeros((0, 5), dtype)])
    largest = np.abs(truth).max(0)
    assert (np.abs(np.concatenate([y, rest]) - truth) <= STATED[dtype] * largest).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 7, 16, 17, 63, 64, 65, 130])
@pytest.mark.parametrize("modes", [1, 3, 8, 9, 33])
def test_states_of_all_shapes_are_sums_of_powers(channels, modes, dtype):
    """The state in the scan's layout, and so its sums read by a step without input, by their formula."""
    rng = np.random.default_rng([channels, modes])
    a = -rng.uniform(0.1, 2, (channels, modes)) + 1j * rng.uniform(-9, 9, (channels, modes))
    c = rng.standard_normal((channels, modes)) + 1j * rng.standard_normal((channels, modes))
    system = S4D(a, 1, c, np.zeros(channels), rng.uniform(0.002, 0.2, channels))
    u = noise((3, 150, channels), dtype)
    lengths = [150, 0, 67]
    state = system._layer(np.dtype(dtype)).state_after(u, threads=2, lengths=lengths)
    stream = system.stream(3, dtype)
    stream.state = state
    answer = stream.run(np.zeros((3, 40, channels), dtype))
    a_bar, b_bar = discrete(system)
    for b, length in enumerate(lengths):
        powers = a_bar[..., None] ** np.arange(length + 40)
        k = 2 * np.einsum("hn,hnl->hl", c * b_bar, powers).real
        truth = np.array([[k[h, t + 1 : t + 1 + length][::-1] @ u[b, :length, h] for h in range(channels)]
                          for t in range(40)])  # fmt: skip
        gains = 2 * np.abs(c * b_bar) * (1 - np.abs(a_bar) ** (length + 40)) / (1 - np.abs(a_bar))
        assert (np.abs(answer[b] - truth) <= (3e-6 if dtype == "float32" else 1e-12) * 5 * gains.sum(1) + 1e-18).all()


def test_a_slow_state_after_a_constant_signal_keeps_what_float32_cannot_hold():
    """The scan carries what rounding takes from a slow state: states after a prompt must, too."""
    for memory in (1_000, 100_000):
        system = S4D([[-1.0]], 1, [[0.5]], [0.0], [1 / memory])
        u = np.ones((20_000, 1), np.float32)
        stream = system.prefill(u, evaluation="convolution")[1]
        answer = stream.run(u)
        truth = 1 - np.exp(-np.arange(20_001, 40_001) / memory)
        assert np.abs(answer[:, 0] - truth).max() <= 4e-7 + 2.0**-24 * 20_000 / memory


@given(data=batches(), threads=st.integers(1, 4))
def test_threads_and_batches_change_no_bit_of_a_state(data, threads):
    (u, lengths), system = data, s4d_lin(5, 6)
    packed = system._layer(u.dtype)
    states = packed.state_after(u, threads=threads, lengths=lengths)
    for row, end, state in zip(u, lengths, states, strict=True):
        assert same_bits(packed.state_after(row[:end].copy()), state.copy())


def test_prefill_takes_the_cheaper_way(monkeypatch):
    monkeypatch.setattr(layer, "choose", lambda *a, **k: Choice("convolution", {"scan": 1.0, "convolution": 0.5}))
    u = noise((1000, 5), "float32")  # a convolution and a third of a scan, or all of it
    ways = ("S4D", "convolution"), ("calm", "convolution"), ("S4", "scan"), ("filters", "scan"), ("clustered", "scan")
    for kind, evaluation in ways:
        system = {**SYSTEMS, "calm": calm, "clustered": clustered}[kind]()
        y, stream = system.prefill(u)
        other, goes_on = system.prefill(u, evaluation=evaluation)
        assert same_bits(y, other) and same_bits(stream.state, goes_on.state)
