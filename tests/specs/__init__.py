"""One row per op and way of calling it; what kernel tests, gradient tests and benches run over."""

from tests.specs import (
    activations,
    convolution,
    depthwise,
    gemm,
    gemm_step,
    losses,
    metrics,
    norm_samples,
    norms,
    optimizers,
    steps,
    tensor,
    windows,
)
from tests.specs.spec import Fields, Spec

SPECS: list[Spec] = [
    *activations.SPECS,
    *gemm.SPECS,
    *gemm_step.SPECS,
    *losses.SPECS,
    *metrics.SPECS,
    *optimizers.SPECS,
    *norms.SPECS,
    *steps.SPECS,
    *tensor.SPECS,
    *convolution.SPECS,
    *windows.SPECS,
    *norm_samples.SPECS,
    *depthwise.SPECS,
]

__all__ = ["SPECS", "Fields", "Spec"]
