"""Structured sequence models on the CPU: the numbers of the training code, streamed.

>>> import danaus
>>> model = danaus.load("japanese_vowels")      # an embedded model, or a path
>>> stream = model.stream()
>>> stream.step(np.zeros(12, np.float32)).shape
(9,)

Areas: :mod:`danaus.models` (trained networks), :mod:`danaus.ssm` (state-space layers),
:mod:`danaus.hippo` (online memories), :mod:`danaus.fft` (Fourier transforms), :mod:`danaus.monarch` (block-structured
matrices), :mod:`danaus.simplex` (softmax and its alternatives).
"""

from . import fft, hippo, models, monarch, simplex, ssm
from ._core import isa
from ._core import version as __version__
from .models import Model, Report, embedded, load

__all__ = [
    "Model",
    "Report",
    "__version__",
    "embedded",
    "fft",
    "hippo",
    "isa",
    "load",
    "models",
    "monarch",
    "simplex",
    "ssm",
]
