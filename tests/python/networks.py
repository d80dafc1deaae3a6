# SPDX-License-Identifier: Apache-2.0
"""Model files of random networks of all layer types."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from safetensors.numpy import save

from helpers import Array

Layer = dict[str, Any]


def write(layers: list[Layer], tensors: dict[str, Array] | None = None, channels: Any = 3, **more: Any) -> bytes:
    """A model file; ``more`` replaces or adds fields of the description."""
    description = {"version": 1, "name": "test", "input": {"channels": channels}, "layers": layers, **more}
    described = json.dumps({key: value for key, value in description.items() if value is not ...})
    tensors = {"unused": np.zeros(1, "float32"), **(tensors or {})}
    return save({key: np.ascontiguousarray(value) for key, value in tensors.items()}, {"danaus": described})


class Writer:
    """Layers with random parameters, one after the other."""

    def __init__(self, seed: int, channels: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.channels = self.width = channels
        self.tensors: dict[str, Array] = {}

    def file(self, layers: list[Layer], **more: Any) -> bytes:
        return write(layers, self.tensors, self.channels, **more)

    def new(self, type_: str, **tensors: Array) -> Layer:
        prefix = f"{type_}_{len(self.tensors)}"
        for key, value in tensors.items():
            self.tensors[f"{prefix}.{key.replace('__', '.')}"] = value.astype("float32")
        return {"type": type_, "prefix": prefix}

    def normal(self, *shape: int, scale: float = 1.0) -> Array:
        return scale * self.rng.standard_normal(shape)

    def linear(self, out: int, bias: bool = True, pointwise: bool = False) -> Layer:
        w = self.normal(out, self.width, *([1] if pointwise else []), scale=self.width**-0.5)
        self.width = out
        return self.new("linear", weight=w, **({"bias": self.normal(out)} if bias else {}))

    def conv1d(self, out: int, taps: int, stride: int = 1, bias: bool = True) -> Layer:
        w = self.normal(out, self.width, taps, scale=(self.width * taps) ** -0.5)
        self.width = out
        return {**self.new("conv1d", weight=w, **({"bias": self.normal(out)} if bias else {})), "stride": stride}

    def depthwise(self, taps: int, bias: bool = True) -> Layer:
        tensors = {"bias": self.normal(self.width)} if bias else {}
        layer = self.new("conv1d", weight=self.normal(self.width, 1, taps, scale=taps**-0.5), **tensors)
        return {**layer, "groups": self.width}

    def layer_norm(self) -> Layer:
        return self.new("layer_norm", weight=1 + self.normal(self.width, scale=0.2), bias=self.normal(self.width))

    def rms_norm(self) -> Layer:
        return {**self.new("rms_norm", weight=1 + self.normal(self.width, scale=0.2)), "eps": 1e-3}

    def batch_norm(self) -> Layer:
        n = self.width
        return self.new(
            "batch_norm",
            running_mean=self.normal(n),
            running_var=self.rng.uniform(0.5, 2, n),
            weight=1 + self.normal(n, scale=0.2),
            bias=self.normal(n),
        )

    def s4d(self, modes: int, method: str = "zoh", b: bool = False, both: bool = False, length: int = 50) -> Layer:
        h = self.width
        tensors = {
            "D": self.normal(h),
            "kernel__log_dt": self.rng.uniform(np.log(0.01), np.log(0.3), h),
            "kernel__log_A_real": self.rng.uniform(-1, 0.5, (h, modes)),
            "kernel__A_imag": self.rng.uniform(0, 10, (h, modes)),
            "kernel__C": self.normal(*([2] if both else []), h, modes, 2, scale=modes**-0.5),
        }
        if b:
            tensors["kernel__B"] = self.normal(h, modes, 2)
        layer = {**self.new("s4d", **tensors), "discretization": method}
        return {**layer, "length": length} if method == "dss" else layer

    def glu(self) -> Layer:
        self.width //= 2
        return {"type": "glu"}

    def residual(self, *layers: Layer) -> Layer:
        return {"type": "residual", "layers": list(layers)}

    def embedding(self, vocabulary: int, width: int) -> Layer:
        self.width = width
        return self.new("embedding", weight=self.normal(vocabulary, width))

    def row_wise(self) -> Layer:
        """Some layer that keeps the width and treats each row alone."""
        kind = self.rng.integers(9)
        if kind == 0:
            return self.linear(self.width, bool(self.rng.integers(2)))
        if kind < 4:
            return (self.layer_norm, self.rms_norm, self.batch_norm)[kind - 1]()
        if kind == 4:
            return {"type": "gelu", "approximate": "tanh"} if self.rng.integers(2) else {"type": "gelu"}
        return {"type": ("relu", "silu", "sigmoid", "tanh")[kind - 5]}

    def time_wise(self, both: bool) -> Layer:
        """Some layer that keeps the width and the rate and remembers."""
        kind = self.rng.integers(3)
        if kind == 0:
            return self.depthwise(int(self.rng.integers(2, 6)))
        if kind == 1:
            return self.conv1d(self.width, int(self.rng.integers(1, 5)))
        method = ("zoh", "bilinear", "dss")[self.rng.integers(3)]
        return self.s4d(int(self.rng.integers(1, 9)), method, bool(self.rng.integers(2)), both)


def random_network(seed: int, both: bool = False) -> bytes:
    """Encoder, strided filter bank, residual branches of all kinds, pool or none, decoder."""
    rng = np.random.default_rng(seed)
    writer = Writer(seed, int(rng.integers(1, 6)))
    layers = [writer.linear(int(rng.integers(1, 24)), pointwise=bool(rng.integers(2)))]
    if rng.integers(2):
        stride = int(rng.integers(1, 5))
        layers += [
            writer.conv1d(int(rng.integers(1, 24)), stride + int(rng.integers(0, 4)), stride, bool(rng.integers(2)))
        ]
        layers += [{"type": "relu"}, {"type": "log1p", "gain": 3.0}, writer.batch_norm()]
    for _ in range(rng.integers(1, 4)):
        width = writer.width
        branch = [writer.time_wise(both), writer.row_wise(), writer.linear(2 * width), writer.glu()]
        if rng.integers(2):
            branch.insert(1, writer.residual(writer.row_wise(), writer.time_wise(both)))
        layers += [writer.residual(*branch), writer.row_wise(), writer.layer_norm()]
    pool = (None, "mean", "last", "running_mean")[rng.integers(4)]
    if pool:
        layers.append({"type": "pool", "kind": pool})
    layers.append(writer.residual(writer.row_wise()))
    layers.append(writer.linear(int(rng.integers(1, 40))))
    return writer.file(layers)
