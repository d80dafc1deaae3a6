"""State-space layers: one system as a kernel, a convolution, a scan and a step.

Time is axis -2, channels are last: ``(..., L, H)``. The element type that goes in comes out.
"""

from __future__ import annotations

from . import convert
from . import gradient
from .common import Report, Stream
from .convolution import Convolution, causal_convolve, correlate
from .diagonal import S4D

__all__ = ["Convolution", "Report", "S4D", "Stream", "causal_convolve", "convert", "correlate", "gradient"]
