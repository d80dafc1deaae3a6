"""The compiled part of danaus. Private: use the modules of the package."""

from typing import Annotated

import numpy
from numpy.typing import NDArray


version: str = '0.1.0'

def isa() -> str:
    """The instruction set in use."""

class Convolution32:
    """Convolution kernels whose spectra are kept."""

    def __init__(self, k: Annotated[NDArray, dict(device='cpu', writable=False)], backward: Annotated[NDArray, dict(device='cpu', writable=False)] | None, length: int, correlation: bool, threads: int) -> None: ...

    def __call__(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None, where: str = 'ssm.Convolution') -> NDArray[numpy.float32]: ...

    @property
    def nbytes(self) -> int: ...

    @property
    def block(self) -> int: ...

class ConvolutionStream32:
    """Kernels at work on signals that arrive sample by sample."""

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float32]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float32]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> ConvolutionStream32:
        """An independent stream in the same state."""

class OnlineFilter32:
    def __init__(self, k: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]: ...

    def stream(self, batch: int | None = None) -> ConvolutionStream32: ...

    @property
    def state_size(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

def convolve32(u: Annotated[NDArray, dict(device='cpu', writable=False)], k: Annotated[NDArray, dict(device='cpu', writable=False)], backward: Annotated[NDArray, dict(device='cpu', writable=False)] | None = None, correlation: bool = False, out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

class Convolution64:
    """Convolution kernels whose spectra are kept."""

    def __init__(self, k: Annotated[NDArray, dict(device='cpu', writable=False)], backward: Annotated[NDArray, dict(device='cpu', writable=False)] | None, length: int, correlation: bool, threads: int) -> None: ...

    def __call__(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None, where: str = 'ssm.Convolution') -> NDArray[numpy.float64]: ...

    @property
    def nbytes(self) -> int: ...

    @property
    def block(self) -> int: ...

class ConvolutionStream64:
    """Kernels at work on signals that arrive sample by sample."""

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float64]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float64]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> ConvolutionStream64:
        """An independent stream in the same state."""

class OnlineFilter64:
    def __init__(self, k: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]: ...

    def stream(self, batch: int | None = None) -> ConvolutionStream64: ...

    @property
    def state_size(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

def convolve64(u: Annotated[NDArray, dict(device='cpu', writable=False)], k: Annotated[NDArray, dict(device='cpu', writable=False)], backward: Annotated[NDArray, dict(device='cpu', writable=False)] | None = None, correlation: bool = False, out: object | None = None, threads: int = 1) -> NDArray[numpy.float64]: ...

def fourier_complex32(x: Annotated[NDArray, dict(device='cpu', writable=False)], n: int, back: bool, out: object | None = None, threads: int = 1) -> NDArray[numpy.complex64]: ...

def fourier_real32(x: Annotated[NDArray, dict(device='cpu', writable=False)], n: int, back: bool, out: object | None = None, threads: int = 1) -> NDArray[numpy.complex64]: ...

def fourier_real_back32(x: Annotated[NDArray, dict(device='cpu', writable=False)], n: int, back: bool, out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

def fourier_complex64(x: Annotated[NDArray, dict(device='cpu', writable=False)], n: int, back: bool, out: object | None = None, threads: int = 1) -> NDArray[numpy.complex128]: ...

def fourier_real64(x: Annotated[NDArray, dict(device='cpu', writable=False)], n: int, back: bool, out: object | None = None, threads: int = 1) -> NDArray[numpy.complex128]: ...

def fourier_real_back64(x: Annotated[NDArray, dict(device='cpu', writable=False)], n: int, back: bool, out: object | None = None, threads: int = 1) -> NDArray[numpy.float64]: ...

class DiagonalStream32:
    """
    A diagonal state-space layer at work on sequences that arrive bit by bit.
    """

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float32]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float32]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> DiagonalStream32:
        """An independent stream in the same state."""

class Diagonal32:
    def __init__(self, delta: Annotated[NDArray, dict(device='cpu', writable=False)], gain: Annotated[NDArray, dict(device='cpu', writable=False)], d: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]: ...

    def stream(self, batch: int | None = None) -> DiagonalStream32: ...

    @property
    def state_size(self) -> int: ...

    def state_after(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]: ...

