"""Callbacks: what `fit`, `evaluate` and `predict` call while they run."""

import importlib
from typing import TYPE_CHECKING, Any

from pydl.callbacks.base import Callback
from pydl.callbacks.callback_list import CallbackList
from pydl.callbacks.early_stopping import EarlyStopping
from pydl.callbacks.history import History
from pydl.callbacks.lambda_callback import LambdaCallback
from pydl.callbacks.learning_rate_scheduler import LearningRateScheduler
from pydl.callbacks.model_checkpoint import ModelCheckpoint
from pydl.callbacks.progbar_logger import ProgbarLogger
from pydl.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from pydl.callbacks.terminate_on_nan import TerminateOnNaN

if TYPE_CHECKING:  # by __getattr__: few programs need them, and what they import takes longer than the rest
    from pydl.callbacks.backup import BackupAndRestore
    from pydl.callbacks.csv_logger import CSVLogger
    from pydl.callbacks.lr_finder import LRFinder
    from pydl.callbacks.remote_monitor import RemoteMonitor
    from pydl.callbacks.swap_ema_weights import SwapEMAWeights
    from pydl.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LRFinder",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

_LATER = {
    "BackupAndRestore": "backup", "CSVLogger": "csv_logger", "LRFinder": "lr_finder",
    "RemoteMonitor": "remote_monitor", "SwapEMAWeights": "swap_ema_weights", "TensorBoard": "tensorboard",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"pydl.callbacks.{_LATER[name]}"), name)
    raise AttributeError(f"module 'pydl.callbacks' has no attribute {name!r}")
