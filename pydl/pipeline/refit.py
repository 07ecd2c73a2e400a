"""A last training, on all rows, of the networks that were judged on some: `--refit`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

import pydl
from pydl.pipeline import image_nets
from pydl.pipeline.contract import TIME, Outcome, Part, Watch
from pydl.pipeline.fitted import Fitted
from pydl.pipeline.images import ImagePreparation, joined
from pydl.pipeline.network import averaged, build
from pydl.pipeline.options import TrainOptions
from pydl.pipeline.preparation import Preparation
from pydl.pipeline.run import Run
from pydl.pipeline.seen import Seen
from pydl.pipeline.stream_parts import PARTS
from pydl.pipeline.weights import even, weights_of
from pydl.pipeline.worker import fit_members, prepared

_JUDGED = "the model of this run is the one that was judged"


def refit(run: Run, options: TrainOptions, outcome: Outcome, watch: Watch) -> Outcome:
    """Train anew on the rows of all parts, each network for its best number of epochs, and keep that in the run.

    The outcome is still that of the model to be judged, for the new one has no rows left to be judged on. After Ctrl-C,
    or where a time budget is over, the run keeps the model to be judged.
    """
    if outcome.interrupted:
        return _said(outcome, f"--refit was left out after Ctrl-C: {_JUDGED}", watch)
    chosen = options.with_(**outcome.settings)  # what a search found, too
    epochs = [network.best_epoch for network in outcome.networks]
    try:
        fitted, rows = _all_rows(outcome, chosen)
        models, networks, interrupted = fit_members(
            lambda: _network(fitted, chosen), [{"train": rows}] * len(epochs), fitted.target, chosen, watch,
            f"refit on all {len(rows.y):,} rows", epochs=epochs,
        )  # fmt: skip
        if interrupted:
            raise KeyboardInterrupt
        if any(network.ended_by == TIME for network in networks):
            return _said(outcome, f"the time was over before --refit was done: {_JUDGED}", watch)
        run.keep(replace(fitted, model=averaged(models)), options)
    except KeyboardInterrupt:
        run.keep(outcome.fitted, options)  # some of its files may have been replaced
        return _said(replace(outcome, interrupted=True), f"--refit was interrupted: {_JUDGED}", watch)
    how = f"all {len(rows.y):,} rows for {_span(epochs)} epochs (--refit)"
    note = f"the model of this run was trained again on {how}; the figures are those of the one before"
    return _said(replace(outcome, refit={"rows": len(rows.y), "epochs": epochs, "note": note}), note, watch)


def _said(outcome: Outcome, note: str, watch: Watch) -> Outcome:
    return replace(outcome, notes=outcome.notes + watch.told([note]))


def _span(epochs: list[int]) -> str:
    return str(epochs[0]) if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)}"


def _all_rows(outcome: Outcome, options: TrainOptions) -> tuple[Fitted, Part]:
    """Preparation and target by the rows of all parts, and these rows; the model is still that of some of them."""
    fitted, parts = outcome.fitted, [outcome.parts[name] for name in PARTS if name in outcome.parts]
    if isinstance(fitted.preparation, ImagePreparation):
        x = joined([part.frame for part in parts])
        return fitted, Part(x, fitted.preparation.transform(x), np.concatenate([part.y for part in parts]))
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    weights = even(weights_of(frame, options.weights))
    preparation = Preparation(fitted.preparation.columns, clip=options.clip).fit(frame, lenient=True, weights=weights)
    target = fitted.target.scaled(fitted.target.of(frame), weights)
    rows = prepared(frame, preparation, target, Seen(), options.weights)
    return replace(fitted, preparation=preparation, target=target), rows


def _network(fitted: Fitted, options: TrainOptions) -> pydl.Model:
    if isinstance(fitted.preparation, ImagePreparation):
        return image_nets.build(fitted.preparation, fitted.target, options)
    return build(fitted.preparation.inputs, fitted.target, options)
