"""Bad arguments of layers, models, compile and fit, one by one: errors say which, what was expected, what was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import layers as L

N = 8
X = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
Y = X[:, :1]
INPUT = pydl.Input((4,))

Call = Callable[[], Any]
Case = tuple[Call, type[Exception], tuple[str, ...]]


def built() -> Any:
    return pydl.Sequential([pydl.Input((4,)), L.Dense(1, name="out")], name="net")


def without_loss() -> Any:
    model = built()
    model.compile("sgd", metrics=["mae"])
    return model


def compiled() -> Any:
    model = built()
    model.compile("sgd", "mse")
    return model


def unbuilt() -> Any:
    return pydl.Sequential([L.Dense(1)], name="net")


def two_outputs() -> Any:
    x = pydl.Input((4,))
    return pydl.Model(x, [L.Dense(1, name="p")(x), L.Dense(1, name="q")(x)], name="net")


def fit(**options: Any) -> Call:
    return lambda: compiled().fit(X, Y, **options)


def compiling(*arguments: Any, **options: Any) -> Call:
    return lambda: built().compile(*arguments, **options)


def case(call: Call, kind: type[Exception], *words: str) -> Case:
    return call, kind, words


class Mine(L.Layer):
    """No call, no backward."""


class InNumPy(L.Layer):
    def call(self, x: Any) -> Any:
        return np.asarray(x) * 2


class OfAnotherShape(L.Layer):
    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def call(self, x: Any) -> Any:
        return x[:, :2]


def shared_names() -> Any:
    x = pydl.Input((4,))
    return pydl.Model(x, L.Dense(1, name="twin")(L.Dense(4, name="twin")(x)))


def foreign_input() -> Any:
    x, other = pydl.Input((4,)), pydl.Input((4,), name="other")
    return pydl.Model(x, L.Add()([x, other]))


def mixed_dtypes() -> Any:
    return L.Dense(1, dtype="float64", name="wide")(pydl.Input((4,), dtype="float32", name="narrow"))


def trained(layer: L.Layer) -> Call:
    def call() -> Any:
        model = pydl.Sequential([pydl.Input((4,)), L.Dense(4), layer, L.Dense(1)])
        model.compile("sgd", "mse")
        return model.fit(X, Y, verbose=0)

    return call


LAYERS: dict[str, Case] = {
    "units zero": case(lambda: L.Dense(0), ValueError, "Dense", "units", "> 0", "0"),
    "units fraction": case(lambda: L.Dense(2.5), TypeError, "units", "integer", "2.5"),
    "units None": case(lambda: L.Dense(None), TypeError, "units", "integer", "None"),
    "units a bool": case(lambda: L.Dense(True), TypeError, "units", "True"),
    "activation": case(lambda: L.Dense(1, "rellu"), ValueError, "activation 'rellu'", "'relu'", "gelu"),
    "initializer": case(lambda: L.Dense(1, kernel_initializer="he"), ValueError, "initializer 'he'", "he_normal"),
    "regularizer": case(lambda: L.Dense(1, kernel_regularizer="l3"), ValueError, "regularizer 'l3'", "l2"),
    "constraint": case(lambda: L.Dense(1, kernel_constraint="positive"), ValueError, "constraint 'positive'"),
    "unknown argument": case(lambda: L.Dense(1, unit=3), TypeError, "unit"),
    "name with a slash": case(lambda: L.Dense(1, name="a/b"), ValueError, "Dense", "'/'", "a/b"),
    "name a number": case(lambda: L.Dense(1, name=3), ValueError, "name", "3"),
    "dtype": case(lambda: L.Dense(1, dtype="float16"), ValueError, "'float32', 'float64'", "float16"),
    "rate of 1": case(lambda: L.Dropout(1), ValueError, "Dropout", "between 0 and 1", "got 1"),
    "rate negative": case(lambda: L.Dropout(-0.1), ValueError, "Dropout", "-0.1"),
    "rate text": case(lambda: L.Dropout("half"), ValueError, "Dropout", "half"),
    "reshape": case(lambda: L.Reshape((3, 5))(pydl.Input((4,))), ValueError, "Reshape", "4 elements", "(3, 5)"),
    "reshape of two -1": case(lambda: L.Reshape((-1, -1)), ValueError, "Reshape", "one -1"),
    "reshape zero": case(lambda: L.Reshape((0,)), ValueError, "Reshape", "> 0"),
    "rescaling text": case(lambda: L.Rescaling("a lot"), TypeError, "Rescaling", "scale", "a lot"),
    "momentum": case(lambda: L.BatchNormalization(momentum=2), ValueError, "BatchNormalization", "momentum", "2"),
    "epsilon": case(lambda: L.LayerNormalization(epsilon=0), ValueError, "LayerNormalization", "epsilon", "> 0"),
    "axis": case(
        lambda: built_with(L.BatchNormalization(axis=0)), ValueError, "BatchNormalization", "other than the first", "0"
    ),
    "add of shapes": case(
        lambda: L.Add(name="sum")([pydl.Input((4,)), pydl.Input((3,))]),
        ValueError,
        "Add",
        "sum",
        "(None, 4)",
        "(None, 3)",
    ),
    "add of one": case(lambda: L.Add(name="sum")(pydl.Input((4,))), ValueError, "Add", "sum", "at least one tensor"),
    "concatenate axis": case(
        lambda: L.Concatenate(axis=0)([pydl.Input((2, 3)), pydl.Input((2, 3))]),
        ValueError,
        "Concatenate",
        "axis behind the batch",
        "axis 0",
    ),
    "concatenate of shapes": case(
        lambda: L.Concatenate()([pydl.Input((2, 3)), pydl.Input((3, 3))]), ValueError, "matching shapes"
    ),
    "dense of two": case(
        lambda: L.Dense(1, name="d")([pydl.Input((4,)), pydl.Input((4,))]), ValueError, "Dense", '"d"', "one input"
    ),
    "dense of another size": case(
        lambda: second_use(L.Dense(1, name="d")), ValueError, 'Dense "d"', "(batch, ..., 4)", "(None, 3)"
    ),
    "normalization of another size": case(
        lambda: second_use(L.LayerNormalization(name="n")), ValueError, '"n"', "4 features along axis -1", "(None, 3)"
    ),
    "mixed dtypes": case(mixed_dtypes, ValueError, '"wide"', "float64", '"narrow"', "float32", "set_floatx"),
    "dense of single numbers": case(lambda: L.Dense(1, name="d")(pydl.Input(())), ValueError, '"d"', "(None,)"),
    "softmax of single numbers": case(
        lambda: L.Activation("softmax", name="s")(pydl.Input(())), ValueError, '"s"', "(batch, ..., classes)", "(None,)"
    ),
    "concatenation of single numbers": case(
        lambda: L.Concatenate()([pydl.Input(()), pydl.Input(())]), ValueError, "(batch, ..., columns)", "(None,)"
    ),
    "embedding of nothing": case(lambda: L.Embedding(0, 4), ValueError, "Embedding", "input_dim", "> 0", "0"),
    "embedding into nothing": case(lambda: L.Embedding(4, 0), ValueError, "Embedding", "output_dim", "> 0", "0"),
    "more codes than floats": case(lambda: L.Embedding(2**24 + 1, 1), ValueError, "input_dim", "16777217"),
    "masking of text": case(lambda: L.Masking("0"), TypeError, "Masking", "mask_value", "0"),
    "masking without features": case(lambda: L.Masking(name="m")(pydl.Input(())), ValueError, '"m"', "features"),
    "pooling of a matrix": case(
        lambda: L.GlobalAveragePooling1D(name="p")(pydl.Input((4,))), ValueError, '"p"', "(batch, steps, features)"
    ),
    "pooling, channels first": case(
        lambda: L.GlobalAveragePooling1D("channels_first"), ValueError, "data_format", "channels_last"
    ),
    "embedding of two": case(
        lambda: L.Embedding(4, 4, name="e")([pydl.Input((4,)), pydl.Input((4,))]), ValueError, '"e"', "one input"
    ),
    "input of zero": case(lambda: pydl.Input((0,)), ValueError, "Input", "(0,)"),
    "input text": case(lambda: pydl.Input("4"), TypeError, "Input", "4"),
    "input of open features": case(
        lambda: L.Dense(2, name="d")(pydl.Input((3, None))), ValueError, '"d"', "last size", "(None, 3, None)"
    ),
    "no call": case(trained(Mine()), NotImplementedError, "Mine", "call", "backward"),
    "no ops": case(trained(InNumPy(name="n")), TypeError, "pydl.ops", "stop_gradient"),
    "call of another shape": case(trained(OfAnotherShape(name="o")), ValueError, '"o"', "(8, 2)", "(8, 4)"),
    "a layer on text": case(lambda: L.Dense(1, name="d")("text"), TypeError, '"d"', "numbers"),
    "a layer on None": case(lambda: L.Dense(1, name="d")(None), TypeError, '"d"', "None"),
    "a layer on a row": case(lambda: L.Dense(1, name="d")(X[0]), ValueError, '"d"'),
}


def built_with(layer: L.Layer) -> Any:
    return pydl.Sequential([pydl.Input((4, 3)), layer])


def second_use(layer: L.Layer) -> Any:
    layer(pydl.Input((4,)))
    return layer(pydl.Input((3,)))


MODELS: dict[str, Case] = {
    "shared names": case(shared_names, ValueError, "two layers", "twin"),
    "foreign input": case(foreign_input, ValueError, '"other"', "not in `inputs`"),
    "arrays as inputs": case(lambda: pydl.Model(X, X), TypeError, "inputs", "symbolic"),
    "layers as outputs": case(lambda: pydl.Model(pydl.Input((4,)), L.Dense(1)), TypeError, "outputs", "symbolic"),
    "nothing": case(lambda: pydl.Model([], []), TypeError, "inputs", "symbolic"),
    "sequential of a layer": case(lambda: pydl.Sequential(L.Dense(1)), TypeError, "list of layers", "Dense"),
    "sequential of a class": case(lambda: pydl.Sequential([L.Dense]), TypeError, "Dense", "parentheses"),
    "sequential of text": case(lambda: pydl.Sequential(["dense"]), TypeError, "layers", "dense"),
    "sequential, input last": case(lambda: pydl.Sequential([L.Dense(1), INPUT]), ValueError, "Input", "first"),
    "pop of nothing": case(lambda: pydl.Sequential(name="net").pop(), ValueError, '"net"', "no layer"),
    "no such layer": case(lambda: built().get_layer("in"), ValueError, '"net"', "'in'", "out"),
    "no such place": case(lambda: built().get_layer(index=5), ValueError, '"net"', "5", "1 layer"),
    "which layer": case(lambda: built().get_layer(), ValueError, '"net"', "name", "index"),
    "a model of another size": case(
        lambda: built()(pydl.Input((3,))), ValueError, '"net"', "(None, 4)", "(None, 3)"
    ),
    "a model of one input on two": case(
        lambda: built()([pydl.Input((4,)), pydl.Input((4,))]), ValueError, '"net"', "(None, 4)"
    ),
    "too few weights": case(lambda: built().set_weights([X]), ValueError, '"net"', "2 weight arrays", "1"),
    "weights of another shape": case(
        lambda: built().set_weights([X, X]), ValueError, "out/kernel", "(4, 1)", "(8, 4)"
    ),
    "weights None": case(lambda: built().set_weights(None), TypeError, "None"),
    "weights text": case(lambda: built().set_weights([[["a"]] * 4, ["b"]]), TypeError, "out/kernel", "numbers"),
    # -- not built, not compiled
    **{
        f"{method} before compile": case(
            lambda method=method: getattr(built(), method)(X, Y), ValueError, method, '"net"', "is not compiled"
        )
        for method in ("fit", "evaluate", "train_on_batch", "test_on_batch", "gradients", "trace")
    },
    **{
        f"{method} before build": case(
            lambda method=method, given=given: getattr(unbuilt(), method)(*given),
            ValueError, method, '"net"', "not built", "Input",
        )
        for method, given in {
            "plan": (), "save": ("m.safetensors",), "save_weights": ("m.safetensors",),
            "load_weights": ("m.safetensors",),
        }.items()
    },
    "weights set before build": case(lambda: unbuilt().set_weights([X]), ValueError, '"net"', "not built", "Input"),
    "no layers": case(lambda: pydl.Sequential(name="net").predict(X), ValueError, '"net"', "no layers"),
    "unbuilt fit of batches": case(lambda: unbuilt_compiled().fit(iter([])), ValueError, "input shape", "no batch"),
    "plan of a kind": case(lambda: compiled().plan(4, "fit"), ValueError, "plan", "kind", "train", "'fit'"),
    "plan of a size": case(lambda: compiled().plan(0), ValueError, "batch_size", ">= 1", "0"),
    "plan of training, not compiled": case(lambda: built().plan(4, "train"), ValueError, "not compiled"),
    "a shape": case(lambda: unbuilt().build(4), TypeError, "build", "input_shape", "4"),
}  # fmt: skip


def unbuilt_compiled() -> Any:
    model = unbuilt()
    model.compile("sgd", "mse")
    return model


COMPILE: dict[str, Case] = {
    "loss": case(compiling("sgd", "mze"), ValueError, "loss 'mze'", "'mse'", "mean_squared_error"),
    "fit without a loss": case(lambda: without_loss().fit(X, Y), ValueError, "fit", "without a loss", '"mse"'),
    "loss a number": case(compiling("sgd", 3), TypeError, "loss", "3"),
    "loss of no output": case(compiling("sgd", {"in": "mse"}), ValueError, "loss", "'in'", "out"),
    "one loss in a list for two": case(
        lambda: two_outputs().compile("sgd", ["mse"]), ValueError, "list of 2", "p", "q"
    ),
    "no output with a loss": case(lambda: two_outputs().compile("sgd", {"p": None}), ValueError, "none of the outputs"),
    "loss without reduction": case(
        lambda: fit_with(pydl.losses.MeanSquaredError(reduction="none")),
        ValueError,
        "mean_squared_error",
        "none",
        "sum",
    ),
    "optimizer": case(compiling("adamm", "mse"), ValueError, "optimizer 'adamm'", "'adam'", "sgd"),
    "optimizer None": case(compiling(None, "mse"), ValueError, "optimizer is None", "adam"),
    "optimizer a number": case(compiling(0.01, "mse"), TypeError, "optimizer", "0.01"),
    "metric": case(compiling("sgd", "mse", ["acuracy"]), ValueError, "metric 'acuracy'", "accuracy"),
    "metrics None within": case(compiling("sgd", "mse", [None]), ValueError, "metrics", "None"),
    "metric twice": case(
        lambda: built().compile("sgd", "mse", 2 * [pydl.metrics.MeanAbsoluteError()]), ValueError, "twice", "each use"
    ),
    "metrics of no output": case(compiling("sgd", "mse", {"in": ["mae"]}), ValueError, "metrics", "'in'", "out"),
    "flat metrics for two": case(
        lambda: two_outputs().compile("sgd", "mse", ["mae", "mse", "mae"]), ValueError, "metrics", "list of 2"
    ),
    "a metric of two figures": case(
        lambda: fit_with("mse", [lambda t, y: np.ones(2)]), ValueError, "one value per sample", "or one number"
    ),
    "loss weight text": case(compiling("sgd", "mse", loss_weights="a"), TypeError, "loss_weights", "number", "'a'"),
    "loss weight NaN": case(compiling("sgd", "mse", loss_weights=np.nan), ValueError, "loss_weights", "finite"),
    "loss weights of two": case(compiling("sgd", "mse", loss_weights=[1, 2]), ValueError, "loss_weights", "2"),
    "learning rate": case(lambda: pydl.optimizers.SGD(-1), ValueError, "SGD", "learning_rate", "-1"),
    "learning rate text": case(lambda: pydl.optimizers.Adam("fast"), TypeError, "Adam", "learning_rate", "fast"),
}


def fit_with(loss: Any, metrics: Any = None) -> None:
    model = built()
    model.compile("sgd", loss, metrics=metrics)
    model.fit(X, Y, verbose=0)


FIT: dict[str, Case] = {
    "batch_size 0": case(fit(batch_size=0), ValueError, "fit", "batch_size", ">= 1", "0"),
    "batch_size fraction": case(fit(batch_size=2.5), TypeError, "batch_size", "2.5"),
    "batch_size text": case(fit(batch_size="32"), TypeError, "batch_size", "'32'"),
    "batch_size True": case(fit(batch_size=True), TypeError, "batch_size", "True"),
    "batch_size of predict": case(lambda: built().predict(X, batch_size=-1), ValueError, "predict", "batch_size", "-1"),
    "batch_size of evaluate": case(
        lambda: compiled().evaluate(X, Y, batch_size=0), ValueError, "evaluate", "batch_size"
    ),
    "epochs negative": case(fit(epochs=-1), ValueError, "fit", "epochs", ">= 0", "-1"),
    "epochs fraction": case(fit(epochs=1.5), TypeError, "epochs", "1.5"),
    "epochs None": case(fit(epochs=None), TypeError, "epochs", "None"),
    "initial_epoch": case(fit(initial_epoch=-2), ValueError, "initial_epoch", "-2"),
    "validation_split 1": case(fit(validation_split=1.0), ValueError, "validation_split", "< 1", "1.0"),
    "validation_split negative": case(fit(validation_split=-0.1), ValueError, "validation_split", "-0.1"),
    "validation_split text": case(fit(validation_split="0.1"), TypeError, "validation_split", "'0.1'"),
    "validation_split of all": case(fit(validation_split=0.99), ValueError, "validation_split", "8 rows", "empty"),
    "validation_freq": case(fit(validation_freq=0), ValueError, "validation_freq", "> 0"),
    "validation_batch_size": case(
        fit(validation_batch_size=0, validation_split=0.5), ValueError, "validation_batch_size", "> 0", "0"
    ),
    "validation_steps": case(fit(validation_steps=0, validation_split=0.5), ValueError, "validation_steps", "> 0", "0"),
    "steps_per_epoch": case(fit(steps_per_epoch=0), ValueError, "steps_per_epoch", "> 0", "0"),
    "steps of evaluate": case(lambda: compiled().evaluate(X, Y, steps=0), ValueError, "evaluate", "steps", "> 0"),
    "steps of predict": case(lambda: built().predict(X, steps=-1), ValueError, "predict", "steps", "> 0"),
    "verbose": case(fit(verbose="loud"), ValueError, "verbose", "0, 1, 2", "'loud'"),
    "shuffle": case(fit(shuffle="batch"), TypeError, "shuffle", "True or False", "'batch'"),
    "callbacks": case(fit(callbacks=["stop"]), TypeError, "callbacks", "Callback", "stop"),
    "a callback class": case(fit(callbacks=[pydl.callbacks.History]), TypeError, "callbacks", "parentheses"),
    "unknown argument": case(fit(epoch=3), TypeError, "epoch"),
}

GROUPS = {"layer": LAYERS, "model": MODELS, "compile": COMPILE, "fit": FIT}
CASES = {f"{group}: {name}": c for group, cases in GROUPS.items() for name, c in cases.items()}


@pytest.mark.parametrize("name", CASES)
def test_bad_argument(name: str) -> None:
    call, kind, words = CASES[name]
    with pytest.raises(kind) as error:
        call()
    message = str(error.value)
    missing = [word for word in words if word not in message]
    assert not missing, f"{message!r} does not say {missing}"
