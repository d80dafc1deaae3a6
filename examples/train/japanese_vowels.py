# SPDX-License-Identifier: Apache-2.0
"""Train the speaker classifier on JapaneseVowels, and write its weights, test data and reference logits.

Usage::

    python japanese_vowels.py --archive FOLDER --validate   # cross-validation on the training part alone
    python japanese_vowels.py --archive FOLDER              # train on all of it, look at the test part once
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from export import vowel_net, write_model
from layers import VowelNet
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from training import Progress, optimizer, parameters, start, warm_up_then_cosine

from data import REPOSITORY, Utterances, read_utterances, write_utterances
from reference import logits


@dataclass(frozen=True)
class Settings:
    """Chosen by cross-validation."""

    epochs: int = 60
    batch: int = 27
    rate: float = 4e-3
    state_rate: float = 1e-3
    decay: float = 0.05
    dropout: float = 0.2
    noise: float = 0.5  # standard deviation, in units of each feature's own
    shortest: float = 0.5  # crop to at least this part of the utterance
    smoothing: float = 0.05


def pack(frames: list[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """A batch filled with zeros at the end, and the true lengths."""
    tensors = [torch.from_numpy(np.ascontiguousarray(f)) for f in frames]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True), torch.tensor([len(f) for f in frames])


def crop(frames: NDArray[np.float32], shortest: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random stretch of the utterance."""
    length = rng.integers(int(np.ceil(shortest * len(frames))), len(frames) + 1)
    first = rng.integers(0, len(frames) - length + 1)
    return frames[first : first + length]


def train(utterances: Utterances, settings: Settings, seed: int, title: str) -> VowelNet:
    """Fit one network."""
    rng = start(seed)
    every = torch.from_numpy(np.concatenate(utterances.frames))
    net = VowelNet(every.mean(0), every.var(0, correction=0), dropout=settings.dropout)
    adam = optimizer(net, rate=settings.rate, state_rate=settings.state_rate, decay=settings.decay)
    batches = len(utterances) // settings.batch
    schedule = warm_up_then_cosine(adam, settings.epochs * batches)
    progress = Progress(title, settings.epochs)
    for epoch in range(settings.epochs):
        order, total = rng.permutation(len(utterances)), 0.0
        for chosen in np.array_split(order[: batches * settings.batch], batches):
            x, lengths = pack([crop(utterances.frames[i], settings.shortest, rng) for i in chosen])
            x = x + settings.noise * every.std(0) * torch.randn_like(x)
            labels = torch.from_numpy(utterances.labels[chosen])
            loss = functional.cross_entropy(net(x, lengths), labels, label_smoothing=settings.smoothing)
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            total += loss.item()
        progress(epoch, total / batches)
    return net.eval()


@torch.no_grad()
def correct(net: VowelNet, utterances: Utterances) -> int:
    """Number of utterances whose speaker is found."""
    return int((net(*pack(utterances.frames)).argmax(1).numpy() == utterances.labels).sum())


def cross_validate(utterances: Utterances, settings: Settings, *, folds: int, repeats: int) -> float:
    """Accuracy over ``folds`` blocks of consecutive utterances of each speaker, the harder way to fold."""
    place = np.concatenate([np.arange(n) * folds // n for n in np.bincount(utterances.labels)])
    hits = 0
    for repeat in range(repeats):
        for fold in range(folds):
            part, rest = np.flatnonzero(place == fold), np.flatnonzero(place != fold)
            net = train(utterances.take(rest), settings, repeat, f"repeat {repeat}, fold {fold}")
            hits += correct(net, utterances.take(part))
    return hits / (repeats * len(utterances))


def write(net: VowelNet, test: Utterances, out: Path) -> None:
    """Weights and test data for the package, logits for its tests."""
    package, tests = out / "python/danaus/data", out / "tests/data"
    write_model(
        package / "japanese_vowels.safetensors",
        net,
        vowel_net(net),
        name="japanese_vowels",
        summary="Which of nine men says a Japanese 'ae', from 12 cepstral coefficients per frame.",
        inputs={"channels": 12},
        labels=[f"speaker {i}" for i in range(1, 10)],
        license="CC-BY-4.0",
        origin="Trained by the danaus project on JapaneseVowels (Kudo, Toyama, Shimbo; UCI repository, CC BY 4.0).",
    )
    write_utterances(package / "japanese_vowels_test.npz", test)
    tests.mkdir(parents=True, exist_ok=True)
    single, double = (logits(net, test.frames, dtype) for dtype in (torch.float32, torch.float64))
    np.save(tests / "japanese_vowels_logits.npy", single)
    np.save(tests / "japanese_vowels_logits64.npy", double)
    print(f"largest difference between float32 and float64 logits: {np.abs(single - double).max():.2e}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--archive", type=Path, required=True, help="folder of JapaneseVowels_TRAIN.ts and _TEST.ts")
    arguments.add_argument("--out", type=Path, default=REPOSITORY, help="root of the repository to write into")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--validate", action="store_true", help="cross-validate and write nothing")
    options = arguments.parse_args()
    settings = Settings()
    print(f"seed {options.seed}, {settings}")
    utterances = read_utterances(options.archive / "JapaneseVowels_TRAIN.ts")
    if options.validate:
        print(f"cross-validation: {cross_validate(utterances, settings, folds=5, repeats=2):.4f}")
        return
    net = train(utterances, settings, options.seed, "training")
    test = read_utterances(options.archive / "JapaneseVowels_TEST.ts")
    found = correct(net, test)
    print(f"{parameters(net)} parameters, {found} of {len(test)} test utterances right ({found / len(test):.4f})")
    write(net, test, options.out)


if __name__ == "__main__":
    main()
