# SPDX-License-Identifier: Apache-2.0
"""Models against PyTorch's logits and a double precision evaluator; streams, files good and bad."""

from __future__ import annotations

import json
import pickle
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as write_tensors

import danaus
from danaus.models import Model, embedded, load
from helpers import DATA, LAYOUTS, cut, laid_out, same_bits
from networks import Writer, random_network, write
from reference.network import Network

LOGIT = 2e-5  # what the outputs of a float32 network of this size may differ by


def file_of(name):
    return (resources.files("danaus") / "data" / f"{name}.safetensors").read_bytes()


def vowels():
    """The 370 test utterances ``(length, 12)`` and their speakers."""
    with np.load(resources.files("danaus") / "data" / "japanese_vowels_test.npz") as data:
        frames, lengths, labels = data["frames"], data["lengths"].astype(int), data["labels"]
    return np.split(frames, np.cumsum(lengths)[:-1]), labels


def synthetic():
    """Eight signals ``(length, 1)`` and PyTorch's logits in single and double precision."""
    with np.load(DATA / "digits_synthetic.npz") as data:
        samples, lengths = data["samples"].astype(np.float32)[:, None] / 32768, data["lengths"]
        return np.split(samples, np.cumsum(lengths)[:-1]), data["logits"], data["logits64"]


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def streamed(model, u, sizes):
    """The outputs of the steps of a stream fed in pieces, the last frame filled up with zeros."""
    u = np.concatenate([u, np.zeros((-len(u) % model.frame, model.channels), np.float32)])
    stream = model.stream()
    return np.concatenate([stream.run(u[piece]) for piece in cut(len(u), sizes)])


# ------------------------------------------------------------------------------------ the embedded models


def test_vowels_are_pytorchs_logits():
    model, (utterances, labels) = load("japanese_vowels"), vowels()
    y = np.stack([model(u) for u in utterances])
    assert y.shape == (370, 9) and y.dtype == np.float32
    assert np.abs(y - np.load(DATA / "japanese_vowels_logits.npy")).max() <= LOGIT
    assert np.abs(y - np.load(DATA / "japanese_vowels_logits64.npy")).max() <= 5e-6
    assert (y.argmax(1) == labels).sum() >= 361


def test_vowels_are_pytorchs_logits_through_the_stream():
    model, (utterances, _) = load("japanese_vowels"), vowels()
    stream, last = model.stream(), []
    for u in utterances:
        stream.reset()
        for frame in u:
            y = stream.step(frame)
        last.append(y)
    assert same_bits(np.stack(last), np.stack([model(u) for u in utterances]))


def test_digits_are_pytorchs_logits():
    """PyTorch's own float32 is up to 6e-5 from its float64, on the full-scale square wave."""
    model, (signals, single, double) = load("digits"), synthetic()
    y = np.stack([model(u) for u in signals])
    assert np.abs(y - double).max() <= LOGIT
    assert (np.abs(y - single) <= LOGIT + np.abs(single - double)).all()
    for u, whole in zip(signals, y, strict=True):
        assert same_bits(streamed(model, u, [1000])[-1], whole)
        assert same_bits(model(u[:, 0]), whole)


@pytest.mark.parametrize("name", ["japanese_vowels", "digits"])
def test_the_reference_evaluator_is_pytorch(name):
    network = Network(file_of(name))
    if name == "digits":
        signals, _, double = synthetic()
    else:
        signals, double = vowels()[0][::10], np.load(DATA / "japanese_vowels_logits64.npy")[::10]
    for u, truth in zip(signals, double, strict=True):
        assert np.abs(network(u) - truth).max() <= 1e-12


def test_embedded_models_are_there():
    assert {"digits", "japanese_vowels"} <= set(embedded())
    for name in embedded():
        model = danaus.load(name)
        assert model.name == name and model.causal and model.pooled and model.summary
        assert len(model.labels) == model.outputs
        report = model.check(64)
        assert report.ok and report.stable and report.difference <= 1e-5
        assert json.loads(json.dumps(report.to_dict()))["ok"] is True
        assert name in str(report) and "parameters" in str(report)
    assert danaus.load("digits").sample_rate == 8000 and danaus.load("digits").frame == 32
    assert danaus.load("japanese_vowels").sample_rate is None
    assert report.parameters == sum(t.size for t in read_tensors(file_of(name)).values())


