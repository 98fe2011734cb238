#!/usr/bin/env python3
"""Writes tests/golden/confseq.csv: what the PyPI package `confseq` says of numbers that our own code is asked, too.

    python3 -m venv venv
    venv/bin/pip install 'numpy<2' scipy matplotlib wheel scikit-build 'setuptools<70' 'cmake<4' ninja pybind11
    PATH=$PWD/venv/bin:$PATH venv/bin/pip install --no-build-isolation confseq==0.0.11
    venv/bin/python scripts/confseq_golden.py

`confseq` is C++ and needs a compiler and Boost's headers (Debian: apt-get install g++ libboost-dev); the pybind11 it asks
for by itself is too old for Python 3.11, hence --no-build-isolation. The unit test that reads the table is
`engine::experiment::sequence::tests::the_boundary_is_that_of_confseq` with its neighbours; nothing else needs Python.

Two kinds of rows:
    bound,v,alpha,v_opt,c,boundary
    stream,name,seed,outcomes,alpha,v_opt,lower,upper
Outcomes of a stream are whole millionths, drawn by splitmix64 with the row's seed (see `outcomes`), so that the test draws
the same ones. `conjmix_empbern_twosided_cs` halves its alpha for two sides, and its one-sided function, as of 0.0.11, halves
it again: each side is that of alpha / 4, which is what the table's alpha is.
"""

import csv
import pathlib

import numpy
from confseq.boundaries import gamma_exponential_mixture_bound
from confseq.conjmix_bounded import conjmix_empbern_twosided_cs

TABLE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "confseq.csv"
MASK = (1 << 64) - 1
ONE = 1_000_000
LENGTHS = [10, 37, 100, 500, 1_000, 2_500, 5_000]


def main():
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        for row in [*bounds(), *streams()]:
            table.writerow(row)


def bounds():
    for v in [0.01, 0.5, 1.0, 7.5, 60.0, 1e3, 12_345.6, 1e5, 1e6]:
        for alpha in [0.05, 0.0125, 0.05 / 12, 1e-4]:
            for v_opt in [1.0, 50.0, 1e4]:
                for c in [0.1, 1.0, 5.0]:
                    s = gamma_exponential_mixture_bound(v, alpha, v_opt=v_opt, c=c, alpha_opt=alpha)
                    yield ["bound", v, repr(alpha), v_opt, c, repr(float(s))]


def streams():
    for name in ["seldom", "even", "always", "never"]:
        for seed in [1, 2, 3]:
            drawn = numpy.array(outcomes(name, seed, max(LENGTHS))) / ONE
            for v_opt in [1.0, 50.0]:
                lower, upper = conjmix_empbern_twosided_cs(drawn, v_opt=v_opt, alpha=0.05)
                for length in LENGTHS:
                    yield ["stream", name, seed, length, 0.0125, v_opt, repr(float(lower[length - 1])), repr(float(upper[length - 1]))]


def outcomes(name, seed, number):
    """Whole millionths: mostly nothing with a skewed rest, evenly spread, all alike, none."""
    state, drawn = seed, []

    def unit():
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)

    for _ in range(number):
        first, second = unit(), unit()
        value = {"seldom": second * second * second if first < 0.1 else 0.0, "even": first, "always": 0.25, "never": 0.0}[name]
        drawn.append(int(value * ONE))
    return drawn


if __name__ == "__main__":
    main()
