# SPDX-License-Identifier: Apache-2.0
"""A step of the embedded ``digits`` model, 4 ms of audio at batch 1: danaus, PyTorch, ONNX Runtime.

The step graphs of PyTorch and ONNX Runtime were written by hand (digits_peers.py): their users have to.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import resources

import numpy as np
import onnxruntime
import torch
from digits_peers import HOP, NAMES, Float32Array, Step, fresh, onnx_bytes, whole_network
from harness import Case, Peak, Result, Target, Work, main, measure
from programs import build, serve
from safetensors.torch import load_file

import danaus

STEPS = 250  # one second
Stepper = Callable[[], Float32Array]  # runs all frames, gives the logits of the last


def audio() -> Float32Array:
    """Two tones under a slow envelope, and noise: nothing in it is silent or periodic in frames."""
    t = np.arange(STEPS * HOP) / 8000
    tones = 0.3 * np.sin(2 * np.pi * (300 + 200 * t) * t) + 0.1 * np.sin(2 * np.pi * 1730 * t)
    noise = 0.01 * np.random.default_rng(0).standard_normal(t.size)
    return (tones * np.sin(np.pi * t / t[-1]) + noise).astype(np.float32)


def work(model: danaus.Model) -> Work:
    """Multiply-adds that the model reports, and the bytes that no step can do without."""
    shapes = {name: t.shape for name, t in model.tensors.items()}
    dense = sum(int(np.prod(s)) for n, s in shapes.items() if "kernel" not in n)
    modes = sum(int(np.prod(s)) for n, s in shapes.items() if n.endswith("A_imag"))
    formula = (
        f"2 x {model.check(8).macs:,} multiply-adds (linear: in x out; filter bank: 64 x 64; 6 a pair of modes); "
        f"4 bytes x ({dense:,} weights + (4 coefficients + 2 read + 2 written) x {modes:,} pairs), from L2"
    )
    return Work(2.0 * model.check(8).macs, 4.0 * (dense + 8 * modes), "L2", formula)


def danaus_python(model: danaus.Model, frames: Float32Array, *, given: bool) -> Stepper:
    out = np.empty(model.outputs, np.float32)
    stream = model.stream()
    rows = list(frames)

    def run() -> Float32Array:
        stream.reset()
        step = stream.step
        if given:
            for frame in rows:
                step(frame, out)
            return out
        for frame in rows:
            last = step(frame)
        return last

    return run


def torch_step(step: Callable[..., tuple[torch.Tensor, ...]], frames: Float32Array) -> Stepper:
    inputs = [torch.from_numpy(f.copy())[None] for f in frames]

    @torch.inference_mode()
    def run() -> Float32Array:
        state = fresh()
        for frame in inputs:
            logits, *state = step(frame, *state)
        return logits[0].numpy()

    return run


def session(file: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def onnx_run(net: onnxruntime.InferenceSession, frames: Float32Array) -> Stepper:
    """State in and out as NumPy arrays, as most do it."""
    inputs = [f[None] for f in frames]

    def run() -> Float32Array:
        state = [s.numpy() for s in fresh()]
        for frame in inputs:
            logits, *state = net.run(None, {"frame": frame, **dict(zip(NAMES, state, strict=True))})
        return logits[0]

    return run


def onnx_bound(net: onnxruntime.InferenceSession, frames: Float32Array) -> Stepper:
    """Two sets of state that change places, bound once: the quickest way that Python has."""
    value = onnxruntime.OrtValue.ortvalue_from_numpy
    frame = value(frames[:1].copy())
    logits = value(np.empty((1, 10), np.float32))
    sets = [[value(s.numpy()) for s in fresh()] for _ in range(2)]
    bindings = []
    for old, new in (sets, sets[::-1]):
        binding = net.io_binding()
        binding.bind_ortvalue_input("frame", frame)
        binding.bind_ortvalue_output("logits", logits)
        for name, before, after in zip(NAMES, old, new, strict=True):
            binding.bind_ortvalue_input(name, before)
            binding.bind_ortvalue_output(f"next_{name}", after)
        bindings.append(binding)
    inputs = [f[None] for f in frames]

    def run() -> Float32Array:
        for kept, empty in zip(sets[0], fresh(), strict=True):
            kept.update_inplace(empty.numpy())
        for t, samples in enumerate(inputs):
            frame.update_inplace(samples)
            net.run_with_iobinding(bindings[t % 2])
        return logits.numpy()[0]

    return run


def torch_whole(weights: dict[str, torch.Tensor], samples: Float32Array, *, cached: bool) -> Stepper:
    net = whole_network(weights, STEPS if cached else None)
    batch = torch.from_numpy(samples)[None]

    @torch.inference_mode()
    def run() -> Float32Array:
        return net(batch)[0].numpy()

    return run


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    torch.set_num_threads(1)
    samples = audio()
    frames = samples.reshape(STEPS, HOP)
    with resources.as_file(resources.files("danaus") / "data" / "digits.safetensors") as path:
        weights = load_file(path)
        program = serve(build("digits_step", options.programs), path, samples)
    model = danaus.load("digits")
    step = Step(weights).eval()
    net = session(onnx_bytes(step))
    steps: dict[str, Stepper] = {
        "danaus step(frame, out), Python": danaus_python(model, frames, given=True),
        "danaus step(frame), Python": danaus_python(model, frames, given=False),
        "torch eager": torch_step(step, frames),
        "onnxruntime, run": onnx_run(net, frames),
        "onnxruntime, buffers bound once": onnx_bound(net, frames),
    }
    if not options.no_compile:
        quick = {"freezing": True, "cpp_wrapper": True}
        for name, how in (("torch.compile", {}), ("torch.compile, frozen, C++ wrapper", quick)):
            compiled = torch.compile(Step(weights).eval(), dynamic=False, fullgraph=True, options=how)
            steps[name] = torch_step(compiled, frames)
    whole: dict[str, Stepper] = {
        "whole second: danaus": lambda: model(samples),
        "whole second: torch": torch_whole(weights, samples, cached=False),
        "whole second: torch, kernels given": torch_whole(weights, samples, cached=True),
    }
    reference = model(samples)
    needed = work(model)

    def case(name: str, run: Stepper, work: Work | None) -> Case:
        return Case(name, run, STEPS, work, f"logits within {np.abs(run() - reference).max():.1e}")

    within = np.abs(np.array(program.ask()["outputs"]) - reference).max()
    cpp = Case("danaus step, C++", lambda: float(program.ask()["ns"]), STEPS, needed, f"logits within {within:.1e}")
    ours, *others = (case(name, way, needed) for name, way in steps.items())
    cases = [ours, cpp, *others, *(case(name, way, None) for name, way in whole.items())]
    measure(cases, peak, options.seconds)
    program.close()
    in_python, in_cpp = (c.quartiles()[1] / 1e3 for c in cases[:2])
    return [
        Result(
            f"digits: a step of 4 ms of audio, batch 1, float32, one thread; a repetition is {STEPS} steps",
            "step",
            cases,
            peak.best,
            [
                "logits within: largest difference from danaus on the whole second, after the last step",
                "The steps of torch and onnxruntime are graphs written by hand in real arithmetic, state in and out, "
                "from the same file of weights: no tool makes one of a trained network.",
                "whole second: the network as it was trained, all steps at once, divided by their number",
            ],
            [Target("a step from C++", in_cpp, 8, "us"), Target("a step from Python", in_python, 10, "us")],
        )
    ]


if __name__ == "__main__":
    main(run, __doc__)
