"""Losses over a whole batch, in NumPy: overlaps (Dice, Tversky) and distances between its rows (Circle)."""

from __future__ import annotations

from typing import Any

import numpy as np

from pydl._base.args import real
from pydl._base.arrays import float_array, of_one_rank
from pydl.config import epsilon
from pydl.losses.base import Loss


class _Overlap(Loss):
    """1 - a / b, where a and b are sums over `axis`, None for all axes."""

    def __init__(self, axis: Any, reduction: str | None, name: str, dtype: Any) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = None if axis is None else axis if isinstance(axis, int) else tuple(axis)

    def _sums(self, t: np.ndarray, y: np.ndarray) -> tuple[Any, Any, Any, Any]:
        """a and b, with the summed axes kept, and the derivatives of their terms by y."""
        raise NotImplementedError

    def _sum(self, terms: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum(terms, axis=self._axes(terms.ndim), keepdims=True, dtype=np.float64))

    def _axes(self, ndim: int) -> tuple[int, ...]:
        given = range(ndim) if self.axis is None else (self.axis,) if isinstance(self.axis, int) else self.axis
        return tuple(range(ndim)[i] for i in given)

    def values_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        axes = self._axes(len(shape))
        return tuple(n for i, n in enumerate(shape) if i not in axes)

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        t, y = _pair(self.name, y_true, y_pred)
        a, b, _, _ = self._sums(t, y)
        return np.squeeze(1 - a / b, axis=self._axes(y.ndim)).astype(y.dtype)

    def gradient(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return self.pullback(y_true, y_pred, 1.0)

    def pullback(self, y_true: Any, y_pred: Any, factors: Any) -> np.ndarray:
        t, y = _pair(self.name, y_true, y_pred)
        a, b, da, db = self._sums(t, y)
        slope = (a * db - b * da) / b**2
        factors = np.expand_dims(factors, self._axes(y.ndim)) if np.ndim(factors) else factors
        return (slope * factors).astype(y.dtype)


class Dice(_Overlap):
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred) + 1e-7), over the whole batch: how little areas overlap.

    It has no kernel: training calls NumPy.

    Parameters
    ----------
    reduction, name, dtype
        As for `Loss`.
    axis : int or tuple of int, optional
        Axes of the sums; all by default. (1, 2) gives a value for each sample of shape (., .).
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "dice", axis: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(axis, reduction, name, dtype)

    def _sums(self, t: np.ndarray, y: np.ndarray) -> tuple[Any, Any, Any, Any]:
        return 2 * self._sum(t * y), self._sum(t) + self._sum(y) + epsilon(), 2 * t, 1.0


