"""Chance by counting: the n-th draw of a stream is a function of its key and of n alone.

A draw is SplitMix64's output function (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014) of `key + n * golden ratio`. So any part of a simulation can be drawn by
itself, in any order and on any thread, and is the same. The functions run inside kernels.
"""

from __future__ import annotations

import math

import numpy as np

from seatrial.assessor.simulate.kernels import part

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)
_S12, _S27, _S30, _S31 = np.uint64(12), np.uint64(27), np.uint64(30), np.uint64(31)
_UNIT = 2.0**-52


@part
def mix(value: np.uint64) -> np.uint64:
    """64 bits that look nothing like the 64 given."""
    value = (value ^ (value >> _S30)) * _MIX_1
    value = (value ^ (value >> _S27)) * _MIX_2
    return value ^ (value >> _S31)


@part
def stream(seed: int, purpose: int, index: int) -> np.uint64:
    """Key of the stream `index` that a seed has for a purpose."""
    key = mix(np.uint64(seed) + _GOLDEN)
    key = mix(key ^ (np.uint64(purpose) + _ONE) * _MIX_1)
    return mix(key ^ (np.uint64(index) + _ONE) * _GOLDEN)


@part
def uniform(key: np.uint64, count: np.uint64) -> float:
    """Draw number `count`, strictly between 0 and 1."""
    bits = mix(key + count * _GOLDEN)
    # 52 bits and a half: the largest is below one in a double, and none is zero.
    return (float(bits >> _S12) + 0.5) * _UNIT


@part
def log_gamma_draw(key: np.uint64, count: np.uint64, shape: float) -> tuple[float, np.uint64]:
    """Logarithm of a gamma variate of scale one, and the next unused count.

    Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000). The
    logarithm, because variates of small shapes are too small for a double.
    """
    boost = 0.0
    if shape < 1.0:
        boost = math.log(uniform(key, count)) / shape
        count += _ONE
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        radius = math.sqrt(-2.0 * math.log(uniform(key, count)))
        x = radius * math.cos(2.0 * math.pi * uniform(key, count + _ONE))
        u = uniform(key, count + _ONE + _ONE)
        count += np.uint64(3)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        log_v = 3.0 * math.log(v)
        if math.log(u) < 0.5 * x * x + d - d * v * v * v + d * log_v:
            return boost + math.log(d) + log_v, count
