# SPDX-License-Identifier: Apache-2.0
"""What both trainings share: seeds, the optimizer and its schedule, progress."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from torch import nn


def start(seed: int) -> np.random.Generator:
    """Seed torch, and return a seeded generator for everything else; one thread, so that results repeat."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def optimizer(net: nn.Module, *, rate: float, state_rate: float, decay: float) -> torch.optim.AdamW:
    """AdamW with a smaller rate and no weight decay for the poles and time steps, as in the S4 papers."""
    names = ("log_dt", "log_A_real", "A_imag")
    poles = [p for name, p in net.named_parameters() if name.endswith(names)]
    others = [p for name, p in net.named_parameters() if not name.endswith(names)]
    return torch.optim.AdamW(
        [
            {"params": others, "lr": rate, "weight_decay": decay},
            {"params": poles, "lr": state_rate, "weight_decay": 0.0},
        ]
    )


def warm_up_then_cosine(adam: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.OneCycleLR:
    """A rise over a tenth of the steps, then a cosine down to nothing."""
    peaks = [group["lr"] for group in adam.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(adam, peaks, total_steps=steps + 1, pct_start=0.1)


def parameters(net: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(p.numel() for p in net.parameters())


class Progress:
    """One line per epoch, rewritten in place on a terminal; elsewhere one line in ten."""

    def __init__(self, title: str, epochs: int) -> None:
        self.title = title
        self.epochs = epochs
        self.started = time.process_time()

    @property
    def seconds(self) -> float:
        """CPU time so far."""
        return time.process_time() - self.started

    def __call__(self, epoch: int, loss: float) -> None:
        line = f"{self.title}: epoch {epoch + 1}/{self.epochs}, loss {loss:.4f}, {self.seconds:.0f} CPU s"
        last = epoch + 1 == self.epochs
        if sys.stdout.isatty():
            print(f"\r{line}", end="\n" if last else "", flush=True)
        elif last or (epoch + 1) % max(1, self.epochs // 10) == 0:
            print(line, flush=True)
