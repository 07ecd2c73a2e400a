"""One row per op and way of calling it; what kernel tests, gradient tests and benches run over."""

from tests.specs import losses, metrics, norms, optimizers, tensor
from tests.specs.spec import Spec

SPECS: list[Spec] = [*losses.SPECS, *metrics.SPECS, *optimizers.SPECS, *norms.SPECS, *tensor.SPECS]
