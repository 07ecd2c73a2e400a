"""Models and runs in MLflow 3, without pickle: `log_model`, `load_model`, a callback. Its package is installed apart.

>>> with mlflow.start_run():
...     model.fit(x, y, callbacks=[pydl.mlflow.MLflowLogger()])
...     pydl.mlflow.log_model(model, name="model")
>>> mlflow.pyfunc.load_model("models:/...").predict(x)

What is logged is pydl's own file, or a run's folder, beside a `MLmodel` whose flavor `python_function` names this
module: nothing in it is code.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import pydl
from pydl.callbacks import Callback

FLAVOR_NAME = "pydl"
_MODEL, _RUN = "model.safetensors", "run"


def save_model(
    model: Any, path: str | os.PathLike[str], mlflow_model: Any = None, signature: Any = None,
    input_example: Any = None, metadata: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write a folder that MLflow reads.

    Parameters
    ----------
    model : Model, or path of a run
        A run's folder (of `pydl train`) predicts from tables as they are; what it knows of its rows one by one,
        `predictions.csv`, and its report stay behind.
    path : str or path-like
        The folder to make.
    mlflow_model : mlflow.models.Model, optional
        What `log_model` passes.
    signature : mlflow.models.ModelSignature, optional
        Default: of a model its inputs and outputs as tensors, of a run none.
    input_example, metadata : optional
        As MLflow has them.
    """
    folder = Path(path)
    folder.mkdir(parents=True)
    if mlflow_model is None:
        from mlflow.models import Model

        mlflow_model = Model(metadata=metadata)
    if isinstance(model, pydl.Model):
        data = _MODEL
        model.save(folder / data)
        if mlflow_model.signature is None:
            mlflow_model.signature = _signature(model) if signature is None else signature
    else:
        from pydl.pipeline.card import copy_run

        data = _RUN
        copy_run(model, folder / data)
        if signature is not None:
            mlflow_model.signature = signature
    if input_example is not None:
        from mlflow.models.utils import _save_example

        _save_example(mlflow_model, input_example, str(folder))
    needs = f"pydl{'' if data == _MODEL else '[cli]'}=={pydl.__version__}"
    (folder / "requirements.txt").write_text(f"mlflow\n{needs}\n")
    (folder / "python_env.yaml").write_text(
        f'python: "{platform.python_version()}"\ndependencies:\n- -r requirements.txt\n'
    )
    mlflow_model.add_flavor(FLAVOR_NAME, data=data, pydl_version=pydl.__version__)
    mlflow_model.add_flavor(
        "python_function", loader_module="pydl.mlflow", data=data, python_version=platform.python_version(),
        env={"virtualenv": "python_env.yaml"},
    )  # fmt: skip
    mlflow_model.save(str(folder / "MLmodel"))


def log_model(model: Any, name: str = "model", **kwargs: Any) -> Any:
    """Log a model, or a run's folder, with the MLflow run that is active.

    Parameters
    ----------
    model : Model, or path of a run
    name : str
    **kwargs
        For `mlflow.models.Model.log`, such as `registered_model_name`, and for `save_model`.
    """
    from mlflow.models import Model

    return Model.log(None, name=name, flavor=sys.modules[__name__], model=model, **kwargs)


def load_model(model_uri: str) -> Any:
    """What `log_model` logged: a `Model`, to train on, or the `Fitted` of a run."""
    import mlflow.artifacts

    return _load(Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri)))


def _load(folder: Path) -> Any:
    if (folder / _MODEL).is_file():
        return pydl.models.load_model(folder / _MODEL)
    from pydl.pipeline.run import Run

    return Run.open(str(folder / _RUN)).fitted()


def _load_pyfunc(path: str) -> Any:
    """What the flavor `python_function` calls."""
    given = Path(path)
    return _Model(_load(given.parent if given.name in (_MODEL, _RUN) else given))


class _Model:
    """A model as MLflow asks it."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Predictions: of a model arrays, of a run a table of them, with the columns that `pydl predict` writes."""
        if isinstance(self.model, pydl.Model):
            return self.model.predict(_arrays(self.model, model_input), verbose=0)
        import pandas as pd

        from pydl.pipeline.fitted import columns_of
        from pydl.pipeline.seen import Seen

        targets = self.model.target.each
        found = self.model.predictions(model_input, Seen())
        columns = {
            name: column
            for target, each in zip(targets, found, strict=True)
            for name, column in zip(columns_of(target, len(targets) > 1), each.columns(), strict=True)
        }
        return pd.DataFrame(columns, getattr(model_input, "index", None))


def _arrays(model: pydl.Model, x: Any) -> Any:
    """Rows as the model takes them: a table of numbers is one array."""
    if isinstance(x, Mapping) or not hasattr(x, "to_numpy") or len(model.inputs) > 1:
        return {name: np.asarray(x[name]) for name in x} if hasattr(x, "to_numpy") else x
    return x.to_numpy(model.inputs[0].dtype)


def _signature(model: pydl.Model) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    def schema(tensors: Any, names: Any) -> Any:
        sizes = [tuple(-1 if d is None else d for d in t.shape) for t in tensors]
        kinds = [np.dtype(object if t.dtype == "string" else t.dtype) for t in tensors]
        named = names if len(sizes) > 1 else [None]
        return Schema([TensorSpec(k, s, n) for k, s, n in zip(kinds, sizes, named, strict=True)])

    return ModelSignature(
        schema(model.inputs, [t.name for t in model.inputs]),
        schema(model.outputs, model.output_keys or model.output_names),
    )


class MLflowLogger(Callback):
    """Log a training with the MLflow run that is active: its arguments once, losses and metrics after each epoch."""

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        import mlflow

        optimizer: Any = getattr(self.model, "optimizer", None)
        config = {} if optimizer is None else optimizer.get_config()
        plain = {f"optimizer {k}": v for k, v in config.items() if isinstance(v, str | int | float)}
        mlflow.log_params({**{k: v for k, v in self.params.items() if v is not None}, **plain})

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        import mlflow

        mlflow.log_metrics({name: float(value) for name, value in (logs or {}).items()}, step=epoch)
