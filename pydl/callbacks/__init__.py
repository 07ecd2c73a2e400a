"""Callbacks: what `fit`, `evaluate` and `predict` call while they run."""

from pydl.callbacks.backup import BackupAndRestore
from pydl.callbacks.base import Callback
from pydl.callbacks.callback_list import CallbackList
from pydl.callbacks.csv_logger import CSVLogger
from pydl.callbacks.early_stopping import EarlyStopping
from pydl.callbacks.history import History
from pydl.callbacks.lambda_callback import LambdaCallback
from pydl.callbacks.learning_rate_scheduler import LearningRateScheduler
from pydl.callbacks.model_checkpoint import ModelCheckpoint
from pydl.callbacks.progbar_logger import ProgbarLogger
from pydl.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from pydl.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
