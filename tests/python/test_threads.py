# SPDX-License-Identifier: Apache-2.0
"""Many Python threads at once, threads of our own, and processes that fork."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from danaus.hippo import Memory
from danaus.models import load
from danaus.ssm import causal_convolve
from helpers import same_bits
from systems import random_layer

WORKERS = 8


def together(work, count=WORKERS):
    """``work(0) .. work(count - 1)``, begun at the same moment in threads of their own."""
    barrier = threading.Barrier(count)

    def begin(i):
        barrier.wait(30)
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return [future.result(60) for future in [pool.submit(begin, i) for i in range(count)]]


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_one_model_in_many_threads():
    model = load("japanese_vowels")
    inputs = [noise((3, 40 + i, 12), i) for i in range(WORKERS)]
    expected = [model(u) for u in inputs]

    def work(i):
        for _ in range(20):
            assert same_bits(model(inputs[i], threads=1 + i % 3), expected[i])
            stream = model.stream(3)
            assert same_bits(stream.run(inputs[i])[:, -1], expected[i])

    together(work)


def test_many_streams_of_one_layer_in_many_threads():
    layer = random_layer(20, 6)
    inputs = [noise((200, 20), i) for i in range(WORKERS)]
    expected = [layer(u, evaluation="scan") for u in inputs]

    def work(i):
        stream = layer.stream()
        for _ in range(5):
            stream.reset()
            steps = [stream.step(row) for row in inputs[i][:50]]
            assert same_bits(np.concatenate([steps, stream.run(inputs[i][50:], threads=1 + i % 4)]), expected[i])

    together(work)


def test_a_layer_is_packed_once_whichever_thread_comes_first():
    for seed in range(20):
        layer, u = random_layer(5, 3, seed), noise((30, 5))
        results = together(lambda _, layer=layer, u=u: layer(u))
        assert all(same_bits(y, results[0]) for y in results)


def test_kernels_and_convolutions_in_many_threads():
    layer = random_layer(12, 8)
    u, k = noise((2, 500, 12)), layer.kernel(500)
    y = causal_convolve(u, k)

    def work(i):
        for _ in range(5):
            assert same_bits(layer.kernel(500, threads=1 + i % 4), k)
            assert same_bits(causal_convolve(u, k, threads=1 + i % 4), y)

    together(work)


def test_one_memory_is_read_in_many_threads():
    memory = Memory(n=48, channels=3)
    memory.extend(noise((2000, 3)))
    x, times = memory.coefficients, np.linspace(0, 2000, 64)
    signal = memory.reconstruct(times)

    def work(i):
        for _ in range(100):
            if i % 2:
                assert same_bits(memory.coefficients, x)
            else:
                assert same_bits(memory.reconstruct(times), signal)

    together(work)


@pytest.mark.parametrize("kind", ["layer", "model", "memory"])
def test_one_object_that_many_threads_change_stays_whole(kind):
    """The order is the threads' own affair; every sample counts once and nothing is torn."""
    if kind == "memory":
        memory = Memory(n=8, channels=2)
        together(lambda _: [memory.extend(np.ones((37, 2), np.float32)) for _ in range(50)])
        assert memory.time == WORKERS * 50 * 37
        assert np.allclose(memory.coefficients, [[1] + [0] * 7] * 2, atol=1e-6)
    elif kind == "model":
        stream = load("digits").stream()
        rows = together(lambda _: sum(len(stream.run(np.full((17, 1), 0.1, np.float32))) for _ in range(50)))
        assert sum(rows) == WORKERS * 50 * 17 // 32 and stream.pending == WORKERS * 50 * 17 % 32
        other = load("digits").stream()
        other.run(np.full((WORKERS * 50 * 17, 1), 0.1, np.float32))
        rest = np.full((16 + 320, 1), 0.3, np.float32)
        assert same_bits(other.run(rest), stream.run(rest))
    else:
        layer = random_layer(6, 5)
        stream, other = layer.stream(), layer.stream()
        together(lambda _: [stream.run(np.ones((7, 6), np.float32)) for _ in range(50)])
        other.run(np.ones((WORKERS * 50 * 7, 6), np.float32))
        assert same_bits(stream.state, other.state)


def interpreter_is_free_during(call):
    """Whether Python code ran here while ``call()`` ran in another thread.

    No clock: threads are never made to change, so that this one runs again only where the other gives way by itself.
    """
    said = []

    def work():
        said.append("begun")
        call()
        said.append("done")

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e6)
    try:
        worker = threading.Thread(target=work)
        worker.start()
        seen = False
        while worker.is_alive() and not seen:
            seen = said == ["begun"]
            time.sleep(0)  # lets the other run
        worker.join(60)
    finally:
        sys.setswitchinterval(usual)
    assert said == ["begun", "done"]
    return seen


def test_a_call_that_keeps_the_interpreter_is_noticed():
    assert not any(interpreter_is_free_during(lambda: sum(range(100_000))) for _ in range(10))


CALLS = {
    "layer": lambda size: (random_layer(16, 8), noise((5000 * size, 16))),
    "stream": lambda size: (random_layer(16, 8).stream().run, noise((5000 * size, 16))),
    "convolution": lambda size: (lambda u: causal_convolve(u, u[0, :1].T), noise((10 * size, 1000, 4))),
    "kernel": lambda size: (random_layer(16, 8).kernel, 5000 * size),
    "model": lambda size: (load("japanese_vowels"), noise((50 * size, 30, 12))),
    "model stream": lambda size: (load("japanese_vowels").stream().run, noise((1500 * size, 12))),
    "memory": lambda size: (Memory(n=64, channels=8).extend, noise((1000 * size, 8))),
}


@pytest.mark.parametrize("kind", CALLS)
def test_the_interpreter_runs_while_we_compute(kind):
    for size in (1, 4, 16, 64, 256):  # a short call may be over before anybody looks
        call, argument = CALLS[kind](size)
        if kind in ("layer", "model"):
            call(argument[:1])  # what is made once is made
        if interpreter_is_free_during(lambda: call(argument)):  # noqa: B023
            return
    pytest.fail(f"{kind}: nobody else ran during the call")


FORK = """
import os, sys
import numpy as np
from danaus.models import load
from danaus.ssm import S4D
layer = S4D(np.full((40, 4), -1 + 2j), 1, np.ones((40, 4)), np.zeros(40), np.full(40, 0.1))
u = np.random.default_rng(0).standard_normal((4, 300, 40)).astype(np.float32)
model, v = load("japanese_vowels"), np.ones((9, 20, 12), np.float32)
y, z = layer(u, threads=2), model(v, threads=2)
for generation in range(3):
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status))
    for threads in (2, 3):
        assert np.array_equal(layer(u, threads=threads), y) and np.array_equal(model(v, threads=threads), z)
print("deep enough")
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork on this system")
def test_a_forked_process_uses_threads_anew():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "deep enough\n"


def test_the_process_ends_although_threads_wait():
    code = (
        "import numpy as np; from danaus.models import load; "
        "load('japanese_vowels')(np.ones((9, 20, 12), np.float32), threads=4); print('over')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "over\n", "")