class DiagonalStream64:
    """
    A diagonal state-space layer at work on sequences that arrive bit by bit.
    """

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float64]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float64]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> DiagonalStream64:
        """An independent stream in the same state."""

class Diagonal64:
    def __init__(self, delta: Annotated[NDArray, dict(device='cpu', writable=False)], gain: Annotated[NDArray, dict(device='cpu', writable=False)], d: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]: ...

    def stream(self, batch: int | None = None) -> DiagonalStream64: ...

    @property
    def state_size(self) -> int: ...

    def state_after(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]: ...

def discretize(a: Annotated[NDArray, dict(device='cpu', writable=False)], c: Annotated[NDArray, dict(device='cpu', writable=False)], dt: Annotated[NDArray, dict(device='cpu', writable=False)], method: str, length: float = 0.0) -> tuple[NDArray[numpy.complex128], NDArray[numpy.complex128]]: ...

def diagonalize(a: Annotated[NDArray, dict(device='cpu', writable=False)], b: Annotated[NDArray, dict(device='cpu', writable=False)], c: Annotated[NDArray, dict(device='cpu', writable=False)]) -> tuple: ...

def kernel32(delta: Annotated[NDArray, dict(device='cpu', writable=False)], gain: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

def kernel64(delta: Annotated[NDArray, dict(device='cpu', writable=False)], gain: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, out: object | None = None, threads: int = 1) -> NDArray[numpy.float64]: ...

def convolve_vjp32(u: Annotated[NDArray, dict(device='cpu', writable=False)], k: Annotated[NDArray, dict(device='cpu', writable=False)], grad: Annotated[NDArray, dict(device='cpu', writable=False)], du: object | None = None, dk: object | None = None, threads: int = 1) -> tuple[NDArray[numpy.float32], NDArray[numpy.float32]]: ...

def convolve_back32(k: Annotated[NDArray, dict(device='cpu', writable=False)], grad: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> NDArray[numpy.float32]: ...

def correlate32(u: Annotated[NDArray, dict(device='cpu', writable=False)], grad: Annotated[NDArray, dict(device='cpu', writable=False)], taps: int, threads: int = 1) -> NDArray[numpy.float32]: ...

def modes_vjp32(delta: Annotated[NDArray, dict(device='cpu', writable=False)], gain: Annotated[NDArray, dict(device='cpu', writable=False)], dk: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> tuple[NDArray[numpy.complex128], NDArray[numpy.complex128]]: ...

def scan_vjp32(delta: Annotated[NDArray, dict(device='cpu', writable=False)], gain: Annotated[NDArray, dict(device='cpu', writable=False)], d: Annotated[NDArray, dict(device='cpu', writable=False)], grad: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

def convolve_vjp64(u: Annotated[NDArray, dict(device='cpu', writable=False)], k: Annotated[NDArray, dict(device='cpu', writable=False)], grad: Annotated[NDArray, dict(device='cpu', writable=False)], du: object | None = None, dk: object | None = None, threads: int = 1) -> tuple[NDArray[numpy.float64], NDArray[numpy.float64]]: ...

def convolve_back64(k: Annotated[NDArray, dict(device='cpu', writable=False)], grad: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> NDArray[numpy.float64]: ...

def correlate64(u: Annotated[NDArray, dict(device='cpu', writable=False)], grad: Annotated[NDArray, dict(device='cpu', writable=False)], taps: int, threads: int = 1) -> NDArray[numpy.float64]: ...

def modes_vjp64(delta: Annotated[NDArray, dict(device='cpu', writable=False)], gain: Annotated[NDArray, dict(device='cpu', writable=False)], dk: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> tuple[NDArray[numpy.complex128], NDArray[numpy.complex128]]: ...

def scan_vjp64(delta: Annotated[NDArray, dict(device='cpu', writable=False)], gain: Annotated[NDArray, dict(device='cpu', writable=False)], d: Annotated[NDArray, dict(device='cpu', writable=False)], grad: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None, threads: int = 1) -> NDArray[numpy.float64]: ...

def discretize_vjp(a: Annotated[NDArray, dict(device='cpu', writable=False)], c: Annotated[NDArray, dict(device='cpu', writable=False)], dt: Annotated[NDArray, dict(device='cpu', writable=False)], delta: Annotated[NDArray, dict(device='cpu', writable=False)], gain: Annotated[NDArray, dict(device='cpu', writable=False)], method: str, length: float = 0.0) -> tuple[NDArray[numpy.complex128], NDArray[numpy.complex128], NDArray[numpy.float64]]: ...

def transfer_vjp32(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], dk: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> tuple[NDArray[numpy.float64], NDArray[numpy.float64]]: ...

def transfer_vjp64(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], dk: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> tuple[NDArray[numpy.float64], NDArray[numpy.float64]]: ...

def dplr_vjp(lambda_: Annotated[NDArray, dict(device='cpu', writable=False)], p: Annotated[NDArray, dict(device='cpu', writable=False)], q: Annotated[NDArray, dict(device='cpu', writable=False)], b: Annotated[NDArray, dict(device='cpu', writable=False)], c: Annotated[NDArray, dict(device='cpu', writable=False)], dt: Annotated[NDArray, dict(device='cpu', writable=False)], dk: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> tuple: ...

def transfer_response(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, threads: int = 1) -> NDArray[numpy.float64]: ...

class DplrSystem:
    def __init__(self, lambda_: Annotated[NDArray, dict(device='cpu', writable=False)], p: Annotated[NDArray, dict(device='cpu', writable=False)], q: Annotated[NDArray, dict(device='cpu', writable=False)], b: Annotated[NDArray, dict(device='cpu', writable=False)], c: Annotated[NDArray, dict(device='cpu', writable=False)], dt: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    @property
    def finite(self) -> bool: ...

    def kernel32(self, length: int, out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

    def kernel64(self, length: int, out: object | None = None, threads: int = 1) -> NDArray[numpy.float64]: ...

    def dense(self) -> NDArray[numpy.float64]: ...

    def truncated_spectrum(self, length: int, threads: int = 1) -> NDArray[numpy.complex128]: ...

    def untruncated(self, length: int, threads: int = 1) -> tuple[NDArray[numpy.complex128], NDArray[numpy.float64]]: ...

class DplrStream32:
    """
    A diagonal plus low rank layer at work on sequences that arrive bit by bit.
    """

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float32]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float32]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> DplrStream32:
        """An independent stream in the same state."""

class Dplr32:
    def __init__(self, system: DplrSystem, d: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]: ...

    def stream(self, batch: int | None = None) -> DplrStream32: ...

    @property
    def state_size(self) -> int: ...

class DplrStream64:
    """
    A diagonal plus low rank layer at work on sequences that arrive bit by bit.
    """

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float64]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float64]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> DplrStream64:
        """An independent stream in the same state."""

class Dplr64:
    def __init__(self, system: DplrSystem, d: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]: ...

    def stream(self, batch: int | None = None) -> DplrStream64: ...

    @property
    def state_size(self) -> int: ...

class MimoStream32:
    """
    A layer of many inputs and outputs at work on sequences that arrive bit by bit.
    """

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float32]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float32]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> MimoStream32:
        """An independent stream in the same state."""

class Mimo32:
    def __init__(self, lambda_: Annotated[NDArray, dict(device='cpu', writable=False)], b: Annotated[NDArray, dict(device='cpu', writable=False)], c: Annotated[NDArray, dict(device='cpu', writable=False)], d: Annotated[NDArray, dict(device='cpu', writable=False)], dt: Annotated[NDArray, dict(device='cpu', writable=False)], method: str) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]: ...

    def stream(self, batch: int | None = None) -> MimoStream32: ...

    @property
    def state_size(self) -> int: ...

class MimoStream64:
    """
    A layer of many inputs and outputs at work on sequences that arrive bit by bit.
    """

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float64]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float64]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> MimoStream64:
        """An independent stream in the same state."""

