"""Free text as n-grams: the formula, scripts, what is kept, what is guessed, and whole runs on reviews."""

from __future__ import annotations

import json
import math
import re
import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from pydl import cli
from pydl.pipeline import ngrams
from pydl.pipeline.columns import Column, guess
from pydl.pipeline.ngrams import CHARACTERS, WORDS, NGrams, made_of
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.run import Run
from pydl.pipeline.seen import Seen

pytestmark = pytest.mark.long  # trains on reviews; test_preparation stays

WORDS_OF = [
    "the", "a", "film", "story", "actor", "plot", "dull", "bright", "slow", "moving", "not",
    "very", "is", "was", "with", "without", "and", "but",
]  # fmt: skip


def reviews(rows: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS_OF, rng.integers(6, 14))) for _ in range(rows)]


# ---- numbers --------------------------------------------------------------------------------------------------------
def test_the_formula() -> None:
    texts = ["Good good film.", "not good", "not a film", None, "film"]
    found = NGrams(WORDS).fit(texts)
    counted = [Counter((w := re.findall(r"\w+", (t or "").lower())) + list(pairwise(w))) for t in texts]
    having = Counter(gram for each in counted for gram in each)
    kept = {gram: 1 + math.log(5 / (1 + n)) for gram, n in having.items() if n > 1}  # four texts are there
    assert set(kept) == {"good", "film", "not"}
    numbers, words = found.transform(texts)
    for row, of_text in zip(numbers, counted, strict=True):
        x = [(1 + math.log(of_text[gram])) * rarity for gram, rarity in kept.items() if gram in of_text]
        norm = math.sqrt(sum(v**2 for v in x)) or 1.0
        assert sorted(row[row > 0].tolist()) == sorted(round(255 * v / norm) for v in x)
    assert words.tolist() == [[3, 0], [2, 0], [3, 1], [0, 0], [1, 0]]  # "a" is in one text only
    assert found.words(texts).tolist() == words.tolist()


def test_texts_are_as_alike_as_scikit_learn_has_it() -> None:
    texts = reviews(300)
    ours = NGrams(WORDS).fit(texts[:200])
    known = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\w+").fit(texts[:200])
    theirs = known.transform(texts).toarray()
    assert ours.width == theirs.shape[1]
    x = ours.transform(texts)[0] / 255
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=0.01)
    np.testing.assert_allclose(x @ x.T, theirs @ theirs.T, atol=0.02)


def test_the_commonest_are_kept_and_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [" ".join(f"w{i}" for i in range(n)) for n in range(40)]
    monkeypatch.setattr(ngrams, "_MOST", 5)
    found = NGrams(WORDS).fit(texts)
    assert found.width == 5
    assert (found.rarity[:-1] <= found.rarity[1:]).all()
    numbers, _ = found.transform(["w0", "w1", "w2", "w5"])
    assert (numbers > 0).sum(axis=1).tolist() == [1, 1, 1, 0]  # of w0 w1, w0 and so on, one is left out by its hash


def test_of_many_rows_fewer_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "_MOST_BYTES", 100 * 300)
    assert NGrams(WORDS).fit(reviews(300)).width == 100


def test_neither_chunks_nor_other_rows_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*reviews(60), None, "", "日本語の文", "x" * 500]
    whole = NGrams(WORDS).fit(texts)
    numbers, words = whole.transform(texts)
    for size in (1, 50, 333):
        monkeypatch.setattr(ngrams, "_CHUNK", size)
        again = NGrams(WORDS).fit(texts)
        np.testing.assert_array_equal(again.places, whole.places)
        np.testing.assert_array_equal(again.rarity, whole.rarity)
        for found, expected in zip(again.transform(texts), (numbers, words), strict=True):
            np.testing.assert_array_equal(found, expected)
    for i in (0, 30, len(texts) - 2):
        np.testing.assert_array_equal(whole.transform(texts[i : i + 1])[0][0], numbers[i])


