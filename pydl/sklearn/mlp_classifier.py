"""`MLPClassifier`."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels

import pydl
from pydl.sklearn.base import BaseMLP
from pydl.sklearn.targets import Classes

Array = NDArray[Any]


class MLPClassifier(Classes, BaseMLP):
    """A multilayer perceptron that classifies: scikit-learn's `MLPClassifier`, trained by pydl.

    Every parameter and attribute of scikit-learn's is here with its meaning and default. The first weights are the same
    for the same `random_state`; the order of the rows is drawn by another generator.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter,\
 shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction,\
 beta_1, beta_2, epsilon, n_iter_no_change, max_fun
        As in scikit-learn. `activation` may also be any of `pydl.activations`, or a list, one for each hidden layer.
    loss : str or Loss, optional
        A loss of pydl in place of the cross-entropy.
    dropout : float, default 0
        The share of hidden units left out in training.
    batch_norm : bool, default False
        Normalise each hidden layer by its batch.
    class_weight : dict, list of dict, "balanced" or None
        Weights of classes, multiplied into `sample_weight`.
    callbacks : list of Callback, optional
        Called as `pydl.Model.fit` calls them; an epoch is an iteration.
    optimizer : str or Optimizer, optional
        An optimizer of pydl in place of `solver`, with a learning rate of its own.
    n_jobs : int, optional
        At most so many threads; results do not depend on it.

    Attributes
    ----------
    classes_, n_outputs_, out_activation_, n_layers_, n_features_in_, feature_names_in_ : as in scikit-learn
    coefs_, intercepts_ : list of ndarray
        Read-only copies of the weights; assign a list to change them.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, t_ : as in scikit-learn

    Notes
    -----
    `sample_weight` is scaled to a mean of 1 over all rows, so that batches, too, weigh by what is in them. float32 data
    are trained in float32.

    Examples
    --------
    >>> from pydl.sklearn import MLPClassifier
    >>> MLPClassifier((64,), max_iter=50, random_state=0).fit(X, y).score(X_test, y_test)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = BaseMLP._parameter_constraints | {
        "loss": [str, pydl.losses.Loss, None],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self, hidden_layer_sizes: Any = (100,), activation: Any = "relu", *, solver: str = "adam",
        alpha: float = 0.0001, batch_size: int | str = "auto", learning_rate: str = "constant",
        learning_rate_init: float = 0.001, power_t: float = 0.5, max_iter: int = 200, shuffle: bool = True,
        random_state: Any = None, tol: float = 1e-4, verbose: bool = False, warm_start: bool = False,
        momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
        n_iter_no_change: int = 10, max_fun: int = 15000, loss: Any = None, dropout: float = 0.0,
        batch_norm: bool = False, class_weight: Any = None, callbacks: Any = None, optimizer: Any = None,
        n_jobs: int | None = None,
    ) -> None:  # fmt: skip
        self._keep(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None) -> Self:
        """Train on the rows of X.

        Parameters
        ----------
        X : array or sparse matrix (rows, features)
        y : array (rows,) of classes, or (rows, labels) of 0 and 1
        sample_weight : array (rows,), optional
        X_val, y_val : optional
            Rows to score after each iteration; training stops when the score gets no better, with its best weights.
            A `Pipeline(..., transform_input=["X_val"])` that routes metadata transforms them like the others.

        Raises
        ------
        ValueError
            Data or parameters that do not fit; weights that became infinite or NaN.
        """
        return self._fit(X, y, sample_weight, incremental=False, X_val=X_val, y_val=y_val)

    @available_if(BaseMLP._can_go_on)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One more iteration over some rows. The first call needs all `classes`, unless y has them."""
        if (
            classes is not None
            and hasattr(self, "_model")
            and not np.array_equal(unique_labels(classes), self.classes_)
        ):
            raise ValueError(f"`classes` is not the same as on last call to partial_fit, which was {self.classes_}")
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def _objective(self) -> tuple[Any, float]:
        if self.loss is not None:
            return self.loss, 1.0
        if self.out_activation_ == "softmax":
            return "sparse_categorical_crossentropy", 1.0
        return "binary_crossentropy", float(self.n_outputs_)
