"""Where Keras sets the dtype of layers: here "float32" or "float64", for weights and results alike."""

from pydl.config import DTypePolicy, dtype_policy, set_dtype_policy

__all__ = ["DTypePolicy", "Policy", "dtype_policy", "global_policy", "set_dtype_policy", "set_global_policy"]

Policy = DTypePolicy

set_global_policy = set_dtype_policy
global_policy = dtype_policy
