"""A search for better sizes, rate, dropout and batch with Optuna; hopeless trials are cut short, a new call goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

import pydl
from pydl.pipeline import selection
from pydl.pipeline.columns import Column
from pydl.pipeline.contract import Watch
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.parting import Parting
from pydl.pipeline.run import DRAFT, STUDY, Run
from pydl.pipeline.targets import AnyTarget
from pydl.pipeline.worker import SEEDS, fit

Trials = list[dict[str, Any]]


def search(
    frame: Any, y: NDArray[Any], target: AnyTarget, columns: Sequence[Column], options: TrainOptions, run: Run,
    watch: Watch, parting: Parting | None = None,
) -> tuple[Trials, TrainOptions]:  # fmt: skip
    """Try `options.tune` settings; returns the trials, and the options with the best of them.

    A trial's value is its best validation loss, or `options.metric`. The study is kept in the run's folder under the
    name of the run's data and options, so that the same command after an interruption tries what is left, and no other
    does. When the time of `watch` is over, the search ends, at the earliest after a trial.

    Raises
    ------
    ValueError
        Without Optuna, or without a validation part to compare by.
    """
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        raise ValueError('--tune needs Optuna: pip install "pydl[tune]"') from None

    if not options.val:
        raise ValueError("--tune: expected a validation part to compare by; give --val 0.15")
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # a trial that fails is told by its error
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(run.path / STUDY))), study_name=run.json(DRAFT)["run"],
        load_if_exists=True, pruner=optuna.pruners.MedianPruner(n_warmup_steps=3),
        direction="maximize" if selection.rising(options) else "minimize",
    )  # fmt: skip

    class Pruned(pydl.callbacks.Callback):
        """Tells a trial how each epoch went, and ends it where others did better."""

        def __init__(self, trial: optuna.Trial) -> None:
            self.trial = trial

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            figure = (logs or {}).get(selection.key(options))
            if figure is None:
                raise ValueError(
                    f"--tune: {len(y)} rows to learn from are too few to validate on some of them, by which trials are "
                    "compared; leave --tune out"
                )
            self.trial.report(figure, epoch)
            if self.trial.should_prune():
                raise optuna.TrialPruned

    def value(trial: optuna.Trial) -> float:
        tried = _suggested(trial, options)
        what = f"trial {trial.number + 1} of {options.tune}"
        outcome = fit(frame, y, target, columns, tried, watch, what, [Pruned(trial)], parting)
        if outcome.interrupted:
            raise KeyboardInterrupt
        return selection.best_value(outcome.fitted.target.readable(outcome.history), options)

    done = sum(t.state.is_finished() for t in study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(seed=(options.seed + done) % SEEDS)  # or they would be tried once more
    left = options.tune - done
    if left > 0:
        study.optimize(value, n_trials=left, callbacks=[lambda study, _: study.stop() if watch.over() else None])
    trials: Trials = [
        {"number": t.number, "value": t.value, "state": t.state.name.lower(), **t.params} for t in study.get_trials()
    ]
    if not any(t["state"] == "complete" for t in trials):
        raise ValueError("--tune: no trial came to an end; allow more of them")
    best = _suggested(study.best_trial, options)
    watch.say(f"best of {len(trials)} trials: {study.best_trial.params}")
    return trials, best


def _suggested(trial: Any, options: TrainOptions) -> TrainOptions:
    """The options of a trial; for a finished one, what it was."""
    layers = trial.suggest_int("layers", 1, 3)
    hidden = tuple(trial.suggest_int(f"units_{k + 1}", 16, 256, log=True) for k in range(layers))
    return options.with_(
        hidden=hidden,
        lr=trial.suggest_float("lr", 1e-4, 1e-2, log=True),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        batch_size=trial.suggest_categorical("batch_size", [32, 64, 128, 256]),
    )
