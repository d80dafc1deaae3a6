"""State-space layers: one system as a kernel, a convolution, a scan and a step.

Time is axis -2, channels are last: ``(..., L, H)``. The element type that goes in comes out.
"""

from __future__ import annotations

from . import gradient
from .common import Report, Stream
from .convolution import causal_convolve
from .diagonal import S4D

__all__ = ["S4D", "Report", "Stream", "causal_convolve", "gradient"]
