# SPDX-License-Identifier: Apache-2.0
"""Maps onto the simplex beside torch, ONNX Runtime and, where it is installed, the entmax package."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import onnxruntime
import torch
from harness import Case, Peak, Result, Target, Work, main, measure
from onnx import TensorProto, helper

from danaus import simplex

try:
    import entmax
except ImportError:  # an extra: pip install entmax
    entmax = None

# rows, their length, how many times faster than sparsemax, entmax15 and entmax_bisect(1.3) of the entmax package
SHAPES = [
    (4096, 128, (25, 45, 40)),
    (1024, 1024, (250, 150, 90)),
    (64, 32768, (600, 550, 100)),
    (8, 131072, (1000, 600, 150)),
    (1, 1048576, (1400, 1200, 200)),
]
# 14 vector operations an exponential, one for the maximum, one for the scaling; a fused one counts twice at the peak
FLOP, BYTES = 32.0, 8.0
FORMULA = "16 vector operations an element (32 flop), 8 bytes in and out"
KEPT = 50


def session(operator: str) -> onnxruntime.InferenceSession:
    """One operator along the last axis, on one thread."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in "xy"]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], axis=-1)], "map", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def bound(operator: str, x: np.ndarray, out: np.ndarray) -> Callable[[], None]:
    ran = session(operator)
    binding = ran.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y", "cpu", 0, np.float32, x.shape, out.ctypes.data)
    return lambda: ran.run_with_iobinding(binding)


def table(rows: int, n: int, times: tuple[int, int, int], options: argparse.Namespace, peak: Peak) -> Result:
    x = np.random.default_rng(0).standard_normal((rows, n)).astype(np.float32)
    out = np.empty_like(x)
    tx = torch.from_numpy(x)
    to = torch.empty_like(tx)
    elements = rows * n
    work = Work(FLOP, BYTES, "L2", FORMULA)  # 4 to 16 MB: between L2 and memory
    moved = Work(0.0, BYTES, work.level, "8 bytes in and out")

    def top() -> torch.Tensor:
        values, places = torch.topk(tx, KEPT)
        return torch.zeros_like(tx).scatter_(-1, places, torch.softmax(values, -1))

    groups: list[tuple[list[Case], float]] = [
        (
            [
                Case("softmax", lambda: simplex.softmax(x, out=out), elements, work),
                Case("torch.softmax", lambda: torch.softmax(tx, -1, out=to), elements, work),
                Case("ONNX Runtime Softmax", bound("Softmax", x, out), elements, work),
            ],
            1.9,
        ),
        (
            [
                Case("log_softmax", lambda: simplex.log_softmax(x, out=out), elements, work),
                Case("torch.log_softmax", lambda: torch.log_softmax(tx, -1, out=to), elements, work),
                Case("ONNX Runtime LogSoftmax", bound("LogSoftmax", x, out), elements, work),
            ],
            1.9,
        ),
        (
            [
                Case(f"topk_softmax({KEPT})", lambda: simplex.topk_softmax(x, KEPT, out=out), elements, moved),
                Case("torch.topk and softmax", top, elements, moved),
            ],
            1.0,
        ),
    ]
    sparse = [
        (Case("sparsemax", lambda: simplex.sparsemax(x, out=out), elements, moved), "sparsemax", {}),
        (Case("entmax(1.5)", lambda: simplex.entmax(x, out=out), elements, moved), "entmax15", {}),
        (
            Case("entmax(1.3)", lambda: simplex.entmax(x, 1.3, out=out), elements, moved),
            "entmax_bisect",
            {"alpha": 1.3},
        ),
    ]
    for (own, name, given), least in zip(sparse, times, strict=True):
        group = [own]
        if entmax is not None:
            function = getattr(entmax, name)
            group.append(Case(f"entmax.{name}", lambda f=function, g=given: f(tx, dim=-1, **g), elements, moved))
        groups.append((group, float(least)))
    measure([case for group, _ in groups for case in group], peak, options.seconds)
    targets = []
    for group, least in groups:
        for peer in group[1:]:
            wanted = 1.1 if peer.name.startswith("ONNX") else least
            ratio = min(group[0].samples) / min(peer.samples)
            targets.append(Target(f"{group[0].name}, its time over that of {peer.name}", ratio, 1 / wanted, "(min)"))
    cases = [case for group, _ in groups for case in group]
    notes = [
        f"{group[0].name}: " + ", ".join(f"{min(p.samples) / min(group[0].samples):.2f}x {p.name}" for p in group[1:])
        for group, _ in groups
        if len(group) > 1
    ]
    title = f"maps onto the simplex: {rows} rows of {n}, single precision, one thread"
    return Result(title, "element", cases, peak.best, notes, targets)


def run(options: argparse.Namespace, peak: Peak) -> list[Result]:
    torch.set_num_threads(1)
    return [table(rows, n, times, options, peak) for rows, n, times in SHAPES]


if __name__ == "__main__":
    main(run, __doc__)
