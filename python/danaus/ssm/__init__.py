"""State-space layers: one system as a kernel, a convolution, a scan and a step.

Time is axis -2, channels are last: ``(..., L, H)``. The element type that goes in comes out.
"""

from __future__ import annotations

from . import convert, evaluate, gradient
from .common import Report, Stream
from .convolution import Convolution, ConvolutionStream, causal_convolve, correlate
from .diagonal import S4D
from .dplr import S4
from .mimo import S5
from .transfer import TransferFunction

__all__ = [
    "S4",
    "S4D",
    "S5",
    "Convolution",
    "ConvolutionStream",
    "Report",
    "Stream",
    "TransferFunction",
    "causal_convolve",
    "convert",
    "correlate",
    "evaluate",
    "gradient",
]
