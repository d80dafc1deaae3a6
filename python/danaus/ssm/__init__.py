"""State-space layers: one system as a kernel, a convolution, a scan and a step.

Time is axis -2, channels are last: ``(..., L, H)``. The element type that goes in comes out.
"""

from __future__ import annotations

from .common import Report, Stream
from .convolution import causal_convolve
from .diagonal import S4D
from .transfer import TransferFunction

__all__ = ["S4D", "Report", "Stream", "TransferFunction", "causal_convolve"]