def test_memory_is_that_of_the_result_and_a_few_chunks() -> None:
    texts = [(" ".join(reviews(40, seed)))[:2000] for seed in range(1500)]  # three million characters
    tracemalloc.start()
    found = NGrams(WORDS).fit(texts)
    numbers, _ = found.transform(texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - numbers.nbytes < 250e6


# ---- texts ----------------------------------------------------------------------------------------------------------
def same(of: str, first: str, second: str) -> bool:
    """Whether two texts have the same n-grams, which are not none."""
    x, _ = NGrams(of).fit([first, second, first, second]).transform([first, second])
    return bool((x[0] == x[1]).all() and x.any())


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("Great FILM", "great film", True),
        ("great, film!", " great\n film ", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("\uff26\uff49\uff4c\uff4d", "film", True),  # full width
        (
            "\u0939\u093f\u0902\u0926\u0940",
            "\u0939\u093e\u0902\u0926\u0940",
            False,
        ),  # Hindi that differs in a vowel sign
        ("good film", "film good", False),
        ("goodfilm", "good film", False),
        ("\u597d\u770b", "\u4e0d\u597d", False),
        ("\u597d\u770b", "\u597d \u770b", True),  # Chinese: each character is a word
        ("good \U0001f600", "good \U0001f621", False),
        ("no\ud800", "no", True),  # half of a pair is no letter
    ],
)
def test_what_is_the_same_text(first: str, second: str, alike: bool) -> None:
    assert same(WORDS, first, second) is alike


def test_characters_where_there_is_no_gap() -> None:
    genes = ["ACGTACGTTGCA", "TTGACCA", "GGGACGT", "ACGGTCA"]
    assert made_of(genes) == CHARACTERS
    assert made_of(["a sentence", "of words", "one"]) == WORDS
    assert made_of(["日本語の文章です", "中文"]) == WORDS
    found = NGrams(CHARACTERS).fit(genes)
    runs = {gene[i : i + n] for gene in genes for n in range(1, 5) for i in range(len(gene) - n + 1)}
    assert found.width == len({r for r in runs if sum(r in gene for gene in genes) > 1})


def test_texts_without_a_word() -> None:
    found = NGrams(WORDS).fit(["...", None, "", "!?"])
    assert found.width == 0
    assert found.transform(["a word", None])[0].shape == (2, 0)
    assert NGrams(WORDS).fit(["one", "two"]).width == 2  # each is in one text only
    numbers, words = NGrams(WORDS).transform([])
    assert numbers.shape == (0, 0)
    assert words.shape == (0, 2)


def test_of_an_endless_text_the_beginning_counts() -> None:
    begin = "word " * 20_000
    x, words = NGrams(WORDS).fit(["word other", "word other"]).transform([begin, begin + "other " * 1000])
    np.testing.assert_array_equal(x[0], x[1])
    assert words[1].tolist() == [20_000, 0]


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match='of: expected "words" or "characters", got \'lines\''):
        NGrams("lines")
    with pytest.raises(ValueError, match="as many hashes as rarities"):
        NGrams(WORDS, np.arange(3), np.ones(2))


# ---- columns --------------------------------------------------------------------------------------------------------
N = 60
CHINESE = "我们今天看了一部很好的电影演员不错故事也动人就是太长了一点"
NAMES = ["Ann", "Bob", "Cem", "Dee", "Eva", "Fay", "Gus"]
COLUMNS = {
    "sentences": (reviews(N), "words"),
    "sentences with gaps": ([*reviews(N - 10), *[None] * 10], "words"),
    "lines": ([text.replace(" ", "\n", 2) for text in reviews(N)], "words"),
    "Chinese": ([CHINESE[i % 9 : i % 9 + 18] + str(i) for i in range(N)], "words"),
    "markup": ([f"<p>{text}</p>" for text in reviews(N)], "words"),
    "Chinese firms": ([f"北京第{CHINESE[i % 20]}{i}科技有限公司" for i in range(N)], None),
    "names": ([f"{NAMES[i % 7]} {i} {NAMES[i % 5]}" for i in range(N)], ""),
    "addresses": ([f"{i} High Street, York" for i in range(N)], ""),
    "web addresses": ([f"https://example.org/path/{i}/page?id={i}&lang=en" for i in range(N)], ""),
    "hashes": ([f"{i:064x}" for i in range(10**9, 10**9 + N)], None),
}


