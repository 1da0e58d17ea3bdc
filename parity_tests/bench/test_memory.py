"""What a step keeps in memory, and what importing `manual` loads."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from experiments.bench import memory
from experiments.bench.memory import besides
from experiments.bench.workloads import classification
from manual import SGD, Adam, Layer, Linear, Network, ReLU
from manual.optimizer import PIECE


@pytest.mark.parametrize("optimizer", [SGD(lr=0.1), pytest.param(Adam(), marks=pytest.mark.slow)], ids=["SGD", "Adam"])
def test_memory_above_parameters_and_activations_does_not_grow(optimizer):
    """Neither with the width, nor the batch, nor the depth: what an optimizer computes on the way is of a few rows;
    Adam holds seven arrays of them at a time.
    """
    for sizes, batch in (([128] * 3, 128), ([1024] * 3, 128), ([256] * 3, 4096), ([64] * 65, 64)):
        work = classification("", sizes, batch, np.float32)
        assert besides(work._replace(optimizer=optimizer)) < 8 * PIECE * work.x.itemsize


def test_memory_that_grows_is_seen(monkeypatch):
    monkeypatch.setattr("manual.optimizer.PIECE", 2**40)
    assert besides(classification("", [1024, 1024], 1, np.float32)) > 2**22 - 2**15  # learning rate times gradient


def test_importing_manual_does_not_import_torch():
    subprocess.run([sys.executable, "-c", "import manual, sys; assert 'torch' not in sys.modules"], check=True)


def buffers(cache):
    """The arrays that own the memory that a cache holds on to, each once."""
    if isinstance(cache, list | tuple):
        return {address: owner for part in cache for address, owner in buffers(part).items()}
    if not isinstance(cache, np.ndarray):
        return {}
    while isinstance(cache.base, np.ndarray):
        cache = cache.base
    return {id(cache): cache}


def places_that_keep_too_much(network, sizes):
    """The places of layers whose cache is more than their input, of `sizes` numbers an example, and a mask of it."""
    x = np.random.default_rng(0).random((64, sizes[0]), dtype=np.float32)
    _, tape = network.forward(x)
    excess = []
    for place, (cache, size) in enumerate(zip(tape, sizes, strict=True)):
        kept = buffers(cache).values()
        numbers, masks = (sum(a.nbytes for a in kept if (a.dtype == bool) is mask) for mask in (False, True))
        if numbers > 64 * size * x.itemsize or masks > 64 * size:
            excess.append(place)
    return excess


def digits_network(rng, activation):
    return Network(Linear(64, 128, rng=rng), activation, Linear(128, 10, rng=rng)).astype(np.float32)


def test_the_caches_hold_each_layers_input_at_most_once_and_masks(rng):
    assert places_that_keep_too_much(digits_network(rng, ReLU()), (64, 128, 128)) == []


def test_a_layer_that_keeps_its_input_twice_is_found_and_a_view_of_it_is_not(rng):
    class Views(Layer):
        def forward(self, x, /):
            return x, (x, [x[:3], x.T, x > 0])

    class Hoards(Layer):
        def forward(self, x, /):
            return x, (x, [x.copy()])

    assert places_that_keep_too_much(digits_network(rng, Views()), (64, 128, 128)) == []
    assert places_that_keep_too_much(digits_network(rng, Hoards()), (64, 128, 128)) == [1]


def test_malloc_is_told_to_keep_what_is_freed_where_it_can_be(monkeypatch):
    told = {}
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=told.__setitem__))
    memory.keep_freed_memory()
    assert told == memory.KEPT
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: SimpleNamespace())
    memory.keep_freed_memory()
