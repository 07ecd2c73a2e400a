"""Steps that a subclass of a model writes itself, which Keras would call and pydl does not."""

from __future__ import annotations

from typing import Any

TRAINING = ("train_step", "test_step", "compute_loss", "compute_metrics")
PREDICTING = ("predict_step",)


def refuse(model: Any, method: str, names: tuple[str, ...] = TRAINING) -> None:
    """Raise rather than leave out what a class says of its steps.

    Raises
    ------
    NotImplementedError
        The model's class has a method of these names.
    """
    found = [name for name in names if hasattr(type(model), name)]
    if found:
        raise NotImplementedError(
            f'{method}: model "{model.name}": {type(model).__name__}.{found[0]} would not be called: steps are made of '
            "layers, losses and metrics; give compile a loss of your own, use add_loss, or write a loop around "
            "model.loss_and_gradients(x, y) and train_on_batch"
        )
