# SPDX-License-Identifier: Apache-2.0
"""Names, signatures and words: what stands in the documentation is there, and its examples run."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import danaus

MODULES = [
    "danaus",
    "danaus.fft",
    "danaus.hippo",
    "danaus.models",
    "danaus.monarch",
    "danaus.simplex",
    "danaus.ssm",
    "danaus.ssm.convert",
    "danaus.ssm.gradient",
    "danaus.ssm.evaluate",
]

SIGNATURES = {
    "danaus.load": "(path)",
    "danaus.embedded": "()",
    "danaus.isa": None,
    "danaus.Model": "(file)",
    "danaus.Model.__call__": "(self, u, *, lengths=None, out=None, threads=1)",
    "danaus.Model.stream": "(self, batch=None)",
    "danaus.Model.check": "(self, steps=512)",
    "danaus.Model.save": "(self, path)",
    "danaus.models.Stream.step": "(self, frame, out=None)",
    "danaus.models.Stream.run": "(self, u, *, out=None)",
    "danaus.fft.fft": "(x, n=None, *, axis=-1, out=None, threads=1)",
    "danaus.fft.ifft": "(x, n=None, *, axis=-1, out=None, threads=1)",
    "danaus.fft.rfft": "(x, n=None, *, axis=-1, out=None, threads=1)",
    "danaus.fft.irfft": "(x, n=None, *, axis=-1, out=None, threads=1)",
    "danaus.hippo.transition": "(measure, n, **options)",
    "danaus.hippo.nplr": "(measure, n, *, half=False, **options)",
    "danaus.hippo.discretize": "(a, b, dt, *, method='bilinear', alpha=None)",
    "danaus.hippo.discretize_scale": "(a, b, t0, t1, *, method='bilinear', alpha=None)",
    "danaus.hippo.diagonalize": "(a, b)",
    "danaus.hippo.largest_step": "(a, *, alpha=0.0)",
    "danaus.hippo.Memory": (
        "(measure='legs', n=64, *, channels=1, theta=None, dt=1.0, method='exact', dtype='float32')"
    ),
    "danaus.hippo.Memory.step": "(self, u)",
    "danaus.hippo.Memory.extend": "(self, u, times=None, *, threads=1)",
    "danaus.hippo.Memory.error_estimate": "(self)",
    "danaus.hippo.Memory.plot": "(self, signal=None, times=None, *, channel=0, points=1000, path=None)",
    "danaus.hippo.Memory.reconstruct": "(self, times)",
    "danaus.hippo.Memory.merge": "(self, other)",
    "danaus.hippo.Memory.copy": "(self)",
    "danaus.hippo.Memory.reset": "(self)",
    "danaus.hippo.Memory.state_dict": "(self)",
    "danaus.hippo.Memory.from_state_dict": "(state)",
    "danaus.hippo.project": (
        "(u, n, *, measure='legs', theta=None, dt=1.0, times=None, method='exact', every=None, out=None, threads=1)"
    ),
    "danaus.hippo.project_vjp": (
        "(grad, length=None, *, times=None, measure='legs', method='exact', every=None, threads=1)"
    ),
    "danaus.hippo.Sketch": "(start, stop, coefficients)",
    "danaus.hippo.Sketch.window": "(self, start, stop)",
    "danaus.hippo.Sketch.reconstruct": "(self, times)",
    "danaus.hippo.combine": "(parts, start=None, stop=None)",
    "danaus.hippo.sketches": "(u, n, *, every, times=None, start=0.0, threads=1)",
    "danaus.hippo.scan": (
        "(u, n, *, measure, theta=None, dt=1.0, method='bilinear', x0=None, every=None, alpha=0.0, beta=None)"
    ),
    "danaus.hippo.scan_vjp": (
        "(grad, length, *, measure, theta=None, dt=1.0, method='bilinear', every=None, alpha=0.0, beta=None)"
    ),
    "danaus.monarch.Chain": "(parts)",
    "danaus.monarch.Chain.__call__": "(self, x, *, out=None, threads=1)",
    "danaus.monarch.Monarch.__call__": "(self, x, *, out=None, threads=1)",
    "danaus.monarch.Monarch.astype": "(self, storage)",
    "danaus.monarch.Monarch.inverse": "(self)",
    "danaus.monarch.Monarch.quantize": "(self, storage='int8', *, group=None)",
    "danaus.monarch.Monarch.slogdet": "(self)",
    "danaus.monarch.Monarch.solve": "(self, y)",
    "danaus.monarch.Monarch.todense": "(self)",
    "danaus.monarch.dct": "(n, *, norm=None, factors=None, dtype='float64')",
    "danaus.monarch.dft": "(n, *, factors=None, dtype='complex128')",
    "danaus.monarch.hadamard": "(n, *, dtype='float64')",
    "danaus.monarch.kronecker": "(a, b)",
    "danaus.monarch.multiply_vjp": "(m, x, grad, *, threads=1)",
    "danaus.monarch.project": "(w, blocks, *, rank=1, covariance=None, variable_rank=False, threads=1)",
    "danaus.simplex.softmax": (
        "(x, *, axis=-1, temperature=1.0, where=None, causal=False, sink=None, out=None, threads=1)"
    ),
    "danaus.simplex.log_softmax": (
        "(x, *, axis=-1, temperature=1.0, where=None, causal=False, sink=None, out=None, threads=1)"
    ),
    "danaus.simplex.logsumexp": "(x, *, axis=-1, temperature=1.0, where=None, keepdims=False, threads=1)",
    "danaus.simplex.softmax1": "(x, *, axis=-1, temperature=1.0, out=None, threads=1)",
    "danaus.simplex.sparsemax": "(x, *, axis=-1, temperature=1.0, where=None, out=None, threads=1)",
    "danaus.simplex.entmax": "(x, alpha=1.5, *, axis=-1, temperature=1.0, where=None, out=None, threads=1)",
    "danaus.simplex.topk_softmax": "(x, k, *, axis=-1, temperature=1.0, where=None, out=None, threads=1)",
    "danaus.simplex.taylor_softmax": "(x, order=2, *, axis=-1, out=None)",
    "danaus.simplex.spherical_softmax": "(x, *, axis=-1, out=None)",
    "danaus.simplex.margin_softmax": "(x, labels, margin, scale=1.0, *, axis=-1, threads=1)",
    "danaus.simplex.perturb_max": "(x, noise='gumbel', *, axis=-1, scale=1.0, out=None, threads=1)",
    "danaus.simplex.sample": "(x, rng=None, *, axis=-1, temperature=1.0, threads=1)",
    "danaus.ssm.S4D": "(a, b, c, d, dt, *, method='zoh', length=None)",
    "danaus.ssm.S4D.__call__": "(self, u, *, out=None, threads=1, evaluation=None, lengths=None)",
    "danaus.ssm.S4D.kernel": "(self, length, dtype='float32', *, out=None, threads=1)",
    "danaus.ssm.S4D.convolve": "(self, u, *, threads=1)",
    "danaus.ssm.S4D.stream": "(self, batch=None, dtype='float32')",
    "danaus.ssm.S4D.prefill": "(self, u, *, threads=1, evaluation=None, lengths=None)",
    "danaus.ssm.S4D.check": "(self, length=None)",
    "danaus.ssm.S4D.resample": "(self, rate)",
    "danaus.ssm.S4D.from_state_space": "(a, b, c, d=0.0, dt=1.0, *, method='zoh')",
    "danaus.ssm.TransferFunction": "(b, a, h0)",
    "danaus.ssm.TransferFunction.__call__": "(self, u, *, out=None, threads=1, evaluation=None, lengths=None)",
    "danaus.ssm.TransferFunction.kernel": "(self, length, dtype='float32', *, out=None, threads=1)",
    "danaus.ssm.TransferFunction.convolve": "(self, u, *, threads=1)",
    "danaus.ssm.TransferFunction.stream": "(self, batch=None, dtype='float32')",
    "danaus.ssm.TransferFunction.prefill": "(self, u, *, threads=1, evaluation=None, lengths=None)",
    "danaus.ssm.TransferFunction.stream_after": "(self, u, y, *, threads=1)",
    "danaus.ssm.TransferFunction.truncated": "(self, length)",
    "danaus.ssm.TransferFunction.check": "(self, length=None)",
    "danaus.ssm.TransferFunction.from_truncated": "(b, a, h0, length, *, quirks=True)",
    "danaus.ssm.TransferFunction.from_state_space": "(A, B, C, D)",
    "danaus.ssm.TransferFunction.to_state_space": "(self)",
    "danaus.ssm.TransferFunction.poles": "(self)",
    "danaus.ssm.TransferFunction.is_stable": "(self)",
    "danaus.ssm.TransferFunction.to_modal": "(self)",
    "danaus.ssm.TransferFunction.reduce": "(self, order)",
    "danaus.ssm.S4": "(lambda_, p, b, c, d, dt, *, method='bilinear', q=None)",
    "danaus.ssm.S4.__call__": "(self, u, *, out=None, threads=1, evaluation=None, lengths=None)",
    "danaus.ssm.S4.kernel": "(self, length, dtype='float32', *, out=None, threads=1)",
    "danaus.ssm.S4.convolve": "(self, u, *, threads=1)",
    "danaus.ssm.S4.stream": "(self, batch=None, dtype='float32')",
    "danaus.ssm.S4.prefill": "(self, u, *, threads=1, evaluation=None, lengths=None)",
    "danaus.ssm.S4.check": "(self, length=None)",
    "danaus.ssm.S4.resample": "(self, rate)",
    "danaus.ssm.S4.from_truncated": ("(lambda_, p, b, c, d, dt, length, *, method='bilinear', q=None, threads=1)"),
    "danaus.ssm.S4.truncated_kernel": "(lambda_, p, b, c, dt, length, *, q=None, threads=1)",
    "danaus.ssm.S5": "(lambda_, b, c, d, dt, *, method='zoh')",
    "danaus.ssm.S5.__call__": "(self, u, *, out=None, threads=1, evaluation=None, lengths=None)",
    "danaus.ssm.S5.kernel": "(self, length, dtype='float32', *, out=None, threads=1)",
    "danaus.ssm.S5.convolve": "(self, u, *, threads=1)",
    "danaus.ssm.S5.stream": "(self, batch=None, dtype='float32')",
    "danaus.ssm.S5.prefill": "(self, u, *, threads=1, evaluation=None, lengths=None)",
    "danaus.ssm.S5.check": "(self, length=None)",
    "danaus.ssm.S5.resample": "(self, rate)",
    "danaus.ssm.Stream.step": "(self, u, out=None)",
    "danaus.ssm.Stream.run": "(self, u, *, out=None, threads=1, lengths=None)",
    "danaus.ssm.causal_convolve": "(u, k, *, axis=-2, out=None, threads=1)",
    "danaus.ssm.correlate": "(u, k, *, axis=-2, out=None, threads=1)",
    "danaus.ssm.ConvolutionStream": "(k, batch=None)",
    "danaus.ssm.Convolution": "(k, *, backward=None, length=None, threads=1)",
    "danaus.ssm.Convolution.__call__": "(self, u, *, axis=-2, out=None, threads=1)",
    "danaus.ssm.evaluate.calibrate": "(*, seconds=1.0, save=True)",
    "danaus.ssm.evaluate.choose": (
        "(form, order, length, channels, *, batch=1, dtype='float32', threads=1, rank=0, kept=True, slow=None)"
    ),
    "danaus.ssm.evaluate.rates": "()",
    "danaus.ssm.evaluate.set_rates": "(values)",
    "danaus.ssm.gradient.causal_convolve_vjp": "(u, k, grad, *, out=None, threads=1)",
    "danaus.ssm.gradient.dplr_kernel_vjp": "(lambda_, p, b, c, dt, dk, *, q=None, threads=1)",
    "danaus.ssm.gradient.kernel_vjp": "(layer, dk, *, threads=1)",
    "danaus.ssm.gradient.modes_vjp": "(delta, gain, dk, *, threads=1)",
    "danaus.ssm.gradient.scan_vjp": "(layer, u, grad, *, out=None, threads=1)",
    "danaus.ssm.gradient.transfer_kernel_vjp": "(b, a, dk, *, threads=1)",
    "danaus.ssm.gradient.transfer_response": "(b, a, length, *, threads=1)",
}


def find(path):
    """The object of a dotted name."""
    parts = path.split(".")
    at = next(i for i in range(len(parts), 0, -1) if ".".join(parts[:i]) in MODULES)
    value = importlib.import_module(".".join(parts[:at]))
    for part in parts[at:]:
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("path", SIGNATURES)
def test_names_and_signatures(path):
    value = find(path)
    assert callable(value)
    if SIGNATURES[path] is None:
        return
    signature = inspect.signature(value)
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    plain = str(inspect.Signature(parameters))
    assert plain == SIGNATURES[path]


def test_streams_keep_the_protocols_promise():
    """The compiled classes take what the protocols say, by position and by name."""
    layer = danaus.ssm.S4D([[-1.0]], 1, [[0.5]], [0.0], [0.1])
    for stream, protocol in (
        (layer.stream(), danaus.ssm.Stream),
        (layer.stream(2, "float64"), danaus.ssm.Stream),
        (danaus.load("japanese_vowels").stream(), danaus.models.Stream),
    ):
        names = {name for name in vars(protocol) if not name.startswith("_")} | set(protocol.__annotations__)
        assert names >= {"state", "step", "run", "reset", "copy"}
        for name in names:
            assert hasattr(stream, name), name
            assert getattr(type(stream), name).__doc__, name
    u = np.ones((3, 1), np.float32)
    stream = layer.stream()
    stream.step(u=u[0], out=None)
    stream.run(u=u, out=np.zeros_like(u), threads=2)
    stream = danaus.load("digits").stream()
    stream.step(frame=np.zeros(32, np.float32), out=None)
    stream.run(u=np.zeros((3, 1), np.float32), out=None)


@pytest.mark.parametrize("name", MODULES)
def test_all_is_true(name):
    module = importlib.import_module(name)
    assert module.__doc__
    assert sorted(module.__all__) == sorted(set(module.__all__))
    for public in module.__all__:
        assert hasattr(module, public)


def public_objects():
    for name in MODULES[1:]:
        module = importlib.import_module(name)
        for public in module.__all__:
            value = getattr(module, public)
            yield f"{name}.{public}", value
            if inspect.isclass(value):
                for member, held in vars(value).items():
                    if not member.startswith("_") and (callable(held) or isinstance(held, property | classmethod)):
                        yield f"{name}.{public}.{member}", held


@pytest.mark.parametrize(("path", "value"), list(public_objects()))
def test_everything_public_has_words(path, value):
    parent = find(path.rpartition(".")[0]) if path.count(".") > 2 else None
    words = inspect.getdoc(value)
    if parent is not None and getattr(parent, "_is_protocol", False):
        words = words or parent.__doc__  # a protocol speaks for its members
    if path.endswith((".n", ".channels", ".name", ".summary", ".to_dict", ".stable")):
        return  # their names say it
    assert words, path


@pytest.mark.parametrize("path", ["danaus", *(p for p, v in public_objects() if p.count(".") == 2)])
def test_every_public_function_and_class_has_an_example(path):
    value = importlib.import_module(path) if path in MODULES else find(path)
    if getattr(value, "_is_protocol", False) or path.endswith((".Report", "models.load")):
        return  # made by other things, whose examples show them; danaus.load is the package's own example
    assert ">>>" in (value.__doc__ or ""), path


def inside(package):
    """The modules of a package."""
    found = pkgutil.iter_modules(getattr(package, "__path__", []))
    return [importlib.import_module(f"{package.__name__}.{part.name}") for part in found]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    parts = [module] if name == "danaus" else [module, *inside(module)]
    results = [doctest.testmod(part, extraglobs={"np": np}) for part in parts]
    assert sum(result.failed for result in results) == 0 < sum(result.attempted for result in results)


@pytest.mark.parametrize(
    "name",
    [
        "convert",
        "diagonal",
        "dplr",
        "gradients",
        "hippo",
        "legs",
        "mimo",
        "monarch",
        "network",
        "simplex",
        "transfer",
        "windows",
    ],
)
def test_examples_of_the_references_run(name):
    module = importlib.import_module(f"reference.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0 and (result.attempted > 0 or name == "network")


def test_every_module_can_be_imported_alone():
    for module in pkgutil.iter_modules(danaus.__path__):
        if module.name == "torch":  # needs PyTorch, and says so where it is not
            if importlib.util.find_spec("torch"):
                importlib.import_module("danaus.torch")
            else:
                with pytest.raises(ImportError, match=r"danaus\.torch needs PyTorch"):
                    importlib.import_module("danaus.torch")
        elif module.name not in ("_core", "__main__"):
            importlib.import_module(f"danaus.{module.name}")


def test_the_package_says_what_it_is():
    assert danaus.__version__.count(".") == 2
    assert danaus.isa() and isinstance(danaus.isa(), str)
    assert set(danaus.__all__) >= {"Model", "load", "embedded", "hippo", "models", "ssm", "__version__"}


def test_import_needs_numpy_and_nothing_else():
    code = (
        "import sys, danaus, numpy; modules = {m.partition('.')[0] for m in sys.modules}; "
        "foreign = modules & {'scipy', 'torch', 'mpmath', 'safetensors', 'matplotlib'}; assert not foreign, foreign"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