class Mimo64:
    def __init__(self, lambda_: Annotated[NDArray, dict(device='cpu', writable=False)], b: Annotated[NDArray, dict(device='cpu', writable=False)], c: Annotated[NDArray, dict(device='cpu', writable=False)], d: Annotated[NDArray, dict(device='cpu', writable=False)], dt: Annotated[NDArray, dict(device='cpu', writable=False)], method: str) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]: ...

    def stream(self, batch: int | None = None) -> MimoStream64: ...

    @property
    def state_size(self) -> int: ...

class LegsMemory32:
    """Exact online HiPPO-LegS memory."""

    def __init__(self, n: int, channels: int = 1) -> None: ...

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def extend(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None = None, threads: int = 1) -> None: ...

    def trajectory(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None, every: int, fresh: bool = False, out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

    def coefficients(self, out: object | None = None) -> NDArray[numpy.float32]: ...

    def reconstruct(self, times: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float32]: ...

    def merge(self, other: LegsMemory32) -> None: ...

    def reset(self) -> None: ...

    def copy(self) -> LegsMemory32: ...

    @property
    def time(self) -> float: ...

    @property
    def n(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def state(self) -> NDArray[numpy.float64]: ...

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

class LegsSteps32:
    """Online HiPPO-LegS memory, one step of O(n) a sample."""

    def __init__(self, method: str, n: int, channels: int = 1) -> None: ...

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def extend(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None = None, threads: int = 1) -> None: ...

    def trajectory(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None, every: int, fresh: bool = False, out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

    def coefficients(self, out: object | None = None) -> NDArray[numpy.float32]: ...

    def reconstruct(self, times: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float32]: ...

    def merge(self, other: LegsSteps32) -> None: ...

    def reset(self) -> None: ...

    def copy(self) -> LegsSteps32: ...

    @property
    def time(self) -> float: ...

    @property
    def n(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def state(self) -> NDArray[numpy.float64]: ...

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

class LegsMemory64:
    """Exact online HiPPO-LegS memory."""

    def __init__(self, n: int, channels: int = 1) -> None: ...

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def extend(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None = None, threads: int = 1) -> None: ...

    def trajectory(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None, every: int, fresh: bool = False, out: object | None = None, threads: int = 1) -> NDArray[numpy.float64]: ...

    def coefficients(self, out: object | None = None) -> NDArray[numpy.float64]: ...

    def reconstruct(self, times: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float64]: ...

    def merge(self, other: LegsMemory64) -> None: ...

    def reset(self) -> None: ...

    def copy(self) -> LegsMemory64: ...

    @property
    def time(self) -> float: ...

    @property
    def n(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def state(self) -> NDArray[numpy.float64]: ...

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

class LegsSteps64:
    """Online HiPPO-LegS memory, one step of O(n) a sample."""

    def __init__(self, method: str, n: int, channels: int = 1) -> None: ...

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def extend(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None = None, threads: int = 1) -> None: ...

    def trajectory(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None, every: int, fresh: bool = False, out: object | None = None, threads: int = 1) -> NDArray[numpy.float64]: ...

    def coefficients(self, out: object | None = None) -> NDArray[numpy.float64]: ...

    def reconstruct(self, times: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float64]: ...

    def merge(self, other: LegsSteps64) -> None: ...

    def reset(self) -> None: ...

    def copy(self) -> LegsSteps64: ...

    @property
    def time(self) -> float: ...

    @property
    def n(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def state(self) -> NDArray[numpy.float64]: ...

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

def legs_evaluate(coefficients: Annotated[NDArray, dict(device='cpu', writable=False)], span: float, times: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float64]: ...

def legs_moments(n: int, span: float, times: Annotated[NDArray, dict(device='cpu', writable=False)], values: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float64]: ...

def legs_steps_vjp32(method: str, grad: Annotated[NDArray, dict(device='cpu', writable=False)], ends: Annotated[NDArray, dict(device='cpu', writable=False)], every: int, threads: int = 1) -> NDArray[numpy.float32]: ...

def legs_steps_vjp64(method: str, grad: Annotated[NDArray, dict(device='cpu', writable=False)], ends: Annotated[NDArray, dict(device='cpu', writable=False)], every: int, threads: int = 1) -> NDArray[numpy.float64]: ...

def gauss_nodes(arg: int, /) -> tuple: ...

def hippo_default_options(measure: str) -> tuple: ...

def hippo_transition(measure: str, n: int, theta: float, alpha: float, beta: float) -> tuple: ...

def hippo_nplr(measure: str, n: int, half: bool, theta: float, alpha: float, beta: float) -> tuple: ...

def hippo_discretize(a: Annotated[NDArray, dict(device='cpu', writable=False)], b: Annotated[NDArray, dict(device='cpu', writable=False)], dt: Annotated[NDArray, dict(device='cpu', writable=False)], alpha: float) -> tuple: ...

def hippo_discretize_scale(a: Annotated[NDArray, dict(device='cpu', writable=False)], b: Annotated[NDArray, dict(device='cpu', writable=False)], t0: Annotated[NDArray, dict(device='cpu', writable=False)], t1: Annotated[NDArray, dict(device='cpu', writable=False)], method: int, alpha: float) -> tuple: ...

def hippo_largest_step(poles: Annotated[NDArray, dict(device='cpu', writable=False)], alpha: float, tiny: float) -> float: ...

class WindowMemory32:
    """Online memory of a window or a decay."""

    def __init__(self, measure: str, n: int, channels: int, rate: float, method: float, alpha: float, beta: float) -> None: ...

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def extend(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None = None, threads: int = 1) -> None: ...

    def coefficients(self) -> NDArray[numpy.float32]: ...

    def reconstruct(self, times: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float32]: ...

    def reset(self) -> None: ...

    def copy(self) -> WindowMemory32: ...

    @property
    def time(self) -> float: ...

    @property
    def n(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def state(self) -> NDArray[numpy.float64]: ...

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

class FousMemory32:
    """Exact online memory in the scale-invariant Fourier measure."""

    def __init__(self, n: int, channels: int) -> None: ...

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def extend(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None = None, threads: int = 1) -> None: ...

    def coefficients(self) -> NDArray[numpy.complex128]: ...

    def reconstruct(self, times: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float32]: ...

    def reset(self) -> None: ...

    def copy(self) -> FousMemory32: ...

    @property
    def time(self) -> float: ...

    @property
    def n(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def state(self) -> NDArray[numpy.float64]: ...

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

class WindowMemory64:
    """Online memory of a window or a decay."""

    def __init__(self, measure: str, n: int, channels: int, rate: float, method: float, alpha: float, beta: float) -> None: ...

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def extend(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None = None, threads: int = 1) -> None: ...

    def coefficients(self) -> NDArray[numpy.float64]: ...

    def reconstruct(self, times: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float64]: ...

    def reset(self) -> None: ...

    def copy(self) -> WindowMemory64: ...

    @property
    def time(self) -> float: ...

    @property
    def n(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def state(self) -> NDArray[numpy.float64]: ...

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

class FousMemory64:
    """Exact online memory in the scale-invariant Fourier measure."""

    def __init__(self, n: int, channels: int) -> None: ...

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def extend(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], times: object | None = None, threads: int = 1) -> None: ...

    def coefficients(self) -> NDArray[numpy.complex128]: ...

    def reconstruct(self, times: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float64]: ...

    def reset(self) -> None: ...

    def copy(self) -> FousMemory64: ...

    @property
    def time(self) -> float: ...

    @property
    def n(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def state(self) -> NDArray[numpy.float64]: ...

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

class WindowScan32:
    """Scans of a window or a decay, and their adjoints."""

    def __init__(self, measure: str, n: int, rate: float, method: float, alpha: float, beta: float) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], x: object | None, every: int) -> NDArray[numpy.float32]: ...

    def vjp(self, grad: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, every: int) -> tuple: ...

class WindowScan64:
    """Scans of a window or a decay, and their adjoints."""

    def __init__(self, measure: str, n: int, rate: float, method: float, alpha: float, beta: float) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], x: object | None, every: int) -> NDArray[numpy.float64]: ...

    def vjp(self, grad: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, every: int) -> tuple: ...

def convert_poles(a: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> NDArray[numpy.complex128]: ...

def convert_from_poles(p: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> NDArray[numpy.float64]: ...

def convert_reflection(a: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> NDArray[numpy.float64]: ...

def convert_from_reflection(k: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> NDArray[numpy.float64]: ...

def convert_is_stable(a: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> NDArray[numpy.float64]: ...

def convert_cauchy_radius(a: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float64]: ...

def convert_conditioning(a: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> NDArray[numpy.float64]: ...

def convert_truncation_length(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], tolerance: float, longest: int, threads: int = 1) -> NDArray[numpy.float64]: ...

def convert_state_space_to_transfer(A: Annotated[NDArray, dict(device='cpu', writable=False)], B: Annotated[NDArray, dict(device='cpu', writable=False)], C: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, threads: int = 1) -> tuple: ...

def convert_transfer_to_modal(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, threads: int = 1) -> tuple: ...

def convert_modal_to_transfer(poles: Annotated[NDArray, dict(device='cpu', writable=False)], residues: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, threads: int = 1) -> tuple: ...

def convert_transfer_to_sections(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], h0: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, threads: int = 1) -> tuple: ...

def convert_sections_to_transfer(sos: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, threads: int = 1) -> tuple: ...

def convert_transfer_to_lattice(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], h0: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, threads: int = 1) -> tuple: ...

def convert_lattice_to_transfer(k: Annotated[NDArray, dict(device='cpu', writable=False)], v: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, threads: int = 1) -> tuple: ...

def convert_balance(A: Annotated[NDArray, dict(device='cpu', writable=False)], B: Annotated[NDArray, dict(device='cpu', writable=False)], C: Annotated[NDArray, dict(device='cpu', writable=False)], order: int, threads: int = 1) -> tuple: ...

def convert_reduce_modal(poles: Annotated[NDArray, dict(device='cpu', writable=False)], residues: Annotated[NDArray, dict(device='cpu', writable=False)], order: int, length: int, threads: int = 1) -> tuple: ...

def convert_reduce_transfer(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], order: int, length: int, threads: int = 1) -> tuple: ...

def convert_fit(kernel: Annotated[NDArray, dict(device='cpu', writable=False)], order: int, aaa: bool, rounds: int, threads: int = 1) -> tuple: ...

class TransferStream32:
    """
    Rational transfer functions at work on sequences that arrive bit by bit.
    """

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float32]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float32]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> TransferStream32:
        """An independent stream in the same state."""

class Transfer32:
    def __init__(self, b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], h0: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]: ...

    def stream(self, batch: int | None = None) -> TransferStream32: ...

    @property
    def state_size(self) -> int: ...

    def chunked(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None, threads: int = 1) -> tuple: ...

    @property
    def chunk(self) -> int: ...

    def state_after(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], y: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]: ...

class TransferStream64:
    """
    Rational transfer functions at work on sequences that arrive bit by bit.
    """

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float64]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float64]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> TransferStream64:
        """An independent stream in the same state."""

class Transfer64:
    def __init__(self, b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], h0: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]: ...

    def stream(self, batch: int | None = None) -> TransferStream64: ...

    @property
    def state_size(self) -> int: ...

    def chunked(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None, threads: int = 1) -> tuple: ...

    @property
    def chunk(self) -> int: ...

    def state_after(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], y: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]: ...

