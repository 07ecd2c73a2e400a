"""Closed tables: names, classes, instances, configs, a user's own classes, and what is refused."""

import json

import numpy as np
import pytest

from pydl import activations, constraints, initializers, losses, metrics, optimizers, regularizers
from pydl._base.registry import Configurable, FromFunction, custom_object_scope, serialize, snake_case, unknown_name
from pydl.losses.function import FunctionLoss
from pydl.optimizers import schedules

MODULES = {
    "initializers": (initializers, initializers.Initializer, "he_normal", initializers.HeNormal),
    "regularizers": (regularizers, regularizers.Regularizer, "l1_l2", regularizers.L1L2),
    "constraints": (constraints, constraints.Constraint, "max_norm", constraints.MaxNorm),
    "optimizers": (optimizers, optimizers.Optimizer, "adam", optimizers.Adam),
    "losses": (losses, losses.Loss, "MeanSquaredError", losses.MeanSquaredError),  # "mse" is a function
    "metrics": (metrics, metrics.Metric, "mse", metrics.MeanSquaredError),
}


#: Arguments that classes cannot do without.
NEEDED = {
    "SensitivityAtSpecificity": {"specificity": 0.5}, "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5}, "RecallAtPrecision": {"precision": 0.5}, "MeanIoU": {"num_classes": 3},
    "IoU": {"num_classes": 3, "target_class_ids": [0]}, "OneHotMeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0]},
    "LossScaleOptimizer": {"inner_optimizer": optimizers.SGD()},
    "MultiOptimizer": {"optimizer_map": optimizers.OptimizerMap(optimizers.SGD())},
}  # fmt: skip


@pytest.fixture(params=MODULES)
def table(request):
    return MODULES[request.param]


def test_get_takes_none_names_classes_instances_and_configs(table):
    module, base, name, cls = table
    assert module.get(None) is None
    instance = module.get(name)
    assert type(instance) is cls
    assert isinstance(instance, base)
    assert type(module.get(cls.__name__)) is cls
    assert type(module.get(cls)) is cls
    assert module.get(instance) is instance
    config = module.serialize(instance)
    assert config["class_name"] == cls.__name__
    again = module.get(json.loads(json.dumps(config)))
    assert type(again) is cls
    assert again.get_config() == instance.get_config()
    assert module.deserialize(config).get_config() == instance.get_config()


def test_every_class_survives_the_way_through_json(table):
    module, _, _, _ = table
    for cls in map(module._registry.find, module._registry.class_names):
        of_function = cls in (metrics.MeanMetricWrapper, FunctionLoss) or issubclass(cls, FromFunction)
        if of_function:  # see below
            continue
        instance = cls(**NEEDED.get(cls.__name__, {}))
        config = json.loads(json.dumps(serialize(instance)))
        assert module.get(config).get_config() == instance.get_config()


@pytest.mark.parametrize(
    ("get", "wrong", "right"),
    [
        (initializers.get, "he_norml", "he_normal"),
        (regularizers.get, "l3", "l1"),
        (constraints.get, "maxnrm", "max_norm"),
        (optimizers.get, "adamm", "adam"),
        (losses.get, "binary_crosentropy", "binary_crossentropy"),
        (metrics.get, "binary_acuracy", "binary_accuracy"),
        (activations.get, "rleu", "relu"),
    ],
)
def test_unknown_name_lists_the_valid_ones_and_the_closest(get, wrong, right):
    with pytest.raises(ValueError, match=f"'{wrong}'.*did you mean .*valid names: .*{right}"):
        get(wrong)


@pytest.mark.parametrize(
    "config",
    [{}, {"class_name": 3}, {"class_name": "Zeros", "config": 3}, {"class_name": "Zeros", "config": {"nonsense": 1}},
     {"class_name": "os.system", "config": {}}, {"class_name": "RandomNormal", "config": {"stddev": "big"}}],
)  # fmt: skip
def test_malformed_config_is_a_value_error(config):
    with pytest.raises(ValueError):
        initializers.get(config)


@pytest.mark.parametrize("identifier", [3, 3.5, object(), ["zeros"], int])
def test_anything_else_is_a_type_error(identifier):
    with pytest.raises(TypeError, match="expected a name"):
        initializers.get(identifier)


class Halves(initializers.Initializer):
    def __init__(self, numerator: float = 1.0) -> None:
        self.numerator = numerator

    def values(self, shape):
        return np.full(shape, self.numerator / 2)


