# SPDX-License-Identifier: Apache-2.0
"""The digit model on the recordings it is tested with, which are not part of the repository.

Runs where the environment variable DANAUS_FSDD names the folder of the Free Spoken Digit Dataset's recordings
(https://github.com/Jakobovski/free-spoken-digit-dataset).
"""

from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
import pytest

from danaus.models import load
from helpers import DATA, same_bits

FOLDER = os.environ.get("DANAUS_FSDD")

pytestmark = pytest.mark.skipif(not FOLDER, reason="DANAUS_FSDD does not name the folder of recordings")


@pytest.fixture(scope="module")
def recordings():
    """The 300 test clips in [-1, 1), their digits, and PyTorch's logits in single and double precision."""
    clips = []
    with np.load(DATA / "digits_logits.npz") as data:
        for name in data["names"]:
            with wave.open(str(Path(FOLDER) / str(name))) as file:
                assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
                samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            clips.append(samples.astype(np.float32) / 32768)
        return clips, data["labels"], data["logits"], data["logits64"]


def test_three_hundred_clips(recordings):
    clips, labels, single, double = recordings
    assert len(clips) == 300
    model = load("digits")
    y = np.stack([model(clip) for clip in clips])
    assert (y.argmax(1) == labels).sum() >= 297
    assert np.abs(y - single).max() <= 2e-5
    assert np.abs(y - double).max() <= 5e-6


def test_three_hundred_clips_in_one_batch(recordings):
    clips, *_ = recordings
    model = load("digits")
    lengths = [len(clip) for clip in clips]
    u = np.full((300, max(lengths), 1), np.nan, np.float32)
    for row, clip in zip(u, clips, strict=True):
        row[: len(clip), 0] = clip
    assert same_bits(model(u, lengths=lengths, threads=2), np.stack([model(clip) for clip in clips]))


def test_three_hundred_clips_through_the_stream(recordings):
    clips, labels, single, _ = recordings
    model = load("digits")
    stream, last = model.stream(), []
    for clip in clips:
        stream.reset()
        for start in range(0, len(clip), 500):  # 62.5 ms at a time
            stream.run(clip[start : start + 500])
        missing = -len(clip) % model.frame
        y = stream.run(np.zeros(missing, np.float32)) if missing else model(clip)[None]
        last.append(y[-1])
    y = np.stack(last)
    assert same_bits(y, np.stack([model(clip) for clip in clips]))
    assert (y.argmax(1) == labels).sum() >= 297 and np.abs(y - single).max() <= 2e-5
