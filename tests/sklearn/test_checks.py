"""scikit-learn's checks of estimators: all of them, with no expected failure."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from pydl.sklearn import MLPClassifier, MLPRegressor, ModelClassifier, ModelRegressor

ESTIMATORS = [
    ModelClassifier(epochs=100, random_state=0),
    ModelRegressor(epochs=200, optimizer="adam", random_state=0),
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    MLPClassifier(hidden_layer_sizes=(16, 8), activation=["tanh", "gelu"], n_jobs=1, max_iter=100),
]
FULL_BATCHES = [MLPClassifier(solver="lbfgs", max_iter=50), MLPRegressor(solver="lbfgs", max_iter=50)]

# long: hundreds of trainings, most too short to converge; test_mlp stays
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore")]


@parametrize_with_checks(ESTIMATORS)
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)


@parametrize_with_checks(FULL_BATCHES)
def test_check_of_another_solver(estimator: Any, check: Any) -> None:
    check(estimator)
