# SPDX-License-Identifier: Apache-2.0
"""The model file: safetensors with the state dictionary as it is, and the list of layers as JSON in its header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from layers import DigitNet, S4DNet, VowelNet
from safetensors.torch import save
from torch import nn

Layer = dict[str, Any]


def linear(prefix: str) -> Layer:
    return {"type": "linear", "prefix": prefix}


def layer_norm(prefix: str, norm: nn.LayerNorm) -> Layer:
    return {"type": "layer_norm", "prefix": prefix, "eps": norm.eps}


def s4d_net(net: S4DNet, prefix: str = "") -> list[Layer]:
    """The layers from the encoder to the decoder."""
    layers = [linear(f"{prefix}encoder")]
    for i, norm in enumerate(net.norms):
        s4_layer = f"{prefix}s4_layers.{i}"
        branch = [
            {"type": "s4d", "prefix": s4_layer, "discretization": "zoh"},
            {"type": "gelu"},
            linear(f"{s4_layer}.output_linear.0"),
            {"type": "glu"},
        ]
        layers += [{"type": "residual", "layers": branch}, layer_norm(f"{prefix}norms.{i}", norm)]
    return [*layers, {"type": "pool", "kind": "mean"}, linear(f"{prefix}decoder")]


def vowel_net(net: VowelNet) -> list[Layer]:
    """Standardisation, then the network."""
    return [{"type": "batch_norm", "prefix": "input_norm", "eps": net.input_norm.eps}, *s4d_net(net)]


def digit_net(net: DigitNet) -> list[Layer]:
    """Filter bank (causal: window minus stride zeros on the left) on a logarithmic scale, then the network."""
    return [
        {"type": "conv1d", "prefix": "fb", "stride": net.stride},
        {"type": "relu"},
        {"type": "log1p", "gain": net.gain},
        layer_norm("fbnorm", net.fbnorm),
        *s4d_net(net.net, "net."),
    ]


def write_model(
    path: Path,
    net: nn.Module,
    layers: list[Layer],
    *,
    name: str,
    summary: str,
    inputs: dict[str, int],
    labels: list[str],
    license: str,
    origin: str,
) -> None:
    """Write weights, frozen buffers and description; ``license`` and ``origin`` are plain text for the reader."""
    model = {"version": 1, "name": name, "summary": summary, "input": inputs, "labels": labels, "layers": layers}
    metadata = {"danaus": json.dumps(model, separators=(",", ":")), "license": license, "origin": origin}
    tensors = {key: value.contiguous() for key, value in net.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(tensors, metadata))
