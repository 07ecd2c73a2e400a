"""Tapers: what frames of a signal are multiplied by before their spectrum is taken, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_KNOWN: dict[str, Callable[[int], np.ndarray]] = {
    "bartlett": np.bartlett, "blackman": np.blackman, "hamming": np.hamming, "hann": np.hanning,
}  # fmt: skip


def taper(owner: str, window: Any, length: int, periodic: bool = True) -> np.ndarray:
    """The weights of so many samples, float64.

    Parameters
    ----------
    owner : str
        For messages.
    window : str, array or None
        "bartlett", "blackman", "hamming" or "hann"; any other name that `scipy.signal.get_window` knows, where SciPy is
        installed; the weights themselves; None for ones.
    length : int
    periodic : bool
        Whether the taper is one period of a function, for spectra, rather than symmetric.

    Raises
    ------
    ValueError
        A name that is not known; weights that are not so many.
    """
    if window is None:
        return np.ones(length)
    if isinstance(window, str) and window in _KNOWN:
        return np.asarray(_KNOWN[window](length + 1 if periodic else length)[:length], np.float64)
    if isinstance(window, str):
        try:
            from scipy.signal import get_window
        except ImportError:
            raise ValueError(
                f"{owner}: window: expected one of {', '.join(map(repr, _KNOWN))}, or, with SciPy, another name that "
                f"scipy.signal.get_window knows, got {window!r}"
            ) from None
        try:
            return np.asarray(get_window(window, length, periodic), np.float64)
        except ValueError as error:
            raise ValueError(f"{owner}: window: {error}: got {window!r}") from None
    weights = np.asarray(window, np.float64)
    if weights.shape != (length,):
        raise ValueError(
            f"{owner}: window: expected a name or an array of shape ({length},), got shape {weights.shape}"
        )
    return weights


def bell(size: int, sigma: float) -> np.ndarray:
    """A Gaussian kernel of this standard deviation, of the sum 1."""
    values = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return np.asarray(values / values.sum())