class TransferStreamMixed:
    """
    Rational transfer functions at work on sequences that arrive bit by bit.
    """

    def step(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float32]:
        """One sample of every sequence: (H,) or (batch, H)."""

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]:
        """
        A chunk of any length: (length, H) or (batch, length, H). lengths (batch,): how many of its samples are each sequence's; outputs beyond are 0.
        """

    @property
    def state(self) -> NDArray[numpy.float64]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> TransferStreamMixed:
        """An independent stream in the same state."""

class TransferMixed:
    def __init__(self, b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], h0: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def scan(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None, threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float32]: ...

    def stream(self, batch: int | None = None) -> TransferStreamMixed: ...

    @property
    def state_size(self) -> int: ...

    def chunked(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None, threads: int = 1) -> tuple: ...

    @property
    def chunk(self) -> int: ...

    def state_after(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], y: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1, lengths: object | None = None) -> NDArray[numpy.float64]: ...

def transfer_kernel32(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], h0: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

def transfer_kernel64(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], h0: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, out: object | None = None, threads: int = 1) -> NDArray[numpy.float64]: ...

def transfer_kernel_quick(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], h0: Annotated[NDArray, dict(device='cpu', writable=False)], single: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

def power_gain(a: Annotated[NDArray, dict(device='cpu', writable=False)], threads: int = 1) -> NDArray[numpy.float64]: ...