@pytest.mark.parametrize(("texts", "format"), COLUMNS.values(), ids=COLUMNS)
def test_what_is_read_unasked(texts: list[str | None], format: str | None) -> None:
    (column,) = guess(pd.DataFrame({"t": texts}))
    if format is None:
        assert not column.used
        return
    assert (column.kind, column.format, column.used) == ("text", format, bool(format))
    assert column.treatment.startswith(
        "free text: its most frequent words" if format else "left out: short texts; --kind"
    )
    (forced,) = guess(pd.DataFrame({"t": texts}), kinds={"t": "text"})
    assert forced.used
    assert guess(pd.DataFrame({"t": texts, "x": range(N)}), kinds={"t": "drop"})[0].name == "x"


def test_numbers_said_to_be_text() -> None:
    frame = pd.DataFrame({"code": [1112, 1113, 2212, 2213] * 10})
    prepared = Preparation(guess(frame, kinds={"code": "text"})).fit(frame)
    numbers = prepared.transform(frame)["column 1"]
    np.testing.assert_array_equal(prepared.transform(frame.astype(str))["column 1"], numbers)
    assert prepared.columns[0].format == CHARACTERS
    assert prepared.text_columns == ["code"]


def test_texts_and_columns_of_other_kinds(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(200.0) % 17, "t": reviews(200), "u": reviews(200, 1), "many": range(200)})
    frame["many"] = [f"level {i % 70}" for i in frame["many"]]
    prepared = Preparation(guess(frame)).fit(frame)
    arrays = prepared.transform(frame)
    assert list(arrays) == [spec.name for spec in prepared.inputs] == ["features", "column 4", "column 2", "column 3"]
    assert prepared.columns[1].treatment == (
        f"free text: its {arrays['column 2'].shape[1]} most frequent words and pairs of words, by how often they occur "
        "in it and how rare they are"
    )
    prepared.save(tmp_path / "p.skops")
    prepared.save(tmp_path / "q.skops")
    assert (tmp_path / "p.skops").read_bytes() == (tmp_path / "q.skops").read_bytes()
    loaded = Preparation.load(tmp_path / "p.skops")
    for each in (loaded.transform(frame[:3]), loaded.transform(frame[:3].to_dict("records")), loaded.transform(frame)):
        for name, array in each.items():
            np.testing.assert_array_equal(array[:3], arrays[name][:3])


def test_only_the_rows_to_learn_from_teach() -> None:
    frame = pd.DataFrame({"t": [*reviews(60), *[f"{text} unheard of" for text in reviews(60, 1)]]})
    columns = guess(frame)
    prepared, seen = Preparation(columns).fit(frame[:60]), Seen()
    found = prepared.transform(frame[60:], seen)["column 1"]
    plain = prepared.transform(pd.DataFrame({"t": reviews(60, 1)}))["column 1"]
    np.testing.assert_array_equal(found, plain)
    (row,) = seen.table()
    words = sum(map(len, map(str.split, frame["t"][60:])))
    assert row["unknown"] == 120 / words
    assert row["unknown_in_training"] == 0
    assert seen.notes() == [
        f'"t": {120 / words:.0%} of {words} words did not occur in training, or too rarely; in training 0%'
    ]
    seen = Seen()
    prepared.transform(pd.DataFrame({"t": [None, "", *reviews(2)]}), seen)
    assert seen.table()[0]["missing"] == 0.5
    assert seen.notes() == []


def test_a_text_that_an_earlier_run_left_out_stays_out() -> None:
    text = Column("t", "text", 0, 9, "left out: free text, which pydl does not read")
    assert not text.used
    frame = pd.DataFrame({"x": range(9), "t": "a b c"})
    assert list(Preparation([Column("x", "number", 0, 9, ""), text]).fit(frame).transform(frame)) == ["features"]


