"""The pictures of the report: how the training went, how good predictions are, what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.calibration import calibration_curve

from pydl.pipeline import selection
from pydl.pipeline.fitted import Predictions
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.report.drawing import Picture, drawn, legend_above, short
from pydl.pipeline.report.wording import figure as readable
from pydl.pipeline.target import Target

Array = NDArray[Any]

_LEARNING = {
    "loss": "Where validation rises while training falls, the network learns by heart: more dropout or data help.",
    "accuracy": "Training rows are counted while the weights still move, and with dropout; validation rows after it.",
    "mae": "In the target's unit. Training rows are counted while the weights still move; validation rows after it.",
}
_CURVES = 6  # classes that get a curve of their own
_CELLS = 15  # classes of a confusion matrix with numbers in it
_POINTS = 3000  # of a scatter plot
_BARS = 20
_IMAGES = 10
_WORD = 13  # characters of a name above a small image


def learning_curves(
    history: dict[str, list[float]], options: TrainOptions, of_all: dict[str, list[float]] | None = None
) -> list[Picture]:
    """Loss by epoch, of training and validation, and what else was measured.

    Of one of several targets, `of_all` is the history of them all, which says what epoch was the best.
    """
    best = selection.best_epoch(history if of_all is None else of_all, options) + 1
    by = options.metric if of_all is None else "the sum of the losses"
    hints = {options.metric: "What epochs were compared by."} | _LEARNING
    return [
        _learning_curve(history, name, hints[name], best, by)
        for name in dict.fromkeys([*_LEARNING, options.metric])
        if name in history or f"val_{name}" in history
    ]


def _learning_curve(history: dict[str, list[float]], name: str, hint: str, best: int, metric: str) -> Picture:
    what = "mean absolute error" if name == "mae" else name
    keys = {"training": name, "validation": f"val_{name}"}
    told = {label: history[key] for label, key in keys.items() if key in history}

    def draw(axes: Any, figure: Figure) -> None:
        epochs = np.arange(1, 1 + len(history["loss"]))
        for label, values in told.items():
            axes.plot(epochs, values, label=label, marker="o" if len(epochs) == 1 else None)
        axes.axvline(best, color="gray", linestyle=":", label=f"best: epoch {best}")
        axes.set(xlabel="epoch", ylabel=what)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(epochs) == 1:
            axes.set_xlim(0, 2)
        axes.legend()

    at_best = ", ".join(f"{readable(values[best - 1])} in {label}" for label, values in told.items())
    passes = len(history["loss"])
    over = f"{passes} epoch{'s' * (passes > 1)}"
    alt = f"The {what} over {over}: at epoch {best}, the best by {metric}, {at_best}."
    return drawn(f"Learning curves: {what}", alt, hint, draw)


def judgement(target: Target, y: Array, predictions: Predictions) -> list[Picture]:
    """Confusion, ROC, precision and recall, calibration; or predicted against true, and residuals."""
    if target.task == "regression":
        truth = np.asarray(target.truth(y), np.float64)
        return [_against(truth, predictions.values), _residuals(truth, predictions.values)]
    p = predictions.probabilities
    assert p is not None
    found = [_confusion(target, y, p)]
    counts = np.bincount(y.astype(int), minlength=p.shape[1])
    present = int((counts > 0).sum())
    if present < 2:
        return found
    classes = [1] if p.shape[1] == 2 else np.argsort(-counts, kind="stable")[:_CURVES].tolist()
    curves = [(short(f"{target.name} = {target.classes[k]}"), y == k, p[:, k]) for k in classes if counts[k] > 0]
    left_out = f" Shown are the {_CURVES} commonest of {present} classes." if present > _CURVES else ""
    more = _roc(curves), _precision_recall(curves), _calibration(curves)
    return [*found, *(replace(picture, hint=picture.hint + left_out) for picture in more)]


def _confusion(target: Target, y: Array, p: Array) -> Picture:
    n = p.shape[1]
    counts = metrics.confusion_matrix(y, target.chosen(p), labels=np.arange(n))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def draw(axes: Any, figure: Figure) -> None:
        axes.grid(False)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set(xlabel="predicted", ylabel="truth")
        if n > _CELLS:
            return
        names = [short(c) for c in target.classes]
        turned = 0 if max(map(len, names)) * n < 30 else 60
        axes.set_xticks(range(n), names, rotation=turned, ha="right" if turned else "center")
        axes.set_yticks(range(n), names)
        for i, j in np.ndindex(n, n):
            axes.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", fontsize=11 if n < 6 else 7,
                      color="white" if shares[i, j] > 0.5 else "black")  # fmt: skip

    right = np.trace(counts) / max(counts.sum(), 1)
    hint = "Rows are the truth, columns what was predicted; the darker, the larger the share of the row."
    if n > _CELLS:
        hint += f" Of more than {_CELLS} classes the counts stand in metrics.json only."
    return drawn(
        "Confusion matrix",
        f"{right:.1%} of {len(y):,} test rows lie on the diagonal.",
        hint,
        draw,
        3.4 if n < 6 else 4.4,
    )


Curve = tuple[str, Array, Array]


def _roc(curves: Sequence[Curve]) -> Picture:
    areas = [metrics.roc_auc_score(truth, p) for _, truth, p in curves]

    def draw(axes: Any, figure: Figure) -> None:
        for (name, truth, p), area in zip(curves, areas, strict=True):
            fpr, tpr, _ = metrics.roc_curve(truth, p)
            axes.plot(*_thinned(fpr, tpr), label=f"{name}: {area:.3f}")
        axes.plot([0, 1], [0, 1], color="gray", linestyle=":")
        axes.set(xlabel="false positive rate", ylabel="true positive rate")
        legend_above(axes)

    alt = "; ".join(f"{name}: area {area:.3f}" for (name, *_), area in zip(curves, areas, strict=True)) + "."
    return drawn("ROC", alt, "The area is the chance that a row of the class is ranked above one of another.", draw)


def _precision_recall(curves: Sequence[Curve]) -> Picture:
    def draw(axes: Any, figure: Figure) -> None:
        for name, truth, p in curves:
            precision, recall, _ = metrics.precision_recall_curve(truth, p)
            axes.plot(*_thinned(recall, precision), label=name)
        axes.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02))
        legend_above(axes)

    alt = f"Precision over recall for {len(curves)} class{'es' * (len(curves) > 1)}."
    return drawn("Precision and recall", alt, "How many false alarms each further find costs.", draw)


def _calibration(curves: Sequence[Curve]) -> Picture:
    def draw(axes: Any, figure: Figure) -> None:
        for name, truth, p in curves:
            share, mean = calibration_curve(truth, np.clip(p, 0, 1), n_bins=10, strategy="quantile")
            axes.plot(mean, share, marker="o", markersize=4, label=name)
        axes.plot([0, 1], [0, 1], color="gray", linestyle=":")
        axes.set(xlabel="predicted probability", ylabel="share that is so")
        legend_above(axes)

    alt = "Predicted probability against the share of rows that are of the class, in ten groups."
    return drawn("Calibration", alt, "On the dotted line, 70 % means seven times out of ten.", draw)


def _against(truth: Array, values: Array) -> Picture:
    rows = _some(len(truth))

    def draw(axes: Any, figure: Figure) -> None:
        axes.scatter(truth[rows], values[rows], s=6, alpha=0.35, linewidths=0, rasterized=True)
        ends = [min(truth.min(), values.min()), max(truth.max(), values.max())]
        axes.plot(ends, ends, color="gray", linestyle=":")
        axes.set(xlabel="true", ylabel="predicted")

    return drawn(
        "Predicted against true",
        f"{len(rows):,} of {len(truth):,} test rows.",
        "The closer to the dotted line, the better.",
        draw,
    )


def _residuals(truth: Array, values: Array) -> Picture:
    off = values - truth

    def draw(axes: Any, figure: Figure) -> None:
        low, high = np.quantile(off, [0.005, 0.995])
        axes.hist(off[(off >= low) & (off <= high)], bins=50)
        axes.axvline(0, color="gray", linestyle=":")
        axes.set(xlabel="predicted - true", ylabel="rows")

    half = readable(float(np.median(np.abs(off))))
    alt = f"Half of the predictions of {len(off):,} test rows are off by less than {half}."
    return drawn("Residuals", alt, "The middle 99 % of the errors; a shift from zero is a bias.", draw)


def some_images(x: Array, truth: Array, predictions: Predictions, seed: int) -> Picture:
    """Ten images by chance, with what they are told to be."""
    some = np.random.default_rng(seed).permutation(len(x))[:_IMAGES]
    return _images("Some test images", "Drawn by chance: what the network sees.", x, truth, predictions, some)


def worst_images(x: Array, truth: Array, predictions: Predictions, loss: Array) -> Picture:
    """The ten images whose class was given the least probability; of a good network, some are told rightly."""
    worst = np.argsort(-loss, kind="stable")[:_IMAGES]
    hint = "Are they odd, or is their class wrong in the data?"
    return _images("Worst-predicted test images", hint, x, truth, predictions, worst)


def _images(title: str, hint: str, x: Array, truth: Array, predictions: Predictions, rows: Array) -> Picture:
    of = {int(i): (short(truth[i]), short(predictions.values[i])) for i in rows}

    def draw(ax: Any, figure: Figure) -> None:
        ax.remove()
        for place, (i, (true, said)) in zip(figure.subplots(2, 5).flat, of.items(), strict=False):
            shown = {"cmap": "gray", "vmin": 0} if x.shape[-1] == 1 else {}
            place.imshow(x[i].squeeze(-1) if x.shape[-1] == 1 else x[i], **shown)
            what = "rightly" if true == said else f"taken for\n{said[:_WORD]}"
            place.set_title(f"{true[:_WORD]},\n{what}", fontsize="small")
        for place in figure.axes:
            place.axis("off")

    named = ", ".join(f"{true} rightly" if true == said else f"{true} taken for {said}" for true, said in of.values())
    return drawn(title, f"{len(of)} images: {named}.", hint, draw)


def importance(weights: Sequence[tuple[str, float, float]], classes: bool) -> Picture:
    """Bars: how much worse predictions get when a column is shuffled."""
    shown = weights[:_BARS][::-1]

    def draw(axes: Any, figure: Figure) -> None:
        axes.barh([short(name) for name, _, _ in shown], [w for _, w, _ in shown], xerr=[d for _, _, d in shown])
        axes.set(xlabel="log loss gained" if classes else "RMSE gained")

    alt = "Most important: " + ", ".join(short(name) for name, _, _ in weights[:5]) + "."
    hint = "How much worse predictions of test rows become when a column's values are shuffled between them."
    if len(weights) > _BARS:
        hint += f" Shown are the first {_BARS} of {len(weights)} columns."
    return drawn("Importance of columns", alt, hint, draw, max(2.4, 0.8 + 0.24 * len(shown)))


def trials(found: Sequence[dict[str, Any]], options: TrainOptions) -> Picture:
    """The value of each trial of a search, and the best so far."""
    done = [(t["number"] + 1, t["value"]) for t in found if t["value"] is not None]

    def draw(axes: Any, figure: Figure) -> None:
        numbers, values = np.array(done).T
        axes.plot(numbers, values, "o", markersize=5, label="a trial")
        best = np.maximum if selection.rising(options) else np.minimum
        axes.step(numbers, best.accumulate(values), where="post", label="best so far")
        axes.set(xlabel="trial", ylabel=f"validation {options.metric}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()

    alt = f"{len(found)} trials, {len(done)} with a value."
    return drawn("Search", alt, "Trials that lag behind the others are cut short.", draw)


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """A curve in 300 points at most: more are not seen, and make the page heavy."""
    at = np.unique(np.linspace(0, len(x) - 1, min(len(x), 300)).astype(int))
    return x[at], y[at]


def _some(rows: int) -> Array:
    return np.random.default_rng(0).permutation(rows)[:_POINTS]
