"""scikit-learn estimators on pydl's kernels (extra `sklearn`)."""

from pydl.sklearn.mlp_classifier import MLPClassifier
from pydl.sklearn.mlp_regressor import MLPRegressor
from pydl.sklearn.model_estimators import ModelClassifier, ModelRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "ModelClassifier", "ModelRegressor"]