def test_no_word_in_any_text() -> None:
    frame = pd.DataFrame({"t": ["...", "!!", "?!"] * 9})
    assert guess(frame, kinds={"t": "text"})[0].format == CHARACTERS
    columns = [Column("t", "text", 0, 3, "", format=WORDS)]
    with pytest.raises(ValueError, match="no column is left to learn from: no text has a word"):
        Preparation(columns).fit(frame)


# ---- runs -----------------------------------------------------------------------------------------------------------
def complaints(rows: int = 400) -> pd.DataFrame:
    """Two classes that differ in what is said, and a number that tells nothing."""
    rng = np.random.default_rng(0)
    said = {"late": ["was late again", "came too late", "arrived days late"], "broken": ["fell apart", "broke at once"]}
    topic = rng.choice(list(said), rows)
    text = [f"{a} {rng.choice(said[t])} {b}" for t, a, b in zip(topic, reviews(rows), reviews(rows, 1), strict=True)]
    return pd.DataFrame({"text": text, "stars": rng.integers(1, 6, rows), "topic": topic})


@pytest.mark.usefixtures("no_pictures")
def test_a_run_on_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame, run, data = complaints(), tmp_path / "run", tmp_path / "data.csv"
    frame.to_csv(data, index=False)
    command = ["train", str(data), "--target", "topic", "--hidden", "8", "--epochs", "20", "--out"]
    assert cli.main([*command, str(run), "--threads", "1"]) == 0
    assert cli.main([*command, str(tmp_path / "two"), "--threads", "2"]) == 0
    for name in ("predictions.csv", "metrics.json"):
        assert (run / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] > 0.95
    assert {name: each["accuracy"] > 0.95 for name, each in metrics["baselines"].items()} == {
        "constant": False, "linear": True, "boosting": True,
    }  # fmt: skip
    assert 'columns read as free text: "text"; --kind COLUMN=drop leaves one out' in capsys.readouterr().err
    fitted = Run.open(run).fitted()
    whole = fitted.predict(frame)
    for i in range(3):
        one: dict[str, Any] = frame.iloc[i].to_dict()
        np.testing.assert_array_equal(fitted.predict(one).probabilities[0], whole.probabilities[i])  # type: ignore[index]
    other = frame.assign(text=[None] * 100 + ["quite another thing altogether"] * 300)
    other.to_csv(tmp_path / "other.csv", index=False)
    capsys.readouterr()
    assert cli.main(["evaluate", str(run), str(tmp_path / "other.csv"), "--json"]) == 0
    drift = {c["column"]: c for c in json.loads(capsys.readouterr().out)["drift"]}
    assert drift["text"]["missing"] == 0.25
    assert drift["text"]["unknown"] == 1.0


def test_reviews_of_films_are_told_apart_as_well_as_by_scikit_learn(data_dir: Path, tmp_path: Path) -> None:
    data, run = data_dir / "mr-polarity.csv", tmp_path / "run"
    assert cli.main(["train", str(data), "--target", "sentiment", "--out", str(run)]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    frame = pd.read_csv(data)
    test = pd.read_csv(run / "predictions.csv")["row"].to_numpy()
    train = np.setdiff1d(np.arange(len(frame)), test)
    words = HashingVectorizer(ngram_range=(1, 2), alternate_sign=False, norm=None)
    theirs = make_pipeline(words, TfidfTransformer(sublinear_tf=True), LogisticRegression())
    theirs.fit(frame["sentence"][train], frame["sentiment"][train])
    accuracy = theirs.score(frame["sentence"][test], frame["sentiment"][test])
    print(f"accuracy of scikit-learn {accuracy:.4f}, of pydl {metrics['test']['accuracy']:.4f}")
    assert accuracy <= metrics["intervals"]["pydl"]["accuracy"][1]