def test_custom_classes_are_found_only_where_handed_over():
    config = serialize(Halves(3.0))
    with pytest.raises(ValueError, match="unknown initializer 'Halves'"):
        initializers.get(config)
    made = initializers.get(config, custom_objects={"Halves": Halves})
    np.testing.assert_array_equal(made((2,)), [1.5, 1.5])
    with custom_object_scope({"Halves": Halves}):
        assert type(initializers.get("Halves")) is Halves
    with pytest.raises(ValueError, match="unknown initializer"):
        initializers.get("Halves")


def test_custom_object_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="Initializer"):
        initializers.get("Halves", custom_objects={"Halves": int})


def test_custom_objects_reach_nested_configs():
    class Slow(schedules.LearningRateSchedule):
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, step):
            return self.rate / (step + 1)

    config = json.loads(json.dumps(optimizers.serialize(optimizers.SGD(Slow(0.5)))))
    with pytest.raises(ValueError, match="unknown learning rate schedule 'Slow'"):
        optimizers.get(config)
    assert optimizers.get(config, custom_objects={"Slow": Slow}).rates(1, 2).tolist() == [0.25, 0.5 / 3]


def test_config_follows_keyword_arguments_to_the_base_class():
    class Base(Configurable):
        def __init__(self, a, b=2):
            self.a, self.b = a, b

    class Derived(Base):
        def __init__(self, c, **kwargs):
            super().__init__(**kwargs)
            self.c = c

    assert Derived(1, a=np.float64(0.5), b=(1, 2)).get_config() == {"c": 1, "a": 0.5, "b": (1, 2)}
    assert Derived.from_config({"c": 1, "a": 5}).get_config() == {"c": 1, "a": 5, "b": 2}


def test_an_argument_that_was_not_kept_is_reported():
    class Forgetful(Configurable):
        def __init__(self, size):
            self.twice = 2 * size

    with pytest.raises(NotImplementedError, match=r"Forgetful.*'size'.*override get_config"):
        Forgetful(1).get_config()


def test_functions_cannot_be_saved():
    with pytest.raises(TypeError, match="cannot save"):
        serialize(len)
    with pytest.raises(TypeError, match="cannot save"):
        metrics.get(lambda t, y: abs(t - y)).get_config()


def error(y_true, y_pred, power=1):
    return abs(y_true - y_pred) ** power


def test_a_metrics_function_is_saved_by_name_and_found_only_where_handed_over():
    config = json.loads(json.dumps(serialize(metrics.MeanMetricWrapper(error, power=2))))
    with pytest.raises(ValueError, match=r"unknown function 'error'; pass it in custom_objects"):
        metrics.get(config)
    metric = metrics.get(config, custom_objects={"error": error})
    metric.update_state([1.0, 2.0], [1.0, 5.0])
    assert metric.name == "error"
    assert metric.result() == 4.5
    with pytest.raises(ValueError, match="unknown function"):
        metrics.get({"class_name": "MeanMetricWrapper", "config": {}})


def test_a_loss_as_a_metric_is_saved_with_its_config():
    config = json.loads(json.dumps(serialize(metrics.get(losses.BinaryCrossentropy(from_logits=True, name="bce")))))
    again = metrics.get(config)
    assert again.name == "bce"
    assert again.fn.from_logits


@pytest.mark.parametrize(
    ("get", "name"),
    [(losses.get, "mse"), (metrics.get, "mse"), (optimizers.get, "sgd"), (schedules.deserialize, "CosineDecay")],
)
def test_names_are_strings(get, name):
    config = {"initial_learning_rate": 0.1, "decay_steps": 10} if name == "CosineDecay" else {}
    with pytest.raises(ValueError, match="name must be a string"):
        get({"class_name": name, "config": {**config, "name": {"a": 1}}})


@pytest.mark.parametrize(
    ("name", "snake"),
    [("MeanSquaredError", "mean_squared_error"), ("TopKCategoricalAccuracy", "top_k_categorical_accuracy"),
     ("L1L2", "l1l2"), ("SGD", "sgd"), ("MinMaxNorm", "min_max_norm")],
)  # fmt: skip
def test_snake_case(name, snake):
    assert snake_case(name) == snake


def test_unknown_name_without_a_close_one_gives_no_hint():
    with pytest.raises(ValueError, match=r"unknown thing 'zzz'; valid names: a, b$"):
        unknown_name("thing", "zzz", ["b", "a"])


def test_an_activation_among_the_arguments_is_saved_as_its_name():
    class Gate(Configurable):
        def __init__(self, activation):
            self.activation = activations.get(activation)

    assert Gate("relu").get_config() == {"activation": "relu"}
    config = Gate(activations.Activation("elu", 2.0)).get_config()
    assert Gate.from_config(json.loads(json.dumps(config))).activation == activations.Activation("elu", 2.0)
