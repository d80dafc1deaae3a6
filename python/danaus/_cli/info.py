"""``danaus info`` and ``danaus check``, and where the headers are."""

from __future__ import annotations

import argparse
import math
import platform
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__, embedded, isa
from ..models import Model, load
from . import terminal
from .errors import UserError, printable

__all__ = ["check", "folder", "info"]


def check(options: argparse.Namespace) -> int:
    """The command: 0 where the model is fit to stream, 1 where it is not."""
    report = load(options.model).check()
    if options.json:
        terminal.emit_json(report.to_dict())
    else:
        print(printable_lines(str(report)))
    return 0 if report.ok else 1


def info(options: argparse.Namespace) -> int:
    """The command."""
    if options.model is not None:
        model = load(options.model)
        if options.json:
            terminal.emit_json(_model(model))
        else:
            _print_model(model)
        return 0
    models = {name: load(name) for name in embedded()}
    if options.json:
        terminal.emit_json({**_build(), "models": {name: _model(model) for name, model in models.items()}})
        return 0
    print(f"danaus {__version__} for {isa()}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    rows = [["embedded model", "parameters", "licence", ""]]
    for name, model in models.items():
        licence = printable(model.metadata.get("license", "not told"))
        rows.append([name, f"{_parameters(model):,}", licence, printable(model.summary)])
    print("\n".join(terminal.table(rows, left=(0, 2, 3))))
    print(f"\nmore of one: danaus info {next(iter(models))}")
    return 0


def folder(name: str) -> Path:
    """``cmake`` or ``include`` inside the installed package."""
    package = Path(__file__).resolve().parents[1]
    place = package / {"cmake": "share/cmake/danaus", "include": "include"}[name]
    if not place.is_dir():
        raise UserError(
            f"--{name}-dir: must be asked of an installed package, {package} has no {place.relative_to(package)}; "
            "pip install . first, or use add_subdirectory on the source tree"
        )
    return place


def printable_lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def _parameters(model: Model) -> int:
    return int(model._core.parameters)


def _build() -> dict[str, Any]:
    return {
        "version": __version__,
        "isa": isa(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _model(model: Model) -> dict[str, Any]:
    """All that the file and the library know about a model."""
    return {
        "name": model.name,
        "summary": model.summary,
        "channels": model.channels,
        "frame": model.frame,
        "sample_rate": model.sample_rate,
        "outputs": model.outputs,
        "labels": model.labels,
        "causal": model.causal,
        "pooled": model.pooled,
        "parameters": _parameters(model),
        "macs": int(model._core.macs),
        "metadata": model.metadata,
        "layers": model.description.get("layers", []),
    }


def _print_model(model: Model) -> None:
    rate = model.sample_rate
    step = f"{model.frame} row{'s' * (model.frame != 1)} of {model.channels} a step"
    if rate:
        step += f", {rate:g} rows a second: a step every {model.frame / rate * 1e3:.3g} ms"
    print(f"{terminal.bold(printable(model.name))}  {printable(model.summary)}")
    facts = [
        ("in", step),
        ("out", f"{model.outputs} numbers " + ("for a whole sequence" if model.pooled else "a step")),
        ("labels", ", ".join(printable(label) for label in model.labels) or "none"),
        ("streams", "yes" if model.causal else "no: it needs whole sequences"),
        ("size", f"{_parameters(model):,} parameters, {int(model._core.macs):,} multiply-adds a step"),
        *((key, printable(text)) for key, text in sorted(model.metadata.items())),
    ]
    width = max(len(name) for name, _ in facts)
    for name, text in facts:
        print(f"  {terminal.dim(printable(name).ljust(width))}  {text}")
    print(f"  {terminal.dim('layers')}")
    shapes = {name: array.shape for name, array in model.tensors.items()}
    for line in _layers(model.description.get("layers", []), shapes, 2):
        print(line)


def _layers(layers: list[dict[str, Any]], shapes: dict[str, tuple[int, ...]], depth: int) -> list[str]:
    """A line for each layer: its type, its options, the shape of its largest parameter."""
    lines = []
    for layer in layers:
        options = [f"{k}={v}" for k, v in layer.items() if k not in ("type", "prefix", "layers")]
        prefix = layer.get("prefix")
        own = [shape for name, shape in shapes.items() if prefix is not None and name.startswith(f"{prefix}.")]
        if own:
            options.insert(0, " x ".join(map(str, max(own, key=math.prod))))
        lines.append(f"{'  ' * depth}{printable(layer.get('type', '?')):<12}{printable('  '.join(options))}".rstrip())
        lines += _layers(layer.get("layers", []), shapes, depth + 1)
    return lines
