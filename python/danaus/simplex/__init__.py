"""Maps onto the probability simplex: softmax and its alternatives, exact, with gradients, at the memory's speed.

Arrays are float32, float64, float16 or bfloat16 (both computed in float32), of any layout, along any axis; results have
the type of the scores. Results do not depend on the layout or the number of threads.

>>> sparsemax(np.array([1.0, 0.9, -2.0])).round(12)
array([0.55, 0.45, 0.  ])
"""

from .exponential import (
    log_softmax,
    log_softmax_jvp,
    log_softmax_vjp,
    logsumexp,
    scalable_softmax,
    softmax,
    softmax1,
    softmax_jvp,
    softmax_vjp,
    temperature_vjp,
)
from .losses import (
    cross_entropy,
    cross_entropy_grad,
    entmax_loss,
    entmax_loss_grad,
    margin_loss,
    margin_loss_grad,
    margin_softmax,
    sparsemax_loss,
    sparsemax_loss_grad,
)
from .perturbation import perturb_max
from .pointwise import (
    r_softmax,
    sigmoid_normalize,
    sigmoid_normalize_jvp,
    sigmoid_normalize_vjp,
    spherical_softmax,
    spherical_softmax_jvp,
    spherical_softmax_vjp,
    taylor_softmax,
    taylor_softmax_jvp,
    taylor_softmax_vjp,
)
from .sparse import (
    entmax,
    entmax_alpha_jvp,
    entmax_alpha_vjp,
    entmax_jvp,
    entmax_vjp,
    nucleus_softmax,
    sparsemax,
    sparsemax_jvp,
    sparsemax_vjp,
    topk_softmax,
)
from .streaming import OnlineSoftmax, attention_row, sample

__all__ = [
    "OnlineSoftmax",
    "attention_row",
    "cross_entropy",
    "cross_entropy_grad",
    "entmax",
    "entmax_alpha_jvp",
    "entmax_alpha_vjp",
    "entmax_jvp",
    "entmax_loss",
    "entmax_loss_grad",
    "entmax_vjp",
    "log_softmax",
    "log_softmax_jvp",
    "log_softmax_vjp",
    "logsumexp",
    "margin_loss",
    "margin_loss_grad",
    "margin_softmax",
    "nucleus_softmax",
    "perturb_max",
    "r_softmax",
    "sample",
    "scalable_softmax",
    "sigmoid_normalize",
    "sigmoid_normalize_jvp",
    "sigmoid_normalize_vjp",
    "softmax",
    "softmax1",
    "softmax_jvp",
    "softmax_vjp",
    "sparsemax",
    "sparsemax_jvp",
    "sparsemax_loss",
    "sparsemax_loss_grad",
    "sparsemax_vjp",
    "spherical_softmax",
    "spherical_softmax_jvp",
    "spherical_softmax_vjp",
    "taylor_softmax",
    "taylor_softmax_jvp",
    "taylor_softmax_vjp",
    "temperature_vjp",
    "topk_softmax",
]
