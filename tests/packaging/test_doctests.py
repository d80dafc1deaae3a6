"""The examples in the docstrings of the installed package say what happens."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import danaus

OPTIONAL = {"danaus.__main__", "danaus.cuda", "danaus.torch"}
MODULES = [info.name for info in pkgutil.walk_packages(danaus.__path__, "danaus.")]


@pytest.mark.parametrize("name", ["danaus", *(name for name in MODULES if name not in OPTIONAL)])
def test_doctests(name: str) -> None:
    module = importlib.import_module(name)
    with np.printoptions(legacy="1.25"):
        assert doctest.testmod(module, extraglobs={"np": np}).failed == 0
