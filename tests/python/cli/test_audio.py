# SPDX-License-Identifier: Apache-2.0
"""The reader of WAV files and streams: exact on what is sound, one clear error on what is not."""

from __future__ import annotations

import contextlib
import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danaus._cli.audio import Format, decode, read_wav, wav_header
from danaus._cli.errors import UserError


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def fmt(tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, align: int | None = None) -> bytes:
    align = channels * bits // 8 if align is None else align
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * align % 2**32, align, bits))


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@given(
    bits=st.sampled_from([8, 16, 24, 32]),
    channels=st.integers(1, 3),
    rate=st.integers(1, 192_000),
    frames=st.binary(max_size=400),
)
def test_what_the_standard_library_writes_comes_back(bits: int, channels: int, rate: int, frames: bytes) -> None:
    width = bits // 8
    frames = frames[: len(frames) // (channels * width) * (channels * width)]
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, width, rate, 0, "NONE", ""))
        writer.writeframes(frames)
    samples, form, note = read_wav(file.getvalue(), "x.wav")
    assert (form, note) == (Format(rate, channels, bits), None)
    values = [
        int.from_bytes(frames[i : i + width], "little", signed=bits > 8) - (128 if bits == 8 else 0)
        for i in range(0, len(frames), width)
    ]
    expected = (np.array(values, dtype=np.float64) / 2 ** (bits - 1)).astype(np.float32)
    assert samples.shape == (len(frames) // (channels * width), channels)
    np.testing.assert_array_equal(samples.ravel(), expected)


@given(values=st.lists(st.floats(width=32, allow_nan=False), max_size=50), bits=st.sampled_from([32, 64]))
def test_floats_come_back_as_they_are(values: list[float], bits: int) -> None:
    array = np.array(values, dtype=f"<f{bits // 8}")
    samples, _, _ = read_wav(riff(fmt(tag=3, bits=bits), chunk(b"data", array.tobytes())), "x.wav")
    np.testing.assert_array_equal(samples[:, 0], array.astype(np.float32))


def test_chunks_that_mean_nothing_here_are_passed_over() -> None:
    body = chunk(b"data", b"\1\0\2\0")
    plain = read_wav(riff(fmt(), body), "x.wav")[0]
    odd = read_wav(
        riff(chunk(b"LIST", b"abc"), fmt(), chunk(b"fact", b"\2\0\0\0"), body, chunk(b"LIST", b"z")), "x.wav"
    )
    np.testing.assert_array_equal(odd[0], plain)
    np.testing.assert_array_equal(plain[:, 0] * 32768, [1, 2])


def test_extensible_format() -> None:
    body = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4, 1) + bytes(14)
    samples, form, _ = read_wav(riff(chunk(b"fmt ", body), chunk(b"data", b"\0\x40")), "x.wav")
    assert form == Format(8000, 1, 16)
    assert samples[0, 0] == 0.5


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFDB, 0x80000000, 0xFFFFFFFF])
def test_lengths_that_nobody_knew_are_the_rest_of_the_file(size: int) -> None:
    head = riff(fmt())[:4] + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + fmt()
    samples, _, note = read_wav(head + b"data" + struct.pack("<I", size) + b"\0\x40\0\xc0", "x.wav")
    np.testing.assert_array_equal(samples[:, 0], [0.5, -0.5])
    assert note is None


def test_no_samples_are_no_samples() -> None:
    file = riff(fmt(), chunk(b"data", b""), chunk(b"LIST", b"not samples"))
    assert read_wav(file, "x.wav")[0].shape == (0, 1)


def test_a_file_cut_short_is_read_as_far_as_it_goes() -> None:
    file = riff(fmt(), chunk(b"data", b"\0\x40" * 100))
    samples, _, note = read_wav(file[:-51], "x.wav")
    assert len(samples) == 74
    assert note is not None
    assert "claims 200 bytes" in note


@given(cut=st.integers(0, 43))
def test_every_cut_within_the_header_is_an_error(cut: int) -> None:
    with pytest.raises(UserError, match=r"x\.wav: must"):
        read_wav(riff(fmt(), chunk(b"data", b"\0\0"))[:cut], "x.wav")


@given(cut=st.integers(0, 60), extra=st.binary(max_size=9).filter(lambda b: len(b) % 2 == 0))
def test_a_header_in_pieces_asks_for_more(cut: int, extra: bytes) -> None:
    head = riff(chunk(b"LIST", extra), fmt()) + b"data\4\0\0\0"
    found = wav_header(head[:cut], "x.wav")
    assert found is None or (cut >= len(head) and found == (Format(8000, 1, 16), len(head), 4))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"RIFX" + bytes(40), "RIFF/WAVE"),
        (b"RIFF\0\0\0\0AVI " + bytes(40), "RIFF/WAVE"),
        (riff(fmt(tag=6, bits=8), chunk(b"data", b"a")), "A-law"),
        (riff(fmt(tag=7, bits=8), chunk(b"data", b"a")), "mu-law"),
        (riff(fmt(tag=85, bits=0), chunk(b"data", b"a")), "MP3"),
        (riff(fmt(tag=999), chunk(b"data", b"a")), "format 999"),
        (riff(fmt(bits=12, align=2), chunk(b"data", b"a")), "have 12"),
        (riff(fmt(tag=3, bits=16), chunk(b"data", b"a")), "have 16"),
        (riff(fmt(channels=0, align=0), chunk(b"data", b"a")), "0 channels"),
        (riff(fmt(rate=0), chunk(b"data", b"a")), "0 Hz"),
        (riff(fmt(align=7), chunk(b"data", b"a")), "7 bytes"),
        (riff(chunk(b"data", b"a"), fmt()), "before its samples"),
        (riff(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", b"a")), "at least 16 bytes"),
        (riff(fmt()) + b"LIST\xff\xff\xff\x7f", "within the first"),
        (riff(fmt()), "ends within its header"),
        (b"", "after 0 bytes"),
    ],
)
def test_what_is_no_sound_is_told_in_one_line(file: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        read_wav(file, "x.wav")
    assert "\n" not in str(error.value)


@given(st.data())
def test_damage_anywhere_gives_samples_or_a_user_error(data: st.DataObject) -> None:
    file = bytearray(riff(fmt(), chunk(b"LIST", b"abcd"), chunk(b"data", bytes(range(40)))))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        samples, form, _ = read_wav(bytes(file[: data.draw(st.integers(0, len(file)))]), "x.wav")
    except UserError:
        return
    assert samples.dtype == np.float32
    assert samples.shape[1] == form.channels
    assert samples.nbytes <= 16 * len(file)


@given(st.binary(max_size=200))
def test_noise_behind_a_riff_gives_samples_or_a_user_error(noise: bytes) -> None:
    with contextlib.suppress(UserError):
        read_wav(b"RIFF\0\0\0\0WAVE" + noise, "x.wav")


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_full_scale_is_one(bits: int) -> None:
    form = Format(8000, 1, bits)
    low = (0 if bits == 8 else -(2 ** (bits - 1))).to_bytes(bits // 8, "little", signed=bits > 8)
    middle = (128 if bits == 8 else 0).to_bytes(bits // 8, "little")
    np.testing.assert_array_equal(decode(low + middle, form)[:, 0], [-1, 0])


@pytest.mark.parametrize("rest", [0, 1, 2, 3])
def test_what_is_less_than_a_frame_is_left_out(rest: int) -> None:
    np.testing.assert_array_equal(decode(b"\0\x40\0\x20" + bytes(rest), Format(8000, 2, 16)), [[0.5, 0.25]])