# --------------------------------------------------------------------------------- networks of all kinds


@pytest.mark.parametrize("seed", range(60))
def test_a_random_network_is_its_formulas(seed):
    for both in (False, True):
        file = random_network(seed, both)
        model, network = Model(file), Network(file)
        for length in (1, model.frame, 47):
            u = noise((length, model.channels), seed)
            truth = network(u)
            assert np.abs(model(u) - truth).max() <= LOGIT * max(1, np.abs(truth).max())


@given(
    seed=st.integers(0, 400), length=st.integers(1, 300), sizes=st.lists(st.integers(0, 150), min_size=1, max_size=4)
)
def test_batch_stream_and_chunks_give_the_same_bits(seed, length, sizes):
    model = Model(random_network(seed))
    u = noise((length, model.channels), seed)
    whole, chunked = model(u), streamed(model, u, sizes)
    assert same_bits(chunked[-1] if model.pooled else chunked, whole)
    stream = model.stream()
    padded = np.concatenate([u, np.zeros((-length % model.frame, model.channels), np.float32)])
    frames = padded.reshape(-1, model.frame, model.channels)
    assert same_bits(np.stack([stream.step(frame) for frame in frames]), chunked)
    stream.reset()
    assert same_bits(np.stack([stream.step(frame.ravel()) for frame in frames]), chunked)


@given(
    seed=st.integers(0, 400),
    batch=st.integers(1, 5),
    length=st.integers(1, 100),
    threads=st.integers(1, 4),
    layout=st.sampled_from(LAYOUTS),
    both=st.booleans(),
    garbage=st.sampled_from([np.nan, np.inf, 1e30]),
)
def test_lengths_threads_and_layouts_change_no_bit(seed, batch, length, threads, layout, both, garbage):
    model = Model(random_network(seed, both))
    lengths = np.random.default_rng(seed).integers(1, length + 1, batch)
    u = noise((batch, length, model.channels), seed)
    for one, count in zip(u, lengths, strict=True):
        one[count:] = garbage  # what is beyond the end has no effect
    y = model(laid_out(u, layout), lengths=lengths, threads=threads)
    for one, count, result in zip(u, lengths, y, strict=True):
        alone = model(one[:count])
        if model.pooled:
            assert same_bits(result, alone)
        else:
            assert same_bits(result[: len(alone)], alone) and not result[len(alone) :].any()
    nested = model(u[None], lengths=lengths[None].tolist(), threads=threads)
    assert same_bits(nested[0], y)


