"""Callbacks: what `fit`, `evaluate` and `predict` call while they run."""

from typing import TYPE_CHECKING

from pydl._base.later import Later
from pydl.callbacks.base import Callback
from pydl.callbacks.callback_list import CallbackList
from pydl.callbacks.history import History
from pydl.callbacks.progbar_logger import ProgbarLogger

if TYPE_CHECKING:  # by __getattr__
    from pydl.callbacks.backup import BackupAndRestore
    from pydl.callbacks.csv_logger import CSVLogger
    from pydl.callbacks.early_stopping import EarlyStopping
    from pydl.callbacks.lambda_callback import LambdaCallback
    from pydl.callbacks.learning_rate_scheduler import LearningRateScheduler
    from pydl.callbacks.lr_finder import LRFinder
    from pydl.callbacks.model_checkpoint import ModelCheckpoint
    from pydl.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
    from pydl.callbacks.remote_monitor import RemoteMonitor
    from pydl.callbacks.swap_ema_weights import SwapEMAWeights
    from pydl.callbacks.tensorboard import TensorBoard
    from pydl.callbacks.terminate_on_nan import TerminateOnNaN

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

__getattr__ = Later(
    __name__,
    {
        "backup": "BackupAndRestore",
        "csv_logger": "CSVLogger",
        "early_stopping": "EarlyStopping",
        "lambda_callback": "LambdaCallback",
        "learning_rate_scheduler": "LearningRateScheduler",
        "lr_finder": "LRFinder",
        "model_checkpoint": "ModelCheckpoint",
        "reduce_lr_on_plateau": "ReduceLROnPlateau",
        "remote_monitor": "RemoteMonitor",
        "swap_ema_weights": "SwapEMAWeights",
        "tensorboard": "TensorBoard",
        "terminate_on_nan": "TerminateOnNaN",
    },
)
