# SPDX-License-Identifier: Apache-2.0
"""The digits model in PyTorch: a step written by hand, because no tool derives one from the trained network."""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples" / "train"))
from layers import DigitNet

Float32Array = npt.NDArray[np.float32]
LAYERS, CHANNELS, MODES, HOP, GAIN = 3, 64, 16, 32, 1000.0
NAMES = ["history", "total", "count", *(f"{part}{i}" for i in range(LAYERS) for part in ("re", "im"))]


class Step(nn.Module):
    """One frame of 32 samples, state in and state out, in real arithmetic (ONNX has no complex numbers).

    ``s <- a s + u`` and ``y = Re(2 c b s) + d u`` for the modes, so that a step needs no product with b; the filter
    bank runs over the last frame and this one; the mean over time is a running sum.
    """

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        for name, value in weights.items():
            self.register_buffer(name.replace(".", "_"), value.squeeze(-1) if value.shape[-1] == 1 else value)
        self.register_buffer("bank", weights["fb.weight"][:, 0])
        for i in range(LAYERS):
            prefix = f"net.s4_layers.{i}.kernel."
            log_dt, log_re, im, c = (weights[prefix + n].double() for n in ("log_dt", "log_A_real", "A_imag", "C"))
            a = torch.complex(-log_re.exp(), im)
            pole = (log_dt.exp()[:, None] * a).exp()
            gain = 2 * torch.view_as_complex(c) * (pole - 1) / a
            for name, value in (("ar", pole.real), ("ai", pole.imag), ("cr", gain.real), ("ci", -gain.imag)):
                self.register_buffer(f"{name}{i}", value.float())

    def layer(self, i: int, x: Tensor, re: Tensor, im: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        get = self.get_buffer
        u = x[0, :, None]
        next_re = get(f"ar{i}") * re - get(f"ai{i}") * im + u
        next_im = get(f"ar{i}") * im + get(f"ai{i}") * re
        y = (get(f"cr{i}") * next_re + get(f"ci{i}") * next_im).sum(-1) + get(f"net_s4_layers_{i}_D") * x
        linear = f"net_s4_layers_{i}_output_linear_0_"
        y = functional.glu(functional.linear(functional.gelu(y), get(linear + "weight"), get(linear + "bias")))
        norm = f"net_norms_{i}_"
        return functional.layer_norm(x + y, (CHANNELS,), get(norm + "weight"), get(norm + "bias")), next_re, next_im

    def forward(
        self, frame: Tensor, history: Tensor, total: Tensor, count: Tensor, *modes: Tensor
    ) -> tuple[Tensor, ...]:
        get = self.get_buffer
        bands = torch.cat((history, frame), 1) @ self.bank.T
        x = torch.log1p(GAIN * functional.relu(bands))
        x = functional.layer_norm(x, (CHANNELS,), get("fbnorm_weight"), get("fbnorm_bias"))
        x = functional.linear(x, get("net_encoder_weight"), get("net_encoder_bias"))
        state = []
        for i in range(LAYERS):
            x, re, im = self.layer(i, x, modes[2 * i], modes[2 * i + 1])
            state += [re, im]
        total, count = total + x, count + 1
        logits = functional.linear(total / count, get("net_decoder_weight"), get("net_decoder_bias"))
        return (logits, frame, total, count, *state)


def fresh() -> list[Tensor]:
    """The state before the first frame."""
    modes = [torch.zeros(CHANNELS, MODES) for _ in range(2 * LAYERS)]
    return [torch.zeros(1, HOP), torch.zeros(1, CHANNELS), torch.zeros(1, 1), *modes]


def onnx_bytes(step: Step) -> bytes:
    """The step as an ONNX file, by the exporter that traces."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            step,
            (torch.zeros(1, HOP), *fresh()),
            file,
            dynamo=False,
            opset_version=17,
            input_names=["frame", *NAMES],
            output_names=["logits", *(f"next_{name}" for name in NAMES)],
        )
    return file.getvalue()


def whole_network(weights: dict[str, Tensor], frames: int | None) -> DigitNet:
    """The network as it was trained; with ``frames``, the convolution kernels are made once, for that length."""
    net = DigitNet(gain=GAIN)
    net.load_state_dict(weights)
    net.eval()
    if frames is not None:
        for layer in net.net.s4_layers:
            layer.kernel = _Constant(layer.kernel(frames).detach())
    return net


class _Constant(nn.Module):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value

    def forward(self, length: int) -> Tensor:
        return self.value
