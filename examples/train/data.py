# SPDX-License-Identifier: Apache-2.0
"""Readers of the three data sets, and writers of the small extracts that the package carries.

Usage, for the electrocardiogram (the other extract is written by the training)::

    python data.py --ecg ecg.dat
"""

from __future__ import annotations

import argparse
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Recording:
    """One clip of the Free Spoken Digit Dataset: int16 samples at 8 kHz."""

    name: str
    digit: int
    speaker: str
    index: int
    samples: NDArray[np.int16]


@dataclass(frozen=True)
class Utterances:
    """Sequences of different lengths with a label each."""

    frames: list[NDArray[np.float32]]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, indices: NDArray[np.int64]) -> Utterances:
        return Utterances([self.frames[i] for i in indices], self.labels[indices])


def read_recordings(folder: Path) -> list[Recording]:
    """All ``digit_speaker_index.wav`` of a folder, sorted by name."""
    recordings = []
    for path in sorted(folder.glob("*.wav")):
        digit, speaker, index = path.stem.split("_")
        with wave.open(str(path)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (8000, 1, 2):
                raise ValueError(f"read_recordings: {path.name} must be mono, 16 bit, 8 kHz")
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        recordings.append(Recording(path.name, int(digit), speaker, int(index), samples))
    if not recordings:
        raise ValueError(f"read_recordings: no .wav file in {folder}")
    return recordings


def read_utterances(path: Path) -> Utterances:
    """A ``.ts`` file of the UEA archive: channels separated by colons, the class (from 1) last."""
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().lower() == "@data") + 1
    frames, labels = [], []
    for line in filter(None, map(str.strip, lines[start:])):
        *channels, label = line.split(":")
        frames.append(np.array([channel.split(",") for channel in channels], dtype=np.float32).T.copy())
        labels.append(int(label) - 1)
    return Utterances(frames, np.array(labels))


def read_ecg(path: Path) -> NDArray[np.int16]:
    """SciPy's ``ecg.dat``: an ``.npz`` in disguise with the raw 11 bit samples of five minutes at 360 Hz."""
    with np.load(path) as file:
        raw = file["ecg"]
    signal = raw.astype(np.int16)
    if not np.array_equal(signal, raw):
        raise ValueError("read_ecg: the samples must be 16 bit integers")
    return signal


def write_utterances(path: Path, utterances: Utterances) -> None:
    """The utterances, one after the other, with their lengths and labels, without loss."""
    np.savez_compressed(
        path,
        frames=np.concatenate(utterances.frames),
        lengths=np.array([len(frames) for frames in utterances.frames], dtype=np.int16),
        labels=utterances.labels.astype(np.uint8),
    )


def write_ecg(path: Path, signal: NDArray[np.int16]) -> None:
    """The raw samples; millivolt are ``(signal - 1024) / 200``."""
    np.savez_compressed(path, signal=signal, rate=np.int32(360))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--ecg", type=Path, required=True, help="SciPy's scipy/misc/ecg.dat")
    arguments.add_argument("--out", type=Path, default=REPOSITORY, help="root of the repository to write into")
    options = arguments.parse_args()
    write_ecg(options.out / "python/danaus/data/ecg.npz", read_ecg(options.ecg))


if __name__ == "__main__":
    main()
