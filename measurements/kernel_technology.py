"""Why the compiled kernel is C++: its two hot pieces in numba and in the kernel's own sources.

A 64 x 64 x 64 product and 2,048 hyperbolic tangents, one thread: `pip install numba`, then
`python measurements/kernel_technology.py`.
"""

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np

from mln.kernels.native import build

SIDE, UNITS, CALLS = 64, 2048, 500
SOURCE = """
#include "gemm.hpp"
extern "C" void product(const float* w, const float* x, float* y) {
  gemm(Left{w, 64, 1}, 64, x, 64, 64, 64 / VW,
       [=](long m, long n, V c) { store(y + m * 64 + n * VW, c); });
}
extern "C" void tangents(const float* x, float* y) {
  for (long i = 0; i < 2048; i += VW) store(y + i, tanh_(load(x + i)));
}
"""


@numba.njit(fastmath={"contract"})
def product(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """y = w x, four rows at a time, the inner loop over neighbouring numbers."""
    for o in range(0, SIDE, 4):
        for k in range(SIDE):
            for m in range(4):
                a = w[o + m, k]
                for b in range(SIDE):
                    if k == 0:
                        y[o + m, b] = a * x[k, b]
                    else:
                        y[o + m, b] += a * x[k, b]


@numba.njit
def tangents(x: np.ndarray, y: np.ndarray) -> None:
    """y = tanh x."""
    for i in range(x.size):
        y[i] = np.tanh(x[i])


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Random float32 numbers that begin at a multiple of 64 bytes."""
    size = int(np.prod(shape))
    room = np.random.default_rng(0).standard_normal(size + 16).astype(np.float32)
    first = (-room.ctypes.data // 4) % 16
    return room[first : first + size].reshape(shape)


def seconds(call: Callable[[], object]) -> float:
    """Median processor time of a call; the first, which may compile, is not counted."""
    call()
    times = []
    for _ in range(20):
        began = time.thread_time()
        for _ in range(CALLS):
            call()
        times.append((time.thread_time() - began) / CALLS)
    return float(np.median(times))


def library(folder: Path) -> ctypes.CDLL:
    """The same two pieces from the kernel's sources."""
    main, place = folder / "pieces.cpp", folder / "pieces.so"
    main.write_text(SOURCE, encoding="utf-8")
    native = build.sources()[0].parent
    options = [*build.OPTIONS, *build.QUIET, "-march=native", f"-I{native}"]
    subprocess.run([*build.find_compiler(), *options, str(main), "-o", str(place)], check=True)
    return ctypes.CDLL(str(place))


def main() -> None:
    """Print both technologies' speeds."""
    w, x, y = (aligned((SIDE, SIDE)) for _ in range(3))
    v, u = aligned((UNITS,)), aligned((UNITS,))
    with tempfile.TemporaryDirectory() as folder:
        cpp = library(Path(folder))
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (w, x, y, v, u)]
        products = {
            "numba": lambda: product(w, x, y),
            "C++": lambda: cpp.product(*pointers[:3]),
        }
        tangent = {
            "numba": lambda: tangents(v, u),
            "C++": lambda: cpp.tangents(*pointers[3:]),
        }
        for name in products:
            speed = 2 * SIDE**3 / seconds(products[name]) * 1e-9
            each = seconds(tangent[name]) / UNITS * 1e9
            print(f"{name:6} product {speed:6.1f} GFLOP/s, tanh {each:5.2f} ns")


if __name__ == "__main__":
    main()
