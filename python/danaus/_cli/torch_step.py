"""The same network in PyTorch, written out by hand as an eager step: what the demonstration compares with.

Complex states, one multiply-add for all channels at once, parameters discretised beforehand: the fewest
operations we know for it. torch.compile would be faster, and needs a C++ compiler at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np
import numpy.typing as npt

from ..models import Model

__all__ = ["TorchRun", "measure"]

Float32Array = npt.NDArray[np.float32]
Layer = Callable[[Any], Any]


@dataclass(frozen=True)
class TorchRun:
    """What PyTorch did in its time."""

    version: str
    utterances: int
    right: int
    difference: float
    """Largest difference of its logits from ours."""
    nanoseconds: npt.NDArray[np.int64]


def measure(
    model: Model, utterances: list[Float32Array], labels: npt.NDArray[Any], ours: Float32Array, seconds: float
) -> TorchRun | None:
    """Runs as many utterances, step by step, as fit into ``seconds``; None where torch cannot be imported."""
    try:
        import torch
    except Exception:  # a broken installation raises anything
        return None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            net = _Net(torch, model)
            return _run(torch, net, utterances, labels, ours, seconds)
    finally:
        torch.set_num_threads(threads)


def _run(
    torch: Any, net: _Net, utterances: list[Float32Array], labels: npt.NDArray[Any], ours: Float32Array, seconds: float
) -> TorchRun:
    times: list[int] = []
    right, difference, done = 0, 0.0, 0
    end = perf_counter() + seconds
    for utterance, label, expected in zip(utterances, labels, ours, strict=True):
        net.reset()
        logits = None
        for frame in torch.from_numpy(utterance):
            start = perf_counter_ns()
            logits = net.step(frame)
            times.append(perf_counter_ns() - start)
        found = np.asarray(logits)
        right += int(found.argmax() == label)
        difference = max(difference, float(np.abs(found - expected).max()))
        done += 1
        if perf_counter() > end:
            break
    return TorchRun(str(torch.__version__), done, right, difference, np.array(times))


class _Net:
    """A chain of closures, one for each layer that the model's description names."""

    def __init__(self, torch: Any, model: Model) -> None:
        self._torch = torch
        self._tensors = {name: torch.from_numpy(array.copy()) for name, array in model.tensors.items()}
        self._resets: list[Callable[[], None]] = []
        self._layers = [self._layer(spec) for spec in model.description["layers"]]

    def reset(self) -> None:
        for forget in self._resets:
            forget()

    def step(self, frame: Any) -> Any:
        for layer in self._layers:
            frame = layer(frame)
        return frame

    def _layer(self, spec: dict[str, Any]) -> Layer:
        functional, kind = self._torch.nn.functional, spec["type"]
        prefix = spec.get("prefix", "")
        parameters = {k.removeprefix(f"{prefix}."): v for k, v in self._tensors.items() if k.startswith(f"{prefix}.")}
        if kind == "residual":
            return self._residual([self._layer(inner) for inner in spec["layers"]])
        if kind == "s4d":
            return self._s4d(parameters)
        if kind == "pool":
            return self._mean()
        if kind == "batch_norm":
            scale = parameters["weight"] / (parameters["running_var"] + spec["eps"]).sqrt()
            shift = parameters["bias"] - scale * parameters["running_mean"]
            return lambda x: self._torch.addcmul(shift, x, scale)
        if kind == "linear":
            weight, bias = parameters["weight"], parameters["bias"]
            weight = weight.reshape(weight.shape[0], -1)
            return lambda x: functional.linear(x, weight, bias)
        if kind == "layer_norm":
            size, eps = parameters["weight"].shape, spec["eps"]
            return lambda x: functional.layer_norm(x, size, parameters["weight"], parameters["bias"], eps)
        plain: dict[str, Layer] = {"gelu": functional.gelu, "glu": functional.glu}
        return plain[kind]

    def _residual(self, inner: list[Layer]) -> Layer:
        def layer(x: Any) -> Any:
            y = x
            for each in inner:
                y = each(y)
            return x + y

        return layer

    def _mean(self) -> Layer:
        kept: dict[str, Any] = {}

        def forget() -> None:
            kept.update(sum=0.0, count=0)

        def layer(x: Any) -> Any:
            kept["sum"] = kept["sum"] + x
            kept["count"] += 1
            return kept["sum"] / kept["count"]

        self._resets.append(forget)
        return layer

    def _s4d(self, p: dict[str, Any]) -> Layer:
        """Zero-order hold of a = -exp(log_A_real) + i A_imag, b = 1; set up in double precision."""
        torch = self._torch
        a = torch.complex(-p["kernel.log_A_real"].double().exp(), p["kernel.A_imag"].double())
        decay = torch.exp(a * p["kernel.log_dt"].double().exp()[:, None])
        weights = 2 * torch.view_as_complex(p["kernel.C"].double()) * (decay - 1) / a
        decay, weights, skip = decay.cfloat(), weights.cfloat(), p["D"]
        state = torch.zeros_like(decay)

        def layer(u: Any) -> Any:
            state.mul_(decay).add_(u[:, None])
            return torch.addcmul((weights * state).sum(-1).real, skip, u)

        self._resets.append(state.zero_)
        return layer