@given(seed=st.integers(0, 400), batch=st.integers(1, 5), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_a_batch_of_streams_is_as_many_streams(seed, batch, sizes):
    model = Model(random_network(seed))
    u = noise((batch, 100, model.channels), seed)
    together, alone = model.stream(batch), [model.stream() for _ in range(batch)]
    for piece in cut(100, sizes):
        y = together.run(u[:, piece])
        assert same_bits(y, np.stack([s.run(v[piece]) for s, v in zip(alone, u, strict=True)]))
        assert together.pending == alone[0].pending
    assert same_bits(together.state, np.stack([s.state for s in alone]))
    together.reset()
    for stream in alone:
        stream.reset()
    frames = noise((batch, model.frame, model.channels), seed)
    for shape in ((batch, model.frame, model.channels), (batch, model.frame * model.channels)):
        y = together.step(frames.reshape(shape))
        assert same_bits(y, np.stack([s.step(f) for s, f in zip(alone, frames, strict=True)]))


@given(seed=st.integers(0, 400), stop=st.integers(0, 60), batch=st.sampled_from([None, 1, 3]))
def test_state_copy_and_reset_resume_bit_for_bit(seed, stop, batch):
    model = Model(random_network(seed))
    u = noise((*(() if batch is None else (batch,)), 100, model.channels), seed)
    first, last = u[..., :stop, :], u[..., stop:, :]
    stream = model.stream(batch)
    begun = stream.run(first)
    kept, twin = stream.state, stream.copy()
    rest = stream.run(last)
    assert same_bits(np.concatenate([begun, rest], axis=-2), model.stream(batch).run(u))
    assert same_bits(twin.run(last), rest) and same_bits(twin.state, stream.state)
    other = Model(pickle.loads(pickle.dumps(model))._file).stream(batch)
    other.state = kept
    assert other.pending == stop % model.frame
    assert same_bits(other.run(last), rest)
    stream.reset()
    assert not stream.state.any() and stream.pending == 0
    assert same_bits(stream.run(first), begun)


def test_embeddings_take_whole_numbers_of_any_kind():
    writer = Writer(3, 1)
    layers = [writer.embedding(20, 8), writer.s4d(4), {"type": "gelu"}, writer.linear(5)]
    file = writer.file(layers)
    model, network = Model(file), Network(file)
    ids = np.random.default_rng(0).integers(0, 20, (2, 30, 1))
    y = model(ids.astype("float32"))
    assert np.abs(y[0] - network(ids[0])).max() <= LOGIT * np.abs(y).max()
    for kind in ("int64", "int32", "uint8"):
        assert same_bits(model(ids.astype(kind)), y)
        assert same_bits(model(ids[..., 0].astype(kind)[0]), y[0])
        assert same_bits(model.stream(2).run(ids.astype(kind)), y)
        assert same_bits(model.stream().step(ids[0, 0].astype(kind)), y[0, 0])
    for wrong in (20, -1, 2**40):
        with pytest.raises(ValueError, match="input must be whole numbers from 0 to 19"):
            model(np.full((1, 4, 1), wrong, "int64"))
    for wrong in (0.5, -0.5, 20.0):
        with pytest.raises(ValueError, match="input must be whole numbers from 0 to 19"):
            model.stream().step(np.full(1, wrong, "float32"))
    with pytest.raises(TypeError, match="must be float32"):
        model(ids.astype("float64"))
    assert model.check(20).ok


def test_the_smallest_network_gives_back_its_input():
    model = Model(write([]))
    u = noise((2, 9, 3))
    assert same_bits(model(u), u) and same_bits(model.stream(2).run(u), u)
    assert not model.pooled and model.causal and model.outputs == 3
    buffer = u.copy()
    model.stream(2).run(buffer, out=buffer)
    assert same_bits(buffer, u)


def test_half_precision_weights_are_read():
    ml_dtypes = {"F16": "float16", "F64": "float64"}
    rng = np.random.default_rng(0)
    w = rng.standard_normal((4, 3)).astype("float16")
    for name in ml_dtypes.values():
        file = write([{"type": "linear", "prefix": "a"}], {"a.weight": w.astype(name)})
        u = noise((5, 3))
        assert np.abs(Model(file)(u) - u @ w.astype(float).T).max() <= 1e-6
        assert np.array_equal(Model(file).tensors["a.weight"], w.astype(name))


# ------------------------------------------------------------------------------------- arrays and errors


def test_out_is_written_or_refused():
    model, u = load("japanese_vowels"), noise((2, 3, 10, 12))
    y = model(u)
    out = np.full((2, 3, 9), np.nan, np.float32)
    assert model(u, out=out) is out and same_bits(out, y)
    for wrong in (
        np.zeros((2, 3, 9)),
        np.zeros((9, 3, 2), np.float32).T,
        np.zeros((2, 3, 18), np.float32)[..., ::2],
        np.zeros((2, 6, 9), np.float32)[:, ::2],
        np.broadcast_to(np.float32(0), (2, 3, 9)),
        [[0.0]],
    ):
        with pytest.raises(TypeError, match="out must be"):
            model(u, out=wrong)
    frozen = np.zeros((2, 3, 9), np.float32)
    frozen.flags.writeable = False
    with pytest.raises(TypeError, match="out must be"):
        model(u, out=frozen)
    for shape in ((2, 3, 8), (6, 9), (2, 3, 1, 9)):
        with pytest.raises(ValueError, match="out must have shape"):
            model(u, out=np.zeros(shape, np.float32))
    stream = model.stream()
    row = np.zeros(9, np.float32)
    assert same_bits(stream.step(u[0, 0, 0], row), row) and row.any()
    with pytest.raises(ValueError, match="out must have shape"):
        stream.run(u[0, 0], out=np.zeros((9, 9), np.float32))


def test_out_may_overlap_the_input():
    writer = Writer(5, 4)
    layers = [writer.conv1d(7, 3), writer.s4d(2), writer.linear(4)]
    model = Model(writer.file(layers))
    u = noise((300, 4))
    truth = model(u)
    for shift in (0, 1, 5, 64):
        for down in (False, True):
            buffer = np.zeros((300 + shift, 4), np.float32)
            source, out = (buffer[shift:], buffer[:300]) if down else (buffer[:300], buffer[shift:])
            for verb in (lambda: model(source, out=out), lambda: model.stream().run(source, out=out)):  # noqa: B023
                source[...] = u
                verb()
                assert same_bits(out, truth)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_input_that_is_not_finite_is_refused_before_it_does_harm(bad):
    model = load("japanese_vowels")
    u = noise((2, 10, 12))
    u[1, 7, 3] = bad
    with pytest.raises(ValueError, match="input must be finite"):
        model(u)
    stream = model.stream(2)
    stream.run(u[:, :5])
    before = stream.state
    with pytest.raises(ValueError, match="input must be finite"):
        stream.run(u[:, 5:])
    with pytest.raises(ValueError, match="input must be finite"):
        stream.step(u[:, 7])
    assert same_bits(stream.state, before)


def test_wrong_input_is_named():
    model = load("japanese_vowels")
    for shape in ((), (12,), (10, 11), (0, 12), (2, 0, 12), (2, 10, 13)):
        with pytest.raises(ValueError, match="u must have shape"):
            model(np.zeros(shape, np.float32))
    for kind in ("float64", "float16", "int64", "complex64", "bool", "uint8", ">f4"):
        with pytest.raises(TypeError):
            model(np.zeros((10, 12), kind))
        with pytest.raises(TypeError):
            model.stream().run(np.zeros((10, 12), kind))
        with pytest.raises(TypeError):
            model.stream().step(np.zeros(12, kind))
    u = np.zeros((2, 10, 12), np.float32)
    for lengths in ([1], [[1, 2]], 5, [1, 2, 3], [1.0, 2.0], ["a", "b"], [True, False]):
        with pytest.raises(ValueError, match="lengths must be"):
            model(u, lengths=lengths)
    for lengths in ([0, 1], [1, 11], [-1, 5], np.array([2**64 - 1, 1], "uint64")):
        with pytest.raises(ValueError, match="lengths must be between 1 and the 10"):
            model(u, lengths=lengths)
    for threads in (0, -3):
        with pytest.raises(ValueError, match="threads must be"):
            model(u, threads=threads)
    for batch in (0, -1):
        with pytest.raises(ValueError, match="batch must be"):
            model.stream(batch)
    with pytest.raises(ValueError, match="batch must be"):
        model.stream(2**21)
    for shape in ((11,), (1, 13), (2, 12), (1, 1, 12), ()):
        with pytest.raises(ValueError, match="frame must have shape"):
            model.stream().step(np.zeros(shape, np.float32))
    for shape in ((12,), (10, 11), (1, 10, 12), ()):
        with pytest.raises(ValueError, match="u must have shape"):
            model.stream().run(np.zeros(shape, np.float32))
    assert model(np.zeros((0, 5, 12), np.float32)).shape == (0, 9)
    assert model.stream().run(np.zeros((0, 12), np.float32)).shape == (0, 9)


def test_a_step_refuses_to_jump_over_rows_that_wait():
    model = load("digits")
    stream = model.stream()
    assert stream.run(noise((40, 1))).shape == (1, 10) and stream.pending == 8
    with pytest.raises(ValueError, match="no part of a frame may be waiting, 8 rows"):
        stream.step(noise((32, 1)))
    assert stream.pending == 8
    assert stream.run(noise(24)).shape == (1, 10) and stream.pending == 0
    stream.step(noise(32))


def test_a_wrong_state_is_refused_and_changes_nothing():
    stream = load("digits").stream()
    stream.run(noise((40, 1)))
    state = stream.state
    for wrong in (state[:-1], state[None], np.concatenate([[33.0], state[1:]]), np.concatenate([[-1.0], state[1:]])):
        with pytest.raises(ValueError, match="state"):
            stream.state = wrong.astype(np.float32)
    for head in (0.5, np.nan, 32.0, np.inf):
        with pytest.raises(ValueError, match="rows waiting"):
            stream.state = np.concatenate([[head], state[1:]]).astype(np.float32)
    with pytest.raises(TypeError, match="state must be float32"):
        stream.state = state.astype(float)
    assert same_bits(stream.state, state)


def test_a_bidirectional_network_does_not_stream():
    writer = Writer(0, 4)
    model = Model(writer.file([writer.s4d(3, both=True)]))
    assert not model.causal
    with pytest.raises(ValueError, match="must be causal"):
        model.stream()
    report = model.check(10)
    assert report.difference is None and report.ok and "whole sequences only" in str(report)


def test_a_stream_outlives_its_model():
    model, u = load("japanese_vowels"), noise((9, 12))
    expected, stream = model(u), model.stream()
    del model
    assert same_bits(stream.run(u)[-1], expected)


# -------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("name", ["japanese_vowels", "digits"])
def test_save_load_and_pickle_are_the_same_model(tmp_path, name):
    model = load(name)
    model.save(tmp_path / "a.safetensors")
    model.save(str(tmp_path / "b"))
    u = noise((3, 50, model.channels))
    for twin in (load(tmp_path / "a.safetensors"), load(str(tmp_path / "b")), pickle.loads(pickle.dumps(model))):
        assert same_bits(twin(u), model(u)) and twin.labels == model.labels and repr(twin) == repr(model)
    assert (tmp_path / "b").read_bytes() == file_of(name)
    for key, tensor in read_tensors(file_of(name)).items():  # the official reader agrees
        assert np.array_equal(model.tensors[key], tensor)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must be a model file or one of .*digits"):
        load(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        load("no such model")
    with pytest.raises(OSError, match="irectory"):
        load(tmp_path)
    with pytest.raises((FileNotFoundError, IsADirectoryError)):
        load("")
    with pytest.raises(TypeError):
        load(3)
    with pytest.raises(TypeError):
        Model("digits")


def test_a_file_that_is_no_model_is_a_value_error_with_its_name(tmp_path):
    path = tmp_path / "wrong.bin"
    for content in (b"", b"x" * 7, b"x" * 100, b"\0" * 8, b"\2" + b"\0" * 7 + b"{}", b"PK\3\4" * 50, b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"wrong\.bin"):
            load(path)


def try_to_run(file):
    """Builds and runs, or gives the error that says why not."""
    try:
        model = Model(file)
        u = np.zeros((2, 2 * model.frame, model.channels), np.float32)
        model(u)
        if model.causal:
            model.stream().run(u[0])
        assert model.description and model.check(2) and model.tensors.keys() and model.metadata is not None
    except (ValueError, OSError) as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", ["japanese_vowels", "digits"])
def test_no_beginning_of_a_model_is_a_model(name):
    file = file_of(name)
    head = 8 + int.from_bytes(file[:8], "little")
    ends = {*range(64), *range(head - 20, head + 20), *range(0, head, 97), *range(head, len(file), 4001), len(file) - 1}
    for end in ends:
        with pytest.raises(ValueError, match=r"must"):
            Model(file[:end])
    for tail in (b"\0", b"{}", file):
        with pytest.raises(ValueError, match=r"must"):
            Model(file + tail)


@pytest.mark.parametrize("where", ["head", "weights"])
@settings(max_examples=600)
@given(data=st.data())
def test_flipped_bytes_are_an_error_or_a_model_that_runs(where, data):
    file = bytearray(file_of("japanese_vowels"))
    head = 8 + int.from_bytes(file[:8], "little")
    low, high = (0, head - 1) if where == "head" else (head, len(file) - 1)
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(low, high))] = data.draw(st.integers(0, 255))
    try_to_run(bytes(file))


