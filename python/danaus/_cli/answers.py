"""What a model says, for people and for scripts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..models import Model
from . import terminal
from .errors import printable

__all__ = ["as_json", "best", "lines", "probabilities"]

Float32Array = npt.NDArray[np.float32]


def probabilities(outputs: Float32Array) -> npt.NDArray[np.float64]:
    """The softmax over the last axis, in float64."""
    scores = outputs.astype(np.float64)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def label(model: Model, index: int) -> str:
    return printable(model.labels[index]) if model.labels else f"output {index}"


def best(model: Model, outputs: Float32Array) -> tuple[str, float]:
    """The likeliest label and its probability; without labels the largest output and its value."""
    index = int(outputs.argmax())
    return label(model, index), float(probabilities(outputs)[index] if model.labels else outputs[index])


def lines(model: Model, outputs: Float32Array, top: int) -> list[str]:
    """The ``top`` likeliest labels with bars; the outputs themselves where they have no labels."""
    if not model.labels:
        rows = [["output", "value"], *([str(i), f"{value:.6g}"] for i, value in enumerate(outputs[:top]))]
        left_out = len(outputs) - top
        return [*terminal.table(rows), *([f"and {left_out} more: --top {len(outputs)}"] if left_out > 0 else [])]
    chances = probabilities(outputs)
    order = np.argsort(-chances, kind="stable")[:top]
    rows = [[label(model, i), f"{chances[i]:.4f}", terminal.bar(float(chances[i]))] for i in order.tolist()]
    return terminal.table([["", "probability", ""], *rows], left=(0, 2))[1:]


def as_json(model: Model, outputs: Float32Array) -> dict[str, Any]:
    """One row of outputs for a script."""
    index = int(outputs.argmax())
    chances = probabilities(outputs).tolist() if model.labels else None
    return {
        "index": index,
        "label": model.labels[index] if model.labels else None,
        "probability": chances[index] if chances else None,
        "probabilities": dict(zip(model.labels, chances, strict=True)) if chances else None,
        "outputs": outputs.tolist(),
    }