def precise_response(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, threads: int = 1) -> NDArray[numpy.float64]: ...

def advance_numerator(b: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)], length: int, states: str, threads: int = 1) -> NDArray[numpy.float64]: ...

def numerator_of_kernel(kernel: Annotated[NDArray, dict(device='cpu', writable=False)], a: Annotated[NDArray, dict(device='cpu', writable=False)]) -> NDArray[numpy.float64]: ...

class CostModel:
    """What the evaluations of a layer take on a machine."""

    def __init__(self, rates: dict) -> None: ...

    def estimate(self, form: str, order: int, rank: int, slow: int, length: int, channels: int, batch: int, element: int, threads: int, kept: bool) -> tuple[float, float]: ...

    @property
    def rates(self) -> dict: ...

def default_rates() -> dict: ...

def calibrate(rates: dict, seconds: float) -> dict: ...

def simplex(map: str, x: Annotated[NDArray, dict(device='cpu', writable=False)], other: Annotated[NDArray, dict(device='cpu', writable=False)] | None, out: Annotated[NDArray, dict(device='cpu')], axis: int, half: str = '', scale: float = 1.0, alpha: float = 1.5, mass: float = 1.0, count: int = 1, key: int = 0, causal: bool = False, rest: float = 0.0, in_double: bool = False, threads: int = 1) -> None: ...

