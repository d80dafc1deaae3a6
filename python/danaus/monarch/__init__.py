"""Monarch matrices: products of block-diagonal matrices that hold 2 / sqrt(n) of a dense matrix's weights.

>>> m = Monarch(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
>>> m @ np.array([1.0, 2.0, 3.0, 4.0])
array([10., 10., 10., 10.])
"""

from .exact import dct, dft, hadamard, kronecker
from .gradient import multiply_vjp
from .matrix import Monarch
from .operator import Chain
from .project import project

__all__ = ["Chain", "Monarch", "dct", "dft", "hadamard", "kronecker", "multiply_vjp", "project"]
