"""What the programs that drive a server with NVIDIA's clients share: their checks, how these compare, and how they are told."""

import sys
import traceback

import numpy as np

CHECKS = []
NO_ID = "[request id: <id_unknown>] "

A = np.arange(16, dtype=np.int32).reshape(1, 16)
B = np.full((1, 16), 3, dtype=np.int32)


def check(function):
    CHECKS.append(function)
    return function


def equal(actual, expected, what="value"):
    if actual != expected:
        raise AssertionError(f"{what}: got {actual!r}, expected {expected!r}")


def same(actual, expected, what="tensor"):
    if actual is None or actual.shape != expected.shape or actual.dtype != expected.dtype:
        raise AssertionError(f"{what}: got {actual!r}, expected {expected!r}")
    np.testing.assert_array_equal(actual, expected, what)


def run(client):
    """Runs every check, counts them, and ends the program: with 1 if one failed."""
    failed = 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function(client)
            print(f"ok      {name}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
