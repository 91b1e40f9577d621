"""A sound found again in another one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def found_at(known: npt.NDArray[Any], heard: npt.NDArray[Any]) -> tuple[int, float]:
    """Where `known` begins in `heard`, and how alike both are there: normalised cross-correlation, 1 for the same."""
    size = 1 << (len(known) + len(heard)).bit_length()
    a, b = known.astype(np.float64), heard.astype(np.float64)
    product = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)[
        : max(1, len(heard) - len(known) + 1)
    ]
    sums = np.concatenate([[0.0], np.cumsum(b * b)])
    energy = sums[len(known) : len(known) + len(product)] - sums[: len(product)]
    alike = product / np.sqrt(np.sum(a * a) * np.maximum(energy, 1e-9))
    alike[energy < 1e-6 * np.sum(a * a)] = 0
    place = int(np.argmax(alike))
    return place, float(alike[place])


def found_in_parts(known: npt.NDArray[Any], heard: npt.NDArray[Any], part: int, slack: int) -> tuple[int, float]:
    """Where `known` begins in `heard`, and how alike its parts of `part` samples are there, the median: each may be up to
    `slack` samples from where the whole would have it. A browser's jitter buffer stretches and shortens what it plays, so
    that no single place fits two seconds of it."""
    place, _ = found_at(known, heard)
    alike = []
    for begin in range(0, len(known) - part + 1, part):
        first = max(0, place + begin - slack)
        alike.append(found_at(known[begin : begin + part], heard[first : place + begin + part + slack])[1])
    return place, float(np.median(alike))
