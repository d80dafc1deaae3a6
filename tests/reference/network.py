# SPDX-License-Identifier: Apache-2.0
"""A model file, read and evaluated in double precision, each layer from its formula: slow and obviously right."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from reference import diagonal

Layer = dict[str, Any]


def read(file: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    size = int.from_bytes(file[:8], "little")
    header, data = json.loads(file[8 : 8 + size]), file[8 + size :]
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        raw = data[slice(*entry["data_offsets"])]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
        else:
            values = np.frombuffer(raw, {"F16": "<f2", "F32": "<f4", "F64": "<f8"}[entry["dtype"]])
        tensors[name] = values.astype(float).reshape(entry["shape"])
    return tensors, metadata


def erf(x: np.ndarray) -> np.ndarray:
    return np.vectorize(math.erf, otypes=[float])(x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -x))


class Network:
    """``Network(file)(u)``: the outputs for one sequence ``(L, channels)``."""

    def __init__(self, file: bytes) -> None:
        self.tensors, metadata = read(file)
        self.description = json.loads(metadata["danaus"])

    def frame(self, layers: list[Layer] | None = None) -> int:
        """Input rows for one row of output."""
        layers = self.description["layers"] if layers is None else layers
        return math.prod(
            self.frame(layer["layers"]) if layer["type"] == "residual" else layer.get("stride", 1) for layer in layers
        )

    def __call__(self, u: np.ndarray) -> np.ndarray:
        u = np.asarray(u, float)
        x = np.concatenate([u, np.zeros((-len(u) % self.frame(), u.shape[1]))])
        y = self.through(self.description["layers"], x)
        pools = [layer for layer in self.description["layers"] if layer["type"] == "pool"]
        return y[0] if any(pool["kind"] != "running_mean" for pool in pools) else y

    def through(self, layers: list[Layer], x: np.ndarray) -> np.ndarray:
        for layer in layers:
            x = getattr(self, layer["type"])(layer, x)
        return x

    def tensor(self, layer: Layer, name: str, otherwise: Any = None) -> Any:
        prefix = layer["prefix"]
        return self.tensors.get(f"{prefix}.{name}" if prefix else name, otherwise)

    # -- layers: x (rows, width) to y (rows, width) -------------------------------------------------

    def linear(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        w = self.tensor(layer, "weight")
        return x @ w.reshape(w.shape[:2]).T + self.tensor(layer, "bias", 0)

    def conv1d(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        w, stride = self.tensor(layer, "weight"), layer.get("stride", 1)
        taps = w.shape[2]
        padded = np.concatenate([np.zeros((taps - stride, x.shape[1])), x])
        rows = []
        for t in range(0, len(x), stride):
            window = padded[t : t + taps]  # (taps, in)
            if layer.get("groups", 1) == 1:
                rows.append(np.einsum("kc,ock->o", window, w))
            else:
                rows.append(np.einsum("kc,ck->c", window, w[:, 0]))
        return np.stack(rows) + self.tensor(layer, "bias", 0)

    def layer_norm(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + layer.get("eps", 1e-5))
        return scaled * self.tensor(layer, "weight", 1) + self.tensor(layer, "bias", 0)

    def rms_norm(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        return x / np.sqrt((x**2).mean(1, keepdims=True) + layer.get("eps", 1e-5)) * self.tensor(layer, "weight", 1)

    def batch_norm(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        scaled = (x - self.tensor(layer, "running_mean", 0)) / np.sqrt(
            self.tensor(layer, "running_var") + layer.get("eps", 1e-5)
        )
        return scaled * self.tensor(layer, "weight", 1) + self.tensor(layer, "bias", 0)

    def gelu(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        if layer.get("approximate") == "tanh":
            return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        return x / 2 * (1 + erf(x / math.sqrt(2)))

    def relu(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    def silu(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        return x * sigmoid(x)

    def sigmoid(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        return sigmoid(x)

    def tanh(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        return np.tanh(x)

    def log1p(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        return np.log1p(layer.get("gain", 1) * x)

    def glu(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        half = x.shape[1] // 2
        return x[:, :half] * sigmoid(x[:, half:])

    def residual(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        return x + self.through(layer["layers"], x)

    def pool(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        if layer["kind"] == "last":
            return x[-1:]
        if layer["kind"] == "mean":
            return x.mean(0, keepdims=True)
        return np.cumsum(x, 0) / np.arange(1, len(x) + 1)[:, None]

    def embedding(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        return self.tensor(layer, "weight")[x[:, 0].astype(int)]

    def s4d(self, layer: Layer, x: np.ndarray) -> np.ndarray:
        pairs = self.tensor(layer, "kernel.C")
        c = pairs[..., 0] + 1j * pairs[..., 1]
        a = -np.exp(self.tensor(layer, "kernel.log_A_real")) + 1j * self.tensor(layer, "kernel.A_imag")
        b = self.tensor(layer, "kernel.B")
        b = np.ones(a.shape) if b is None else b[..., 0] + 1j * b[..., 1]
        dt = np.exp(self.tensor(layer, "kernel.log_dt"))
        a_bar, b_bar = diagonal.discretize(a, b, dt, layer.get("discretization", "zoh"), layer.get("length"))
        ways = c.reshape(-1, *a.shape)
        kernels = [diagonal.kernel(a_bar, b_bar, way, len(x)) for way in ways]
        y = diagonal.convolve(kernels[0], x) + self.tensor(layer, "D") * x
        if len(ways) == 2:  # y_t also gets sum_{j > t} K_{j - t - 1} x_j
            y[:-1] += diagonal.convolve(kernels[1], x[::-1])[::-1][1:]
        return y
