"""What the report says of thresholds, single columns, errors and distributions, and how it writes it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from pydl import cli
from pydl.pipeline.columns import guess
from pydl.pipeline.contract import Part, Watch
from pydl.pipeline.fitted import Predictions
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.report import dependence, distributions, figures, residuals, thresholds, wording
from pydl.pipeline.target import Target
from pydl.pipeline.worker import fit, prepared

pytestmark = pytest.mark.long  # trains whole runs; test_writing stays


@pytest.mark.parametrize("rare", [0.5, 0.03])
def test_thresholds_are_those_of_scikit_learn(rare: float) -> None:
    rng = np.random.default_rng(3)
    positive = rng.random(2000) < rare
    p = np.clip(0.6 * rare + 0.3 * positive + 0.15 * rng.standard_normal(2000), 0, 1)
    found = thresholds.table(positive, p)
    assert {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9} <= {t.at for t in found}
    assert [t.at for t in found] == sorted(t.at for t in found)
    for t in found:
        taken = p >= t.at
        assert t.share == taken.mean()
        assert t.recall == pytest.approx(metrics.recall_score(positive, taken))
        assert t.f1 == pytest.approx(metrics.f1_score(positive, taken, zero_division=0))
        if t.precision is None:
            assert not taken.any()
            assert t.lift is None
            continue
        assert t.precision == pytest.approx(metrics.precision_score(positive, taken))
        assert t.lift == pytest.approx(positive[taken].mean() / positive.mean())
    for share in (0.01, 0.02, 0.05, 0.1, 0.2):
        assert any(abs(t.share - share) < 0.003 for t in found), "about so many rows, the highest ranked"


def test_the_threshold_in_use_is_among_them() -> None:
    positive, p = np.array([False, True, False, True]), np.array([0.1, 0.4228, 0.42, 0.9])
    of_this_run = [t for t in thresholds.table(positive, p, 0.4228) if t.at == 0.4228]
    assert [(t.precision, t.recall) for t in of_this_run] == [(1.0, 1.0)]


def test_one_class_alone_has_no_thresholds() -> None:
    assert thresholds.table(np.ones(9, bool), np.linspace(0, 1, 9)) == []
    assert thresholds.table(np.zeros(9, bool), np.linspace(0, 1, 9)) == []


def a_table(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "amount": [f"{v:,.2f}" for v in rng.gamma(2, 900, rows)], "count": rng.integers(0, 4, rows),
        "city": rng.choice(["Oslo", "Rome", "Bonn"], rows, p=[0.6, 0.3, 0.1]),
        "code": [f"k{i}" for i in rng.integers(0, 60, rows)],
        "day": pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d"),
    })  # fmt: skip
    amount = frame["amount"].str.replace(",", "").astype(float)
    frame["number"] = amount / 100 + 9 * (frame["city"] == "Rome") + frame["count"] + rng.standard_normal(rows)
    frame["class"] = np.where(frame["number"] > frame["number"].median(), "much", "little")
    frame["of three"] = pd.cut(frame["number"], 3, labels=["a", "b", "c"]).astype(str)
    frame.loc[::9, ["amount", "city"]] = None
    return frame


@pytest.mark.parametrize("target_name", ["number", "class", "of three"])
def test_dependence_is_the_mean_prediction_with_a_column_set(target_name: str) -> None:
    names = ["amount", "count", "city", "code", "day"]
    frame = a_table()[[*names, target_name]]
    target = Target.fit(frame[target_name])
    y, _ = target.encode(frame[target_name])
    options = TrainOptions("", target=target_name, epochs=3, hidden=(8,))
    fitted = fit(frame, y, target, guess(frame, target_name), options, Watch(), "test").fitted
    test = prepared(frame.iloc[:150], fitted.preparation, fitted.target)  # type: ignore[arg-type]
    found = {each.column.name: each for each in dependence.look(fitted, test, names, 0)}
    assert list(found) == names
    assert found["count"].places == [0, 1, 2, 3]
    assert found["city"].places == ["Oslo", "Rome", "Bonn"], "the commonest first"
    assert len(found["code"].places) == 8
    assert len(found["amount"].places) == 11
    written = {place: place for each in found.values() for place in each.places}
    written |= {place: f"{place:,.2f}" for place in found["amount"].places}
    written |= {place: place.strftime("%Y-%m-%d") for place in found["day"].places}
    shown = [1] if target_name == "class" else np.argsort(-np.bincount(test.y.astype(int) - test.y.astype(int).min()))
    for name, each in found.items():
        assert each.rows == 150
        for place, means in zip(each.places, each.means, strict=True):
            direct = fitted.predict(test.frame.assign(**{name: written[place]}))
            expected = direct.values if direct.probabilities is None else direct.probabilities[:, shown]
            np.testing.assert_allclose(means, expected.reshape(150, -1).mean(axis=0), rtol=1e-6)
    drawn = dependence.pictures(list(found.values()))
    assert "150 test rows" in drawn[0].hint
    assert "all else held as it is" in drawn[0].hint


def test_dependence_has_quantiles_and_leaves_out_what_has_one_value() -> None:
    frame = pd.DataFrame({"x": [*np.arange(1001.0), np.nan, np.inf], "one": 1.0})
    x, one = guess(frame.assign(one=[1.0, *[2.0] * 1002]))
    at, places = dependence._points(frame, x)
    assert places == np.linspace(20, 980, 11).round().tolist()
    assert at == places
    assert len(dependence._points(frame, one)[1]) == 1


def test_errors_over_time_follow_the_column_of_dates() -> None:
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=240)
    order = rng.permutation(240)
    frame = pd.DataFrame({"day": days[order].strftime("%d.%m.%Y"), "x": rng.standard_normal(240)})
    column = next(c for c in guess(frame) if c.name == "day")
    picture = residuals.over_time(np.where(order < 120, 0.0, 50.0), frame, column)
    assert picture is not None
    assert "12 groups of 240 test rows" in picture.alt
    assert "between 0 and 50" in picture.alt
    assert residuals.over_time(np.zeros(3), frame.iloc[[0, 0, 0]], column) is None
    assert "between -2 and 3" in residuals.over_prediction(np.repeat([-2.0, 3.0], 120), np.arange(240.0)).alt


@pytest.mark.parametrize("step", ["h", "13h", "5D"])
def test_times_of_any_span_have_marks(step: str) -> None:
    frame = pd.DataFrame({"when": pd.date_range("2020-01-01", periods=240, freq=step)})
    assert residuals.over_time(np.arange(240.0), frame, *guess(frame)) is not None  # and matplotlib warns of nothing


def test_the_worst_images_say_which_were_told_rightly() -> None:
    said = Predictions(np.array(["cat", "dog", "cat"]), np.full((3, 2), 0.5))
    picture = figures.worst_images(np.zeros((3, 4, 4, 1)), np.array(["cat", "cat", "cat"]), said, np.array([1.0, 3, 2]))
    assert picture.alt == "3 images: cat taken for dog, cat rightly, cat rightly."


def test_distributions_of_columns_and_target() -> None:
    frame = pd.DataFrame({"x": [0.0, *[10.0] * 30, 16.0, np.nan], "city": ["Oslo"] * 22 + ["Rome"] * 11})
    found = distributions.of_columns(frame, guess(frame))
    assert found["x"].words == "0 to 16, median 10"
    assert len(found["x"].bars) == 16
    assert found["x"].bars[10] == 1
    assert sum(found["x"].bars) == pytest.approx(32 / 30)
    assert found["city"].words == "Oslo 67%, Rome 33%"
    assert found["city"].bars == [1, 0.5]
    target = Target("y", "classification", ["no", "yes"])
    parts = {name: Part(None, {}, np.repeat([0, 1], n)) for name, n in (("train", (30, 10)), ("test", (5, 5)))}
    assert distributions.of_target(target, parts).alt == (
        "Of 40 training rows and 10 test rows. Of the training rows: no 75.0%, yes 25.0%."
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "-"), (12345, "12,345"), (12345.678, "12,346"), (123.4567, "123.5"), (1.0, "1"), (0.79213, "0.792"),
        (0.5, "0.500"), (0.99964, "0.9996"), (0.0012345, "0.00123"), (3.2e-9, "3.2e-09"), (-58685.2, "-58,685"),
        (float("nan"), "nan"), (0.0, "0"), (np.float32(0.25), "0.250"), (np.int64(4000), "4,000"), ("word", "word"),
    ],
)  # fmt: skip
def test_figures_as_people_write_them(value: Any, said: str) -> None:
    assert wording.figure(value) == said


@pytest.mark.parametrize(
    ("value", "most", "said"),
    [(600000, 600000, "600K"), (0, 600000, "0"), (2.5e6, 1e7, "2.5M"), (2000, 8000, "2000"), (0.1 + 0.2, 1, "0.3")],
)
def test_ticks_are_short(value: float, most: float, said: str) -> None:
    assert wording.tick(value, most) == said


def test_characters_that_do_not_show_are_spelt_out() -> None:
    assert wording.visible("a\u202eb\x1b[31m") == r"a\u202eb\x1b[31m"
    assert wording.visible("\u05e9\u05dc\u05d5\u05dd, Zoë") == "\u05e9\u05dc\u05d5\u05dd, Zoë"


def test_a_page_of_hostile_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((250, 4))
    names = ["<script>alert(1)</script>", "\u202eleft\u05e9\u05dc", "w" * 200, "a\x07\"onerror='b'"]
    frame = pd.DataFrame(x, columns=names)
    frame["<i>&{{ 7 * 7 }}"] = np.where(x[:, 0] > 0, "<svg onload=alert(2)>", "'\"--><!--")
    frame.to_csv(tmp_path / "harm.csv", index=False)
    arguments = ["train", str(tmp_path / "harm.csv"), "--target", "<i>&{{ 7 * 7 }}", "--epochs", "2", "--out"]
    assert cli.main([*arguments, str(tmp_path / "run")]) == 0, capsys.readouterr().err
    text = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert not re.search(r"<(script|i)\b|<svg onload|<!--", text, re.IGNORECASE)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    assert "&lt;script&gt;" in text
    assert "&lt;i&gt;&amp;{{ 7 * 7 }}" in text
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert policy is not None
    assert style is not None
    allowed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy[1].split("; ")[:3] == ["default-src 'none'", "img-src data:", f"style-src 'sha256-{allowed}'"]
    assert " style=" not in text, "the policy allows no style but the page's own"
    assert text.index("Content-Security-Policy") < text.index("<style>")
    for section in ("Thresholds", "How predictions follow single columns", "Calibration", "distribution"):
        assert section in text
    assert "Residuals" not in text, "what does not apply is not there"
