"""scikit-learn's own tests of its multilayer perceptrons, with ours in their place."""

import pytest
import sklearn.neural_network.tests.test_mlp as theirs

import pydl.sklearn

# What is left out looks at scikit-learn's insides, not at what it does.
INSIDE = {
    "test_fit": "sets coefs_ and velocities by hand before there is a network",
    "test_gradient": "calls _loss_grad_lbfgs",
}


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theirs, "MLPClassifier", pydl.sklearn.MLPClassifier)
    monkeypatch.setattr(theirs, "MLPRegressor", pydl.sklearn.MLPRegressor)


@pytest.fixture
def global_random_seed() -> int:
    return 0


def test_what_is_left_out_exists() -> None:
    assert all(callable(getattr(theirs, name)) for name in INSIDE)


# long: hundreds of trainings, which warn as theirs do; test_mlp stays
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]
for _name in dir(theirs):
    if _name.startswith("test_") and _name not in INSIDE:
        globals()[_name] = getattr(theirs, _name)
