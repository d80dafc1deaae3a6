# SPDX-License-Identifier: Apache-2.0
"""A heartbeat and a chord, each remembered in N numbers by every measure: error and bytes against plain decimation.

    python examples/hippo_gallery.py [--out docs] [--orders 32 64 ...]

writes ``hippo-gallery.md`` and ``hippo-gallery.svg`` into the folder.
"""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from danaus._picture import Axes, Sheet
from danaus.hippo import Memory

MEASURES = ("legs", "fous", "legt", "lmu", "fout", "lagt", "foud")
ORDERS = (32, 64, 128, 256, 512, 1024)
Signal = npt.NDArray[np.float32]

INK, SOFT, RULE, PAPER, GREY, ORANGE = "#22262b", "#6c747d", "#e6e3dc", "#fcfbf8", "#b9c0c7", "#d9660a"


def heartbeat(seconds: float = 10.0) -> Signal:
    """The beginning of MIT-BIH record 208 at 360 Hz, mean 0 and variance 1."""
    with np.load(resources.files("danaus") / "data" / "ecg.npz") as file:
        raw = file["signal"][: int(360 * seconds)].astype(np.float64)
    return ((raw - raw.mean()) / raw.std()).astype(np.float32)


def chord(seconds: float = 0.75, rate: int = 4000) -> Signal:
    """A broken A major chord of plucked strings, computed.

    Four notes with two overtones each, a sharp attack and an exponential decay. No recording comes with the package.
    """
    t = np.arange(int(rate * seconds)) / rate
    sound = np.zeros_like(t)
    for i, pitch in enumerate((110.0, 138.59, 164.81, 220.0)):
        since = t - 0.12 * i
        envelope = np.where(since >= 0, (1 - np.exp(-since / 0.004)) * np.exp(-since / 0.25), 0.0)
        for overtone, strength in ((1, 1.0), (2, 0.35), (3, 0.12)):
            sound += strength * envelope * np.sin(2 * np.pi * overtone * pitch * since)
    return ((sound - sound.mean()) / sound.std()).astype(np.float32)


def remembered(signal: Signal, measure: str, n: int) -> tuple[npt.NDArray[np.float64], int] | None:
    """What a memory gives back of the signal, and its bytes; None where this version has no such memory.

    Windows are as long as the signal.
    """
    length = len(signal)
    theta = float(length) if measure in ("legt", "lmu", "fout") else None
    # Decays have a scale of their own: the signal lasts 2 n of it (Laguerre functions reach to about 4 n), or 1.
    dt = {"lagt": 2 * n / length, "foud": 1 / length}.get(measure, 1.0)
    try:
        memory = Memory(measure, n - 1 if measure == "fous" else n, theta=theta, dt=dt)  # frequencies -M to M
    except ValueError:
        return None
    memory.extend(signal[:, None])
    middles = (np.arange(length) + 0.5) * dt
    return memory.reconstruct(middles)[:, 0].astype(np.float64), memory.coefficients.nbytes


def decimated(signal: Signal, n: int) -> tuple[npt.NDArray[np.float64], int]:
    """N samples kept, lines between them."""
    kept = np.linspace(0, len(signal) - 1, min(n, len(signal))).round().astype(int)
    return np.interp(np.arange(len(signal)), kept, signal[kept]), 4 * len(kept)


def error(signal: Signal, found: npt.NDArray[np.float64]) -> float:
    """Relative root mean square."""
    return float(np.linalg.norm(found - signal) / np.linalg.norm(signal))


def table(signal: Signal, orders: tuple[int, ...]) -> list[str]:
    rows = {name: [remembered(signal, name, n) for n in orders] for name in MEASURES}
    rows = {name: found for name, found in rows.items() if found[0] is not None}
    rows["decimation"] = [decimated(signal, n) for n in orders]
    lines = ["| numbers kept | " + " | ".join(f"{n:,}" for n in orders) + " |", "|---" * (len(orders) + 1) + "|"]
    for name, found in rows.items():
        cells = [f"{error(signal, f[0]):.2%} ({f[1]:,} B)" if f is not None else "-" for f in found]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def draw(signal: Signal, orders: tuple[int, ...]) -> Sheet:
    """Grey the heartbeat, orange what LegS has of it."""
    sheet = Sheet(960, 60 + 150 * len(orders), PAPER)
    sheet.text(56, 30, "Ten seconds of heartbeat in N numbers (LegS, exact)", INK, size=16, weight="bold")
    at = np.arange(0, len(signal), max(1, len(signal) // 900))
    for row, n in enumerate(orders):
        found = remembered(signal, "legs", n)
        assert found is not None
        top = 60 + 150 * row
        axes = Axes(sheet, 56, top, 940, top + 120, (0.0, float(len(signal))), (-3.0, 6.0))
        axes.grid_y({-2.0: "-2", 0.0: "0", 2.0: "2", 4.0: "4"}, RULE, SOFT)
        axes.line(at, signal[at], GREY, 1.2)
        axes.line(at, found[0][at], ORANGE, 1.3)
        sheet.text(60, top + 12, f"N = {n}: {found[1]:,} bytes, error {error(signal, found[0]):.1%}", INK, size=12)
    return sheet


def gallery(out: Path, orders: tuple[int, ...] = ORDERS, seconds: float = 10.0) -> str:
    """Writes page and picture, returns the page."""
    heart, music = heartbeat(seconds), chord()
    text = [
        "# What N numbers remember",
        "",
        "Made by `python examples/hippo_gallery.py`. Errors are relative root mean squares over the whole signal;",
        "decimation keeps N samples and draws lines between them. Bytes are those of float32 coefficients (complex64",
        "for fous).",
        "Measures that weigh the recent past more (lagt, foud) are meant to lose the rest; sliding windows (legt, lmu,",
        "fout) are as long as the signal here, and are truncated systems, not projections.",
        "",
        f"## A heartbeat: {len(heart):,} samples, {heart.nbytes:,} bytes",
        "",
        "MIT-BIH record 208, PhysioNet, ODC-BY 1.0.",
        "",
        *table(heart, orders),
        "",
        "![The heartbeat and its memories](hippo-gallery.svg)",
        "",
        f"## A broken chord: {len(music):,} samples, {music.nbytes:,} bytes",
        "",
        "Computed, no recording: four plucked notes (110 to 220 Hz) with two overtones, at 4 kHz. A polynomial needs",
        "about pi numbers a period: little is remembered until N reaches the pitch, and then most.",
        "",
        *table(music, orders),
        "",
    ]
    out.mkdir(parents=True, exist_ok=True)
    page = "\n".join(text)
    (out / "hippo-gallery.md").write_text(page, encoding="utf-8")
    draw(heart, orders[:: max(1, len(orders) // 3)][:3]).save(out / "hippo-gallery.svg")
    return page


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs")
    options.add_argument("--orders", type=int, nargs="+", default=list(ORDERS))
    given = options.parse_args()
    print(gallery(given.out, tuple(given.orders)))