class ModelStream:
    """A model at work on sequences that arrive bit by bit."""

    def step(self, frame: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None) -> NDArray[numpy.float32]:
        """
        One step: a frame (rows, channels), or flat, with a leading batch axis where the stream has one; the outputs.
        """

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], *, out: object | None = None) -> NDArray[numpy.float32]:
        """
        A chunk (length, channels) of any length; what does not fill a frame waits for the next call.
        """

    @property
    def state(self) -> NDArray[numpy.float32]:
        """Everything remembered, a copy; put back, it resumes bit for bit."""

    @state.setter
    def state(self, arg: Annotated[NDArray, dict(device='cpu', writable=False)], /) -> None: ...

    @property
    def pending(self) -> int:
        """Rows of an unfinished frame."""

    def reset(self) -> None:
        """Forgets everything."""

    def copy(self) -> ModelStream:
        """An independent stream in the same state."""

class Model:
    @staticmethod
    def open(arg: str, /) -> Model: ...

    @staticmethod
    def from_bytes(arg: bytes, /) -> Model: ...

    def run(self, u: Annotated[NDArray, dict(device='cpu', writable=False)], lengths: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

    def stream(self, batch: int | None = None) -> ModelStream: ...

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    @property
    def labels(self) -> list[str]: ...

    @property
    def sample_rate(self) -> float: ...

    @property
    def channels(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def outputs(self) -> int: ...

    @property
    def vocabulary(self) -> int: ...

    @property
    def reduces(self) -> bool: ...

    @property
    def causal(self) -> bool: ...

    @property
    def parameters(self) -> int: ...

    @property
    def macs(self) -> int: ...

    @property
    def state_size(self) -> int: ...

    @property
    def poles(self) -> list: ...

class MonarchStages32:
    """Block-diagonal factors at work."""

    def __init__(self) -> None: ...

    def add(self, order: str, weights: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def add_halves(self, order: str, patterns: Annotated[NDArray, dict(device='cpu', writable=False)], storage: str) -> None: ...

    def add_integers(self, order: str, integers: Annotated[NDArray, dict(device='cpu', writable=False)], scales: Annotated[NDArray, dict(device='cpu', writable=False)], group: int, bits: int) -> None: ...

    def __call__(self, x: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None, threads: int = 1) -> NDArray[numpy.float32]: ...

class MonarchStages64:
    """Block-diagonal factors at work."""

    def __init__(self) -> None: ...

    def add(self, order: str, weights: Annotated[NDArray, dict(device='cpu', writable=False)]) -> None: ...

    def add_halves(self, order: str, patterns: Annotated[NDArray, dict(device='cpu', writable=False)], storage: str) -> None: ...

    def add_integers(self, order: str, integers: Annotated[NDArray, dict(device='cpu', writable=False)], scales: Annotated[NDArray, dict(device='cpu', writable=False)], group: int, bits: int) -> None: ...

    def __call__(self, x: Annotated[NDArray, dict(device='cpu', writable=False)], out: object | None = None, threads: int = 1) -> NDArray[numpy.float64]: ...

def monarch_project32(w: Annotated[NDArray, dict(device='cpu', writable=False)], k: int, j: int, q: int, threads: int = 1) -> tuple[NDArray[numpy.float32], NDArray[numpy.float32], NDArray[numpy.float64], NDArray[numpy.float64], NDArray[numpy.uint8]]: ...

def monarch_project64(w: Annotated[NDArray, dict(device='cpu', writable=False)], k: int, j: int, q: int, threads: int = 1) -> tuple[NDArray[numpy.float64], NDArray[numpy.float64], NDArray[numpy.float64], NDArray[numpy.float64], NDArray[numpy.uint8]]: ...
