"""One real problem of each type reaches the accuracy it is known for, from any seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L
from tests.real_data import features, numbers, read

Array = np.ndarray[Any, Any]

ADULT_NUMBERS = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
ADULT_CATEGORIES = ("workclass", "marital_status", "occupation", "relationship", "race", "sex")
HOUSE_NUMBERS = (
    "longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population", "households",
    "median_income",
)  # fmt: skip


@pytest.fixture(scope="module")
def adult(data_dir: Path) -> tuple[Array, ...]:
    """x and y to train on, x and y to test on."""
    tables = [read(data_dir / f"adult-{part}.csv") for part in ("train", "test")]
    y = [np.array([v.startswith(">50K") for v in t["income"]], np.float32) for t in tables]
    x = features(tables, ADULT_NUMBERS, ADULT_CATEGORIES)
    return x[0], y[0], x[1], y[1]


@pytest.fixture(scope="module")
def housing(data_dir: Path) -> tuple[Array, ...]:
    """A random quarter to test on."""
    table = read(data_dir / "california-housing.csv")
    x = features([table], HOUSE_NUMBERS, ["ocean_proximity"])[0]
    y = numbers([table], "median_house_value")[0].astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    test, train = order[: len(x) // 4], order[len(x) // 4 :]
    return x[train], y[train], x[test], y[test]


def test_binary_adult(adult: tuple[Array, ...]) -> None:
    x, y, x_test, y_test = adult
    pydl.utils.set_random_seed(0)
    model = pydl.Sequential([pydl.Input((x.shape[1],)), L.Dense(64, "relu"), L.Dropout(0.1), L.Dense(1, "sigmoid")])
    model.compile(pydl.optimizers.Adam(0.003), "binary_crossentropy", ["accuracy"])
    history = model.fit(x, y, batch_size=256, epochs=6, validation_data=(x_test, y_test), verbose=0).history
    assert history["val_accuracy"][-1] >= 0.845
    assert history["loss"][-1] < history["loss"][0]
    assert ((model.predict(x_test)[:, 0] > 0.5) == y_test).mean() == pytest.approx(history["val_accuracy"][-1])


def test_multi_class_digits() -> None:
    (x, y), (x_test, y_test) = pydl.datasets.digits.load_data()
    pydl.utils.set_random_seed(0)
    model = pydl.Sequential(
        [
            pydl.Input(x.shape[1:]), L.Rescaling(1 / 16), L.Flatten(), L.Dense(256, "relu"), L.Dropout(0.4),
            L.Dense(64, "relu"), L.Dense(10, "softmax"),
        ]
    )  # fmt: skip
    model.compile(pydl.optimizers.Adam(0.002), "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x, y, batch_size=64, epochs=60, verbose=0)
    assert model.evaluate(x_test, y_test, verbose=0)[1] >= 0.96


def test_regression_california_housing(housing: tuple[Array, ...]) -> None:
    x, y, x_test, y_test = housing
    pydl.utils.set_random_seed(0)
    model = pydl.Sequential([pydl.Input((x.shape[1],)), L.Dense(64, "relu"), L.Dense(64, "relu"), L.Dense(1)])
    rate = pydl.optimizers.schedules.CosineDecay(0.003, 20 * (len(x) // 128 + 1))
    model.compile(pydl.optimizers.Adam(rate), "mse", ["mae"])
    model.fit(x, y, batch_size=128, epochs=20, verbose=0)
    error = model.evaluate(x_test, y_test, verbose=0)[0]
    assert 1 - error / y_test.var() >= 0.74


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_quantiles_of_california_housing(housing: tuple[Array, ...], share: float) -> None:
    """As many of the held-out prices lie below the predicted quantile as it says."""
    x, y, x_test, y_test = housing
    pydl.utils.set_random_seed(0)
    model = pydl.Sequential([pydl.Input((x.shape[1],)), L.Dense(32, "relu"), L.Dense(1)])
    rate = pydl.optimizers.schedules.CosineDecay(0.005, 10 * (len(x) // 128 + 1))
    model.compile(pydl.optimizers.Adam(rate), pydl.losses.Quantile(share))
    model.fit(x, y, batch_size=128, epochs=10, verbose=0)
    assert np.mean(y_test[:, 0] < model.predict(x_test)[:, 0]) == pytest.approx(share, abs=0.02)


def test_huber_is_moved_less_by_outliers(housing: tuple[Array, ...]) -> None:
    """A hundredth of the prices multiplied by 100: the rest is still predicted."""
    x, y, x_test, y_test = housing
    y = np.where(np.arange(len(y))[:, None] % 100 == 0, 100 * y + 50, y).astype(np.float32)
    errors = {}
    for loss in ("mse", "huber"):
        pydl.utils.set_random_seed(0)
        model = pydl.Sequential([pydl.Input((x.shape[1],)), L.Dense(1)])
        model.compile(pydl.optimizers.Adam(0.01), loss)
        model.fit(x, y, batch_size=128, epochs=10, verbose=0)
        errors[loss] = float(np.abs(model.predict(x_test) - y_test).mean())
    assert errors["huber"] < 0.8 * errors["mse"]
    assert errors["huber"] < 0.5
