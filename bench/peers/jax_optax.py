"""JAX: one jitted function per step, gathering of the rows and optax's Adam in it; no waiting between steps."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bench.nets import Array, Net


def forward(weights: Any, x: Any) -> Any:
    """The net without the softmax."""
    *hidden, (last, bias) = weights
    for w, b in hidden:
        x = jax.nn.relu(x @ w + b)
    return x @ last + bias


class Training:
    """Everything a step changes stays in JAX, memory of the old state is given to the new one."""

    def __init__(self, net: Net) -> None:
        self.batch = net.batch
        self.random = np.random.default_rng(2)
        adam = optax.adam(1e-3, eps=1e-7)

        def loss(weights: Any, x: Any, y: Any) -> Any:
            out = forward(weights, x)
            if net.classes:
                return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()
            return jnp.square(out - y).mean()

        @partial(jax.jit, static_argnums=4, donate_argnums=0)
        def step(state: Any, x: Any, y: Any, order: Any, rows: int) -> Any:
            weights, slots, start = state
            chosen = jax.lax.dynamic_slice_in_dim(order, start, rows)
            batch = (jnp.take(array, chosen, 0, mode="clip") for array in (x, y))
            updates, slots = adam.update(jax.grad(loss)(weights, *batch), slots)
            return optax.apply_updates(weights, updates), slots, start + rows

        self.step = step
        weights = [(jnp.array(w), jnp.array(b)) for w, b in net.weights()]
        self.state = weights, adam.init(weights)

    def prepare(self, x: Array, y: Array) -> tuple[Any, Any]:
        return jnp.asarray(x), jnp.asarray(y)

    def fit(self, x: Any, y: Any) -> None:
        """One epoch in random order."""
        order = jnp.asarray(self.random.permutation(len(x)))
        state = *self.state, jnp.zeros((), int)
        for start in range(0, len(x), self.batch):
            state = self.step(state, x, y, order, min(self.batch, len(x) - start))
        self.state = jax.block_until_ready(state)[:2]

    def accuracy(self, x: Array, y: Array) -> float:
        return float((np.asarray(forward(self.state[0], x)).argmax(1) == y).mean())