class Tversky(_Overlap):
    """1 - i / (i + alpha sum(y_true (1 - y_pred)) + beta sum(y_pred (1 - y_true)) + 1e-7), i = sum(y_true y_pred), over
    the whole batch. alpha = beta = 0.5 gives `Dice`.

    It has no kernel: training calls NumPy.

    Parameters
    ----------
    alpha, beta : float, default 0.5
        What counts that is in `y_true` only, and in `y_pred` only.
    reduction, name, dtype
        As for `Loss`.
    axis : int or tuple of int, optional
        Axes of the sums; all by default.
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(axis, reduction, name, dtype)
        self.alpha = real("Tversky", "alpha", alpha)
        self.beta = real("Tversky", "beta", beta)

    def _sums(self, t: np.ndarray, y: np.ndarray) -> tuple[Any, Any, Any, Any]:
        both = self._sum(t * y)
        whole = both + self.alpha * self._sum((1 - y) * t) + self.beta * self._sum(y * (1 - t)) + epsilon()
        return both, whole, t, t - self.alpha * t + self.beta * (1 - t)


class Circle(Loss):
    """log(1 + sum(exp(gamma (d^2 - m^2))) sum(exp(gamma (1 + m - d) (1 - m - d)))) of each row: the first sum over the
    other rows of its class, the second over those of other classes, d = max(1 - y y', 0) the cosine distance of two
    rows, m the margin. For embeddings of length 1 and targets that are class numbers.

    A row whose value is 0, being the only one of its class, does not count in a mean. It has no kernel: training calls
    NumPy.

    Parameters
    ----------
    gamma : float > 0, default 80.0
        How much the hardest pairs prevail.
    margin : float, default 0.4
        m above.
    remove_diagonal : bool, default True
        Whether a row is no pair with itself.
    reduction, name, dtype
        As for `Loss`.
    """

    sparse = True
    names_columns = False

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.gamma = real("Circle", "gamma", gamma, above=0)
        self.margin = real("Circle", "margin", margin)
        self.remove_diagonal = bool(remove_diagonal)

    def counted(self, y_true: Any, values: np.ndarray) -> np.ndarray | None:
        return values > 0

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return circle(y_true, y_pred, None, None, self.remove_diagonal, self.gamma, self.margin)

    def gradient(self, y_true: Any, y_pred: Any) -> np.ndarray:
        return self.pullback(y_true, y_pred, 1.0)

    def pullback(self, y_true: Any, y_pred: Any, factors: Any) -> np.ndarray:
        y = float_array(self.name, "y_pred", y_pred)
        pairs = _Pairs(y_true, y, y_true, y, self.remove_diagonal, self.gamma, self.margin)
        by_product = pairs.slope() * (np.reshape(factors, (-1, 1)) if np.ndim(factors) else factors)
        return ((by_product + by_product.T) @ y).astype(y.dtype)


class _Pairs:
    """Rows of a circle loss against those of a reference, each pair of one class or of two."""

    def __init__(
        self,
        labels: Any,
        y: np.ndarray,
        ref_labels: Any,
        ref: np.ndarray,
        remove_diagonal: bool,
        gamma: float,
        m: float,
    ) -> None:
        a, b = np.reshape(np.asarray(labels), -1), np.reshape(np.asarray(ref_labels), -1)
        if y.ndim != 2 or len(a) != len(y) or ref.ndim != 2 or len(b) != len(ref) or ref.shape[1] != y.shape[1]:
            raise ValueError(
                "circle: expected embeddings (N, D) with N labels and reference embeddings (M, D) with M labels; got "
                f"{y.shape} with {len(a)}, {ref.shape} with {len(b)}"
            )
        same = a[:, np.newaxis] == b
        others = ~same
        if remove_diagonal:
            same = same & ~np.eye(len(a), len(b), dtype=bool)
        product = y.astype(np.float64) @ ref.T.astype(np.float64)
        d = np.maximum(1 - product, 0)
        pull = np.where(same, gamma * np.maximum(m + d, 0) * (d - m), -np.inf)
        push = np.where(others, gamma * np.maximum(1 + m - d, 0) * (1 - m - d), -np.inf)
        # d / dd of both exponents; the distance does not grow beyond 1 - product = 0
        self._slopes = 2 * gamma * d * (m + d > 0), 2 * gamma * (d - 1) * (1 + m - d > 0)
        self._moves = product < 1
        self._total = np.zeros((len(y), 1))
        self._shares = []
        for exponents in (pull, push):
            log_sum = np.logaddexp.reduce(exponents, axis=1, keepdims=True)
            self._total = self._total + log_sum
            self._shares.append(np.exp(exponents - np.where(np.isfinite(log_sum), log_sum, 0)))

    def values(self) -> np.ndarray:
        """Of each row."""
        return np.logaddexp(0, self._total)[:, 0]

    def slope(self) -> np.ndarray:
        """Derivative of each row's value by its products with the reference."""
        total = self._total
        by_distance = sum(share * slope for share, slope in zip(self._shares, self._slopes, strict=True))
        return -np.exp(total - np.logaddexp(0, total)) * by_distance * self._moves


def _pair(owner: str, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    y = float_array(owner, "y_pred", y_pred)
    t, y = of_one_rank(float_array(owner, "y_true", y_true, y.dtype.name), y)
    if t.shape != y.shape:
        raise ValueError(f"{owner}: y_true and y_pred must have the same shape, got {t.shape} and {y.shape}")
    return t, y


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> np.ndarray:
    """`Dice` over all axes, or of what `axis` leaves."""
    return Dice(axis=axis).each(y_true, y_pred)


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> np.ndarray:
    """`Tversky` over all axes, or of what `axis` leaves."""
    return Tversky(alpha, beta, axis=axis).each(y_true, y_pred)


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> np.ndarray:
    """`Circle` of each row against the rows of `ref_embeddings` with their `ref_labels`, by default the same ones.

    Raises
    ------
    ValueError
        Labels and embeddings that do not fit each other.
    """
    y = float_array("circle", "y_pred", y_pred)
    ref = y if ref_embeddings is None else float_array("circle", "ref_embeddings", ref_embeddings, y.dtype.name)
    labels = y_true if ref_labels is None else ref_labels
    return _Pairs(y_true, y, labels, ref, remove_diagonal, gamma, margin).values().astype(y.dtype)
