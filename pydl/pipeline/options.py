"""What a run was asked to do: every option of `pydl train`, as one value that goes into `config.json` and back."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydl.pipeline import losses
from pydl.pipeline.places import recorded
from pydl.pipeline.reading import Reading
from pydl.pipeline.several import values_of

TASKS = ("auto", "classification", "regression", "image")
CLASS_WEIGHTS = ("balanced",)
SPLITS = ("random", "time")
NETS = ("dense", "simple", "vgg", "resnet20", "resnet32", "resnet56", "mobilenet", "xception")
AUGMENTATIONS = ("flip", "shift", "rotate", "zoom", "contrast", "brightness")
KINDS_TO_CHOOSE = ("number", "category", "date", "text", "identifier", "drop")
LOSS, AUTO = "loss", "auto"
METRICS = {  # to compare epochs by, and whether more of it is better
    "regression": {LOSS: False, "mse": False, "rmse": False, "mae": False, "mape": False, "r2": True},
    "classification": {
        LOSS: False, "accuracy": True, "balanced_accuracy": True, "precision": True, "recall": True, "f1": True,
        "roc_auc": True, "average_precision": True, "log_loss": False, "brier": False,
    },
}  # fmt: skip
RISING = {name: more for names in METRICS.values() for name, more in names.items()}
_EPOCHS, _PATIENCE = 100, 10
_STEPS = 20  # of an epoch: with fewer, epochs and patience grow


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training run.

    Attributes
    ----------
    data : str or Path
        A file, an http(s) address, `-` for standard input, `FILE::TABLE` of a database or spreadsheet, a folder or zip
        of images, or the name of a built-in data set.
    target : str, tuple of str or None
        The column to predict, or several that one network predicts; `a,b` is two of them where no column is called so.
        Images bring their classes as folder names. With several, `task`, `positive`, `loss` and `threshold` take
        `TARGET=VALUE,TARGET=VALUE`; one value for all, `log_target` and `class_weight` go to those that they suit. A
        row that lacks some of the targets is learnt from and judged by the others.
    out : str
        The folder to write.
    test : str, Path or None
        Data to judge on; without it a part of `data` is held out.
    task : {"auto", "classification", "regression", "image"}
    drop : tuple of str
        Columns to leave out.
    kind : tuple of str
        What columns are, as `column=kind`, where the guess is wrong: number, category, date, text, identifier or drop.
    positive : str or None
        Which of two classes is the positive one.
    log_target : bool
        Learn the logarithm of a number; predictions are in its own unit.
    hidden : tuple of int
        Units of the hidden layers.
    epochs, patience : int or None
        At most so many passes, and how many without a better validation loss end the training. None: 100 and 10, and
        so many more of a few hundred rows that a pass counts as 20 steps, see `passes`.
    batch_size : int or None
        None: by the number of rows.
    optimizer : str
    lr : float
        The learning rate.
    dropout : float
        The share of hidden units to leave out in training.
    class_weight : {"balanced"} or None
        Classes count the same, however many rows each has. With several targets the training accuracies by epoch are
        of rows weighted so, too.
    val : float
        The share of the training rows to validate on.
    clip : float or None
        Numbers beyond this quantile, at either end, are brought back to it.
    image_size : int or None
        Images are brought to so many pixels a side; None: as they are.
    split : {"random", "time"} or None
        How rows are parted to learn from, to validate on and to judge on; None: by time where there is `time`.
    time : str or None
        The column by which the latest rows are held out.
    group : str or None
        The column whose values are each in one part only.
    fold : str or None
        The column that names the fold of each row, or its part: train, validation, test.
    cv, tune : int
        Folds of a cross-validation, trials of a search; 0: none.
    ensemble : int or None
        Networks of different seeds, whose mean is what predicts. None: one; with fewer than 1,500 rows to
        train on, several.
    time_budget : float or None
        Seconds after which trainings end, counted from the start of the run; reading, judging and the report come on
        top. A search gets half of it, folds and networks equal parts of what is left.
    refit : bool
        After the rows held out have told how good the model is, train one like it on all rows, for the number of epochs
        that was found best; that one is the model of the run.
    seed : int
    threads : int or None
        At most; they change no bit of the result.
    stream : bool
        Read the data in pieces, again for each epoch, rather than into memory. Then rows are parted one by one: by
        chance, or by `group`, but neither by `time` nor by `fold`, for which rows are the latest, or which folds there
        are, only all of them together tell. Images are then decoded by a thread of their own while the network is
        trained, which changes no bit of the result; without the option too where they would take more than a third of
        the memory that is free.
    delimiter, decimal, thousands, encoding : str or None
    header : bool or None
    missing : tuple of str
        How the data are written, as for `reading.Reading`; evaluate and predict read in the same way.
    loss : str or None
        What the training lowers: mse, mae, huber, log_cosh, poisson (counts, with an output that is above zero) or
        quantile for numbers, crossentropy for classes. `huber=D` counts errors linearly from D deviations of the target
        on (default 1), `quantile=Q` learns that quantile (default 0.5). None: mse, crossentropy.
    weights : str or None
        A column that says how much each row counts: in the losses, the figures and the baselines. Its values are 0 or
        more; twice the weight is as good as the row twice. No network sees it.
    metric : str
        What ends the training, tells its best epoch and compares the trials of a search, on the validation rows: the
        loss, of several targets the sum of theirs, or a figure as `evaluation.Judge` defines it (`mse` is the square of
        its rmse).
    threshold : "auto", float or None
        The probability from which on the positive one of two classes is predicted. auto: what has the best f1 (mean of
        both classes) on the validation rows, or the best accuracy or balanced_accuracy where `metric` is that. None:
        the likelier class.
    model : str or None
        The net for images, see `pydl.applications`; dense: `hidden` layers alone. None: simple for images of 16 x 16
        pixels or more, dense for smaller ones or where `hidden` says other units; or that of `from_model`.
    augment : bool
        Images are flipped from left to right, half of them, and shifted by up to a tenth, anew in each epoch of a
        training. Where left and right matter, as in digits and writing, say `augment_by`.
    augment_by : tuple of str
        How images are changed instead: any of flip; shift; rotate, by up to a twentieth of a turn; zoom, by up to a
        tenth; contrast, by up to a fifth; brightness, by up to a tenth. Implies `augment`.
    from_model : str or None
        A run, or a file of a model, for images: its net, without what tells its classes, is gone on with. First the new
        top alone is trained, then all of it, at a tenth of the learning rate.
    compare : bool
        Train once more without `augment`, and once more without `from_model`: what does each of them gain?
    """

    data: str | Path
    target: str | tuple[str, ...] | None = None
    out: str = "run"
    test: str | Path | None = None
    task: str = "auto"
    drop: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    positive: str | None = None
    log_target: bool = False
    hidden: tuple[int, ...] = (128, 64)
    epochs: int | None = None
    patience: int | None = None
    batch_size: int | None = None
    optimizer: str = "adam"
    lr: float = 1e-3
    dropout: float = 0.1
    class_weight: str | None = None
    val: float = 0.15
    clip: float | None = None
    image_size: int | None = None
    cv: int = 0
    tune: int = 0
    ensemble: int | None = None
    time_budget: float | None = None
    refit: bool = False
    seed: int = 0
    threads: int | None = None
    stream: bool = False
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    header: bool | None = None
    missing: tuple[str, ...] = ()
    split: str | None = None
    time: str | None = None
    group: str | None = None
    fold: str | None = None
    loss: str | None = None
    weights: str | None = None
    metric: str = LOSS
    threshold: str | float | None = None
    model: str | None = None
    augment: bool = False
    augment_by: tuple[str, ...] = ()
    from_model: str | None = None
    compare: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.target, tuple) and not (self.target and all(isinstance(each, str) for each in self.target)):
            raise ValueError(f"--target: expected names of columns, got {self.target!r}")
        named = self._possible_targets()
        for task in values_of("--task", self.task, named):
            one_of("--task", task, TASKS)
        for name, kind in self.kinds.items():
            one_of(f"--kind {name}", kind, KINDS_TO_CHOOSE)
        if self.class_weight is not None:
            one_of("--class-weight", self.class_weight, CLASS_WEIGHTS)
        for option, value, least in (
            ("--epochs", self.epochs, 1), ("--patience", self.patience, 1), ("--batch-size", self.batch_size, 1),
            ("--image-size", self.image_size, 1), ("--tune", self.tune, 0), ("--seed", self.seed, 0),
            ("--threads", self.threads, 1), ("--ensemble", self.ensemble, 1),
            *(("--hidden", units, 1) for units in self.hidden),
        ):  # fmt: skip
            if value is not None and value < least:
                raise ValueError(f"{option}: expected an integer of at least {least}, got {value}")
        if self.cv < 0 or self.cv == 1:
            raise ValueError(f"--cv: expected 2 folds or more (0: none), got {self.cv}")
        if self.seed >= 2**32:
            raise ValueError(f"--seed: expected an integer below 2^32, got {self.seed}")
        if self.time_budget is not None and not 0 < self.time_budget < math.inf:
            raise ValueError(f"--time-budget: expected seconds, a number above 0, got {self.time_budget}")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"--lr: expected a number above 0, got {self.lr}")
        for option, share, end in (("--dropout", self.dropout, 1.0), ("--val", self.val, 0.9)):
            if not 0 <= share < end:
                raise ValueError(f"{option}: expected a share from 0 to below {end}, got {share}")
        if self.clip is not None and not 0 < self.clip < 0.5:
            raise ValueError(f"--clip: expected a quantile between 0 and 0.5, as 0.01, got {self.clip}")
        if self.model is not None:
            one_of("--model", self.model, NETS)
            if self.from_model is not None:
                raise ValueError("--model and --from: the net is that of --from; leave --model out")
        for kind in self.augment_by:
            one_of("--augment-by", kind, AUGMENTATIONS)
        if self.compare and not (self.augmentation or self.from_model):
            raise ValueError("--compare tells what --augment and --from gain; give one of them")
        if self.refit and self.from_model:
            raise ValueError("--refit trains from the start, and --from does not; leave one of them out")
        self._check_parting()
        _ = self.reading  # refuses what is no way to read
        for loss in [] if self.loss is None else values_of("--loss", self.loss, named):
            one_of("--loss", losses.parsed(str(loss))[0], losses.NAMES)
        one_of("--metric", self.metric, RISING)
        for threshold in values_of("--threshold", self.threshold, named):
            if threshold not in (None, AUTO) and not 0 <= _number(threshold) <= 1:
                raise ValueError(f"--threshold: expected a probability from 0 to 1, or auto, got {threshold}")

    def _check_parting(self) -> None:
        """Refuse ways to part rows of which one excludes another."""
        if self.split is not None:
            one_of("--split", self.split, SPLITS)
        columns = {"--time": self.time, "--group": self.group, "--fold": self.fold}
        ways = [option for option, column in columns.items() if column is not None]
        if (self.split == "random" and ways) or (self.split == "time" and self.time is None):
            ways.insert(0, f"--split {self.split}")
        if len(ways) > 1:
            raise ValueError(f"{ways[0]} and {ways[1]} part rows in two ways; leave one of them out")
        if ways not in ([], ["--split random"]) and self.task == "image":
            raise ValueError(f"{ways[0]} is for tables; leave it out, or --task image")

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict; of a list with commas they are known once it is `resolved`."""
        return self.target if isinstance(self.target, tuple) else () if self.target is None else (self.target,)

    def _possible_targets(self) -> tuple[str, ...]:
        """All that may turn out to be one."""
        return tuple(dict.fromkeys(name for each in self.targets for name in (each, *_listed(each))))

    def resolved(self, columns: Collection[str]) -> TrainOptions:
        """The same with the target, or targets, as a table with these columns has them.

        Raises
        ------
        ValueError
            A name that is no column, or is there twice.
        """
        names = [name for each in self.targets for name in ([each] if each in columns else _listed(each) or [each])]
        for name in names:
            one_of("--target", name, columns)
        if len(set(names)) < len(names):
            raise ValueError(f"--target {','.join(names)}: expected each column once")
        return self.with_(target=names[0] if len(names) == 1 else tuple(names))

    @property
    def reading(self) -> Reading:
        """How to read the files of the run."""
        return Reading(
            self.delimiter, self.decimal, self.thousands, self.encoding, self.header, self.missing,
            wanted=self.targets,
        )  # fmt: skip

    @property
    def augmentation(self) -> tuple[str, ...]:
        """How images are changed in training."""
        return self.augment_by or AUGMENTATIONS[:2] * self.augment

    @property
    def left_out(self) -> tuple[str, ...]:
        """Columns that no network sees."""
        return self.drop if self.weights is None else (*self.drop, self.weights)

    @property
    def kinds(self) -> dict[str, str]:
        """The kind that each column of `kind` is to be."""
        found: dict[str, str] = {}
        for each in self.kind:
            name, sign, kind = each.rpartition("=")
            if not sign or found.get(name, kind) != kind:
                what = "once for each column" if sign else f"got {each!r}"
                raise ValueError(f"--kind: expected COLUMN=KIND, as --kind zip=category, {what}")
            found[name] = kind
        return found

    def with_(self, **changes: Any) -> TrainOptions:
        """The same with some changes."""
        return replace(self, **changes)

    def passes(self, steps: int) -> tuple[int, int]:
        """Epochs and patience where an epoch has so many steps: a few rows need many passes to be learnt from."""
        longer = max(1, -(-_STEPS // steps))
        return self.epochs or _EPOCHS * longer, self.patience or _PATIENCE * longer

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `config.json`."""
        return {
            name: list(value) if isinstance(value, tuple) else recorded(value) if isinstance(value, Path) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_json(cls, values: Any) -> TrainOptions:
        """Options that `to_json` wrote.

        Raises
        ------
        ValueError
            When `values` has other entries, or entries of other types.
        """
        known = {f.name for f in fields(cls)}
        if not isinstance(values, Mapping) or set(values) - known or not isinstance(values.get("data"), str):
            raise ValueError("config.json: expected the options of a training run; write it again with pydl train")
        values = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"config.json: expected the options of a training run ({error})") from None

    def command(self) -> list[str]:
        """The command line that gives these options; defaults are left out."""
        words = ["pydl", "train", recorded(self.data)]
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name == "data" or value == f.default:
                continue
            option = "--from" if f.name == "from_model" else "--" + f.name.replace("_", "-")
            if f.name in ("drop", "kind") or (f.name == "target" and isinstance(value, tuple)):
                words += [word for column in value for word in (option, column)]
            elif isinstance(value, bool):
                words.append(option if value else option.replace("--", "--no-"))
            else:
                words += [option, ",".join(map(str, value)) if isinstance(value, tuple) else recorded(value)]
        return words


def _listed(text: str) -> list[str]:
    """The parts of a list with commas; none where there is no comma."""
    return [part.strip() for part in text.split(",") if part.strip()] if "," in text else []


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def one_of(option: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a value that is none of the choices; a near one is suggested."""
    choices = list(choices)
    if value not in choices:
        near = difflib.get_close_matches(value, choices, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{option}: expected one of {', '.join(choices)}, got {value!r}{hint}")
