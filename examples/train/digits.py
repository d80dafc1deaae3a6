# SPDX-License-Identifier: Apache-2.0
"""Train the spoken digit classifier on FSDD, and write its weights and reference logits.

Usage::

    python digits.py --recordings FOLDER --validate          # train on indices 10-49, validate on 5-9
    python digits.py --recordings FOLDER --leave-out theo    # an unseen speaker; writes nothing
    python digits.py --recordings FOLDER                     # train on 5-49, look at the test part (0-4) once
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from export import digit_net, write_model
from layers import DigitNet
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from training import Progress, optimizer, parameters, start, warm_up_then_cosine

from data import REPOSITORY, Recording, read_recordings
from reference import logits, synthetic_signals, to_float


@dataclass(frozen=True)
class Settings:
    """Chosen on the validation part."""

    epochs: int = 50
    batch: int = 25
    rate: float = 6e-3
    state_rate: float = 1e-3
    decay: float = 0.01
    dropout: float = 0.1
    smoothing: float = 0.05
    gain: float = 1000.0  # of the logarithmic scale
    level: tuple[float, float] = (-20.0, 6.0)  # dB
    noise: tuple[float, float] = (20.0, 60.0)  # signal-to-noise ratio, dB
    speed: tuple[float, float] = (0.9, 1.1)
    silence: int = 800  # at most so many samples in front


def augment(audio: NDArray[np.float32], settings: Settings, rng: np.random.Generator) -> NDArray[np.float32]:
    """Another speed, silence in front, white noise over all, another level; then clipped and rounded as a file is."""
    times = np.arange(0.0, len(audio) - 1, rng.uniform(*settings.speed))
    audio = np.interp(times, np.arange(len(audio)), audio).astype(np.float32)
    loudness = np.sqrt(np.mean(audio**2))
    audio = np.pad(audio, (rng.integers(0, settings.silence + 1), 0))
    noise = loudness * 10.0 ** (-rng.uniform(*settings.noise) / 20.0)
    audio = audio + noise * rng.standard_normal(len(audio), dtype=np.float32)
    audio = audio * 10.0 ** (rng.uniform(*settings.level) / 20.0)
    return (np.clip(np.rint(32768.0 * audio), -32768, 32767) / 32768.0).astype(np.float32)


def pack(clips: list[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """A batch filled with zeros at the end, and the true lengths; 16 frames at a time, for the Fourier transform."""
    lengths = torch.tensor([len(clip) for clip in clips])
    size = -(-int(lengths.max()) // (16 * DigitNet.stride)) * 16 * DigitNet.stride
    return torch.stack([functional.pad(torch.from_numpy(clip), (0, size - len(clip))) for clip in clips]), lengths


def batches_of_like_length(lengths: NDArray[np.int64], size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """A random partition into batches, in which little is filled with zeros."""
    order = np.argsort(lengths * rng.uniform(0.8, 1.25, len(lengths)))
    batches = np.array_split(order, len(order) // size)
    return [batches[i] for i in rng.permutation(len(batches))]


def train(recordings: list[Recording], settings: Settings, seed: int, title: str) -> DigitNet:
    """Fit one network."""
    rng = start(seed)
    clips = [to_float(recording.samples) for recording in recordings]
    labels = torch.tensor([recording.digit for recording in recordings])
    lengths = np.array([len(clip) for clip in clips])
    net = DigitNet(gain=settings.gain, dropout=settings.dropout)
    adam = optimizer(net, rate=settings.rate, state_rate=settings.state_rate, decay=settings.decay)
    schedule = warm_up_then_cosine(adam, settings.epochs * (len(clips) // settings.batch))
    progress = Progress(title, settings.epochs)
    for epoch in range(settings.epochs):
        losses = []
        for chosen in batches_of_like_length(lengths, settings.batch, rng):
            x, true = pack([augment(clips[i], settings, rng) for i in chosen])
            loss = functional.cross_entropy(net(x, true), labels[chosen], label_smoothing=settings.smoothing)
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            adam.step()
            schedule.step()
            losses.append(loss.item())
        progress(epoch, float(np.mean(losses)))
    return net.eval()


@torch.no_grad()
def correct(net: DigitNet, recordings: list[Recording], level: float = 0.0) -> int:
    """Number of clips, each whole and alone, whose digit is found after a change of level in dB."""
    factor = 10.0 ** (level / 20.0)
    found = 0
    for recording in recordings:
        samples = np.clip(np.rint(factor * recording.samples), -32768, 32767).astype(np.int16)
        found += int(net(torch.from_numpy(to_float(samples))[None]).argmax()) == recording.digit
    return found


def report(net: DigitNet, recordings: list[Recording], title: str) -> None:
    """Print the accuracy at several levels."""
    for level in (0.0, 6.0, -10.0, -20.0, -30.0):
        found = correct(net, recordings, level)
        print(f"{title}, {level:+.0f} dB: {found} of {len(recordings)} right ({found / len(recordings):.4f})")


def reference_logits(net: DigitNet, signals: list[NDArray[np.int16]]) -> dict[str, NDArray[np.floating]]:
    """Logits in both precisions."""
    audio = [to_float(signal) for signal in signals]
    single, double = (logits(net, audio, dtype) for dtype in (torch.float32, torch.float64))
    print(f"largest difference between float32 and float64 logits: {np.abs(single - double).max():.2e}")
    return {"logits": single, "logits64": double}


def write(net: DigitNet, test: list[Recording], out: Path) -> None:
    """Weights for the package, logits of the test clips and of synthetic signals for its tests."""
    tests = out / "tests/data"
    tests.mkdir(parents=True, exist_ok=True)
    write_model(
        out / "python/danaus/data/digits.safetensors",
        net,
        digit_net(net),
        name="digits",
        summary="Which English digit is spoken, causally from raw 8 kHz audio, one frame every 4 ms.",
        inputs={"channels": 1, "sample_rate": 8000},
        labels=[str(digit) for digit in range(10)],
        license="CC-BY-SA-4.0",
        origin="Trained by the danaus project on the Free Spoken Digit Dataset (Zohar Jackson et al., CC BY-SA 4.0).",
    )
    np.savez_compressed(
        tests / "digits_logits.npz",
        names=np.array([recording.name for recording in test]),
        labels=np.array([recording.digit for recording in test], dtype=np.uint8),
        **reference_logits(net, [recording.samples for recording in test]),
    )
    signals = synthetic_signals()
    np.savez_compressed(
        tests / "digits_synthetic.npz",
        samples=np.concatenate(signals),
        lengths=np.array([len(signal) for signal in signals], dtype=np.int32),
        **reference_logits(net, signals),
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--recordings", type=Path, required=True, help="folder of digit_speaker_index.wav")
    arguments.add_argument("--out", type=Path, default=REPOSITORY, help="root of the repository to write into")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--epochs", type=int, default=Settings.epochs)
    arguments.add_argument("--gain", type=float, default=Settings.gain, help="of the logarithmic scale")
    arguments.add_argument("--validate", action="store_true", help="train on a part, validate, write nothing")
    arguments.add_argument("--leave-out", metavar="SPEAKER", help="test on this speaker, write nothing")
    options = arguments.parse_args()
    settings = Settings(epochs=options.epochs, gain=options.gain)
    print(f"seed {options.seed}, {settings}", flush=True)
    recordings = read_recordings(options.recordings)
    if options.leave_out:
        title, known = "unseen speaker", [r for r in recordings if r.speaker != options.leave_out]
        test = [r for r in recordings if r.speaker == options.leave_out]
    elif options.validate:
        title, known = "validation", [r for r in recordings if r.index >= 10]
        test = [r for r in recordings if 5 <= r.index < 10]
    else:
        title, known = "test", [r for r in recordings if r.index >= 5]
        test = [r for r in recordings if r.index < 5]
    net = train(known, settings, options.seed, f"{len(known)} clips")
    print(f"{parameters(net)} parameters")
    report(net, test, title)
    if not (options.leave_out or options.validate):
        write(net, test, options.out)


if __name__ == "__main__":
    main()