@settings(max_examples=300)
@given(data=st.data())
def test_a_cut_or_stuffed_head_is_an_error_or_a_model_that_runs(data):
    file = file_of("japanese_vowels")
    size = int.from_bytes(file[:8], "little")
    head = file[8 : 8 + size]
    start = data.draw(st.integers(0, size))
    stop = data.draw(st.integers(start, min(size, start + 40)))
    stuffing = data.draw(
        st.sampled_from([b"", b"0", b"-", b"9999999999", b"[", b"{", b'"', b"1e999", b"null", b"\\u0000"])
    )
    head = head[:start] + stuffing + head[stop:]
    try_to_run(len(head).to_bytes(8, "little") + head + file[8 + size :])


WRONG_VALUES = [None, True, -1, 0, 1.5, 1e300, 2**63, 2**64, "x", "", [], [1], {}, {"a": 1}]


def fields(value, path=()):
    """The paths to all values of a JSON document."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from fields(value[key], (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def test_every_field_of_a_description_with_every_wrong_value():
    """An error of ours, or a model that runs: some values (a name, an eps of 0) are as good as those they replace."""
    writer = Writer(1, 2)
    layers = [
        writer.linear(6),
        writer.conv1d(6, 4, 2),
        {"type": "log1p", "gain": 1.0},
        writer.batch_norm(),
        writer.residual(
            writer.depthwise(3), writer.s4d(2, "dss"), writer.rms_norm(), {"type": "gelu", "approximate": "tanh"}
        ),
        writer.layer_norm(),
        {"type": "pool", "kind": "mean"},
        writer.linear(4),
        {"type": "glu"},
    ]
    file = writer.file(layers, labels=["a", "b"], summary="all", input={"channels": 2, "sample_rate": 8000})
    tensors = read_tensors(file)
    description = Model(file).description
    assert try_to_run(file) is None
    refused = 0
    for path in fields(description):
        for wrong in (*WRONG_VALUES, ...):
            if not path and wrong is ...:
                continue
            changed = replaced(description, path, wrong)
            error = try_to_run(write_tensors(tensors, {"danaus": json.dumps(changed)}))
            refused += error is not None
    assert refused > 500


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version must be 1, is 2"),
        ({"version": ...}, '"version"'),
        ({"input": ...}, '"input"'),
        ({"channels": 0}, r"danaus\.input\.channels must be between 1"),
        ({"channels": 2**21}, r"danaus\.input\.channels must be between 1"),
        ({"channels": "3"}, r"danaus\.input\.channels must be a non-negative integer"),
        ({"channels": -3}, r"danaus\.input\.channels must be a non-negative integer"),
        ({"input": {"channels": 3, "sample_rate": 0}}, "sample_rate must be positive"),
        ({"input": {"channels": 3, "sample_rate": -8}}, "sample_rate must be positive"),
        ({"labels": ["a"]}, "a label for each of the 3 outputs, there are 1"),
        ({"labels": [1, 2, 3]}, r"labels\[0\] must be a string"),
        ({"layers": ...}, '"layers"'),
        ({"layers": {}}, "layers must be an array"),
        ({"layers": [3]}, r"layers\[0\] must be an object"),
        ({"layers": [{}]}, r"layers\[0\] must have the member \"type\""),
        ({"layers": [{"type": "attention"}]}, r"layers\[0\]\.type must be one of linear"),
        ({"layers": [{"type": "linear"}]}, r"layers\[0\] must have the member \"prefix\""),
        ({"layers": [{"type": "linear", "prefix": "none"}]}, r"none\.weight"),
        ({"layers": [{"type": "linear", "prefix": "wide"}]}, r"wide\.weight"),
        ({"layers": [{"type": "linear", "prefix": "nan"}]}, r"nan\.weight must hold numbers"),
        ({"layers": [{"type": "linear", "prefix": "int"}]}, r"int\.weight.* must be F16, BF16, F32 or F64, is I32"),
        ({"layers": [{"type": "linear", "prefix": "empty"}]}, r"empty\.weight"),
        ({"layers": [{"type": "conv1d", "prefix": "conv", "stride": 0}]}, r"stride must be a stride between 1"),
        ({"layers": [{"type": "conv1d", "prefix": "conv", "stride": 3}]}, r"stride must be a stride between 1"),
        ({"layers": [{"type": "conv1d", "prefix": "conv", "groups": 2}]}, r"groups must be 1, or the 3 channels"),
        ({"layers": [{"type": "glu"}]}, r"layers\[0\] must be a glu after an even width"),
        ({"layers": [{"type": "layer_norm", "prefix": "norm", "eps": -1}]}, "eps must be a number of at least 0"),
        ({"layers": [{"type": "layer_norm", "prefix": "wide2"}]}, r"wide2\.weight"),
        ({"layers": [{"type": "batch_norm", "prefix": "norm"}]}, "running_var"),
        ({"layers": [{"type": "batch_norm", "prefix": "bad"}]}, "running_var plus eps must be positive"),
        ({"layers": [{"type": "pool", "kind": "max"}]}, r"kind must be .*mean.*last.*running_mean"),
        ({"layers": [{"type": "pool"}]}, '"kind"'),
        ({"layers": [{"type": "pool", "kind": "mean"}, {"type": "pool", "kind": "last"}]}, "it follows a pool"),
        ({"layers": [{"type": "residual", "layers": [{"type": "pool", "kind": "mean"}]}]}, "outside a residual"),
        ({"layers": [{"type": "residual", "layers": [{"type": "linear", "prefix": "out"}]}]}, "keep width 3"),
        ({"layers": [{"type": "residual"}]}, '"layers"'),
        ({"layers": [{"type": "relu"}, {"type": "embedding", "prefix": "conv"}]}, "an embedding as the first layer"),
        ({"layers": [{"type": "s4d", "prefix": "none"}]}, r"none\.kernel\.C"),
        ({"layers": [{"type": "s4d", "prefix": "s4"}]}, r"s4d of 3 channels, has 2"),
        ({"layers": [{"type": "log1p", "gain": "x"}]}, r"gain must be a number"),
    ],
)
def test_a_wrong_description_says_where_and_what(change, said):
    tensors = {
        "wide.weight": np.zeros((3, 4), "float32"),
        "nan.weight": np.full((3, 3), np.nan, "float32"),
        "int.weight": np.zeros((3, 3), "int32"),
        "empty.weight": np.zeros((0, 3), "float32"),
        "conv.weight": np.zeros((3, 3, 2), "float32"),
        "norm.weight": np.ones(3, "float32"),
        "wide2.weight": np.ones(4, "float32"),
        "bad.running_var": np.full(3, -1, "float32"),
        "out.weight": np.zeros((5, 3), "float32"),
        "s4.kernel.C": np.zeros((2, 4, 2), "float32"),
    }
    change = {"layers": [], **change}
    with pytest.raises(ValueError, match=said):
        Model(write(tensors=tensors, **change))


@pytest.mark.parametrize("name", ["log_dt", "log_A_real", "A_imag", "C", "B"])
def test_a_layer_that_overflows_is_refused(name):
    writer = Writer(0, 2)
    layers = [writer.s4d(3, b=True)]
    (key,) = (key for key in writer.tensors if key.endswith(f"kernel.{name}"))
    for value in (np.nan, np.inf, -np.inf, 3e38, 1e3, -1e3, -3e38):
        broken = {**writer.tensors, key: writer.tensors[key].copy()}
        broken[key].flat[0] = value
        error = try_to_run(write(layers, broken, 2))
        assert error is not None or np.isfinite(value)
        if error is not None:
            assert "kernel" in error or "discretise" in error


def test_deep_and_long_descriptions():
    deep = []
    for _ in range(200):
        deep = [{"type": "residual", "layers": deep}]
    with pytest.raises(ValueError, match="must"):
        Model(write(deep))
    long = [{"type": "relu"}] * 10_001
    with pytest.raises(ValueError, match="10000 layers"):
        Model(write(long))
    assert try_to_run(write([{"type": "relu"}] * 1000)) is None
    wide = np.ones((2**20 + 1, 1), "float32")
    with pytest.raises(ValueError, match="narrower"):
        Model(write([{"type": "linear", "prefix": "a"}], {"a.weight": wide}, 1))


def test_a_file_without_a_description_says_so():
    with pytest.raises(ValueError, match='must carry a "danaus" description'):
        Model(write_tensors({"a": np.zeros(3, "float32")}))
    with pytest.raises(ValueError, match="danaus"):
        Model(write_tensors({"a": np.zeros(3, "float32")}, {"danaus": "{"}))
