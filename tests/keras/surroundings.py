"""What Keras programs expect around Keras, for `tests.keras.programs`: bits of TensorFlow, data, short training."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

ROWS, EPOCHS, STEPS = 128, 20, 2


class Eager(np.ndarray):
    """What `tf.constant` gives: an array with `numpy`."""

    def numpy(self) -> np.ndarray:
        return np.asarray(self)


def eager(x: Any) -> Any:
    return (
        x.view(Eager)
        if type(x) is np.ndarray
        else Eager.__new__(Eager, (), x.dtype) + x
        if isinstance(x, np.generic)
        else x
    )


class Dataset:
    """Elements that can be gone through again and again, as `tf.data.Dataset` has them."""

    def __init__(self, elements: Callable[[], Iterable[Any]], n: int | None = None) -> None:
        self.elements, self.n = elements, n

    def __iter__(self) -> Iterator[Any]:
        return iter(self.elements())

    def __len__(self) -> int:
        if self.n is None:
            self.n = sum(1 for _ in self)
        return self.n

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        import pydl

        arrays = pydl.tree.map_structure(np.asarray, tensors)
        n = len(pydl.tree.flatten(arrays)[0])
        return Dataset(lambda: (pydl.tree.map_structure(lambda a, i=i: a[i], arrays) for i in range(n)), n)

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        return Dataset(lambda: [tensors], 1)

    @staticmethod
    def from_generator(generator: Callable[[], Iterable[Any]], *_: Any, **__: Any) -> Dataset:
        return Dataset(generator)

    @staticmethod
    def range(*ends: int) -> Dataset:
        return Dataset(lambda: map(np.int64, range(*ends)))

    @staticmethod
    def zip(*sets: Any) -> Dataset:
        return Dataset(lambda: zip(*(sets[0] if len(sets) == 1 else sets), strict=False))

    def batch(self, size: int, drop_remainder: bool = False, **_: Any) -> Dataset:
        import pydl

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while rows := list(itertools.islice(elements, size)):
                if len(rows) == size or not drop_remainder:
                    yield pydl.tree.map_structure(lambda *a: eager(np.stack(a)), *rows)

        return Dataset(batches)

    def unbatch(self) -> Dataset:
        import pydl

        flat = pydl.tree.flatten
        return Dataset(
            lambda: (pydl.tree.map_structure(lambda a, i=i: a[i], b) for b in self for i in range(len(flat(b)[0])))
        )

    def map(self, function: Callable[..., Any], **_: Any) -> Dataset:
        return Dataset(lambda: (function(*e) if isinstance(e, tuple) else function(e) for e in self), self.n)

    def filter(self, function: Callable[..., Any]) -> Dataset:
        return Dataset(lambda: (e for e in self if (function(*e) if isinstance(e, tuple) else function(e))))

    def take(self, n: int) -> Dataset:
        return Dataset(lambda: itertools.islice(self, n if n >= 0 else None))

    def skip(self, n: int) -> Dataset:
        return Dataset(lambda: itertools.islice(self, n, None))

    def repeat(self, n: int | None = None) -> Dataset:
        return Dataset(lambda: itertools.chain.from_iterable(self for _ in (range(n) if n else itertools.count())))

    def concatenate(self, other: Dataset) -> Dataset:
        return Dataset(lambda: itertools.chain(self, other))

    def same(self, *_: Any, **__: Any) -> Dataset:
        return self

    shuffle = cache = prefetch = with_options = as_numpy_iterator = apply = same

    def cardinality(self) -> Any:
        return eager(np.array(len(self)))

    def get_single_element(self) -> Any:
        return next(iter(self))


# TensorFlow's name for what `pydl.ops` has by another one.
OTHER = {
    "reduce_mean": "mean", "reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "concat": "concatenate",
    "pow": "power", "identity": "copy", "reduce_all": "all", "reduce_any": "any", "reduce_logsumexp": "logsumexp",
    "reduce_prod": "prod", "reduce_variance": "var", "reduce_std": "std", "range": "arange",
}  # fmt: skip
# Arguments that TensorFlow's function calls otherwise.
RENAMED = {("one_hot", "depth"): "num_classes", ("reshape", "shape"): "newshape", ("transpose", "perm"): "axes",
           ("tile", "multiples"): "repeats"}  # fmt: skip


class TensorFlow(ModuleType):
    """Answers with `pydl.ops` what it can."""

    __path__ = ()  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        import pydl

        function = getattr(pydl.ops, OTHER.get(name, name), None)
        if function is None or name.startswith("_"):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}' (stand-in of TensorFlow)")
        return lambda *a, **k: eager(function(*a, **{RENAMED.get((name, key), key): v for key, v in k.items()}))


def _tensorflow() -> TensorFlow:
    import pydl

    def constant(value: Any, dtype: Any = None, shape: Any = None, **_: Any) -> Any:
        x = np.asarray(value, dtype)
        x = x.astype(np.float32) if x.dtype == np.float64 and dtype is None and not hasattr(value, "dtype") else x
        return eager(x if shape is None else np.broadcast_to(x, shape).copy())

    def function(f: Any = None, **_: Any) -> Any:
        return f if f is not None else lambda g: g

    def drawn(name: str) -> Callable[..., Any]:
        return lambda *a, **k: eager(getattr(pydl.random, name)(*a, **k))

    tf = TensorFlow("tensorflow")
    dtypes = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
    experimental = SimpleNamespace(AUTOTUNE=-1, cardinality=lambda d: d.cardinality())
    vars(tf).update(
        {d: np.dtype(d) for d in dtypes}, string="string", constant=constant, convert_to_tensor=constant,
        function=function, newaxis=None, Variable=pydl.Variable, Tensor=np.ndarray, __version__="2.16.1",
        executing_eagerly=lambda: True, nn=TensorFlow("tensorflow.nn"), math=TensorFlow("tensorflow.math"),
        linalg=TensorFlow("tensorflow.linalg"), image=TensorFlow("tensorflow.image"), TensorShape=tuple,
        is_tensor=lambda x: isinstance(x, np.ndarray),
        random=SimpleNamespace(
            set_seed=pydl.utils.set_random_seed, normal=drawn("normal"), uniform=drawn("uniform"),
            shuffle=drawn("shuffle"), truncated_normal=drawn("truncated_normal"),
        ),
        data=SimpleNamespace(Dataset=Dataset, AUTOTUNE=-1, experimental=experimental),
        config=SimpleNamespace(list_physical_devices=lambda *_: [], run_functions_eagerly=lambda *_: None),
        get_logger=lambda: SimpleNamespace(setLevel=lambda *_: None), print=print, print_function=print,
    )  # fmt: skip
    for inner in ("nn", "math", "linalg", "image", "data"):
        sys.modules[f"tensorflow.{inner}"] = getattr(tf, inner)
    return tf


def _load(train: tuple[int, ...], test: int, classes: int, column: bool = False) -> Callable[..., Any]:
    """A `load_data` of made-up rows of the true number and shape."""

    def load_data(*_: Any, **__: Any) -> Any:
        draw = np.random.default_rng(0)
        parts = []
        for n in (train[0], test):
            x = draw.integers(0, 256, (n, *train[1:]), np.uint8) if classes else draw.normal(5, 2, (n, *train[1:]))
            y = (
                draw.integers(0, classes, (n, 1) if column else n).astype(np.uint8)
                if classes
                else draw.normal(20, 5, n)
            )
            parts.append((x, y))
        return tuple(parts)

    return load_data


def _texts(train: int, test: int, classes: int) -> Callable[..., Any]:
    def load_data(*_: Any, num_words: int | None = None, **__: Any) -> Any:
        draw = np.random.default_rng(0)
        words = min(num_words or 10000, 10000)

        def part(n: int) -> tuple[np.ndarray, np.ndarray]:
            x = np.empty(n, object)
            x[:] = [[1, *draw.integers(4, words, length).tolist()] for length in draw.integers(5, 60, n)]
            return x, draw.integers(0, classes, n)

        return part(train), part(test)

    return load_data


def _small_data() -> None:
    from pydl import datasets

    for name, load in {
        "mnist": _load((60000, 28, 28), 10000, 10), "fashion_mnist": _load((60000, 28, 28), 10000, 10),
        "cifar10": _load((50000, 32, 32, 3), 10000, 10, True), "cifar100": _load((50000, 32, 32, 3), 10000, 100, True),
        "boston_housing": _load((404, 13), 102, 0), "california_housing": _load((16512, 8), 4128, 0),
        "imdb": _texts(25000, 25000, 2), "reuters": _texts(8982, 2246, 46),
    }.items():  # fmt: skip
        module = getattr(datasets, name)
        module.load_data = load
        if hasattr(module, "get_word_index"):
            module.get_word_index = lambda *_, **__: {f"word{i}": i for i in range(1, 10000)}


def _short_training() -> None:
    import pydl

    fit, evaluate = pydl.Model.fit, pydl.Model.evaluate

    def cut(x: Any) -> Any:
        if isinstance(x, (list, dict, tuple)):
            return pydl.tree.map_structure(cut, x)
        return x[:ROWS] if hasattr(x, "shape") else x

    def brief(self: Any, x: Any = None, y: Any = None, *args: Any, **given: Any) -> Any:
        if "nb_epoch" not in given:
            given["epochs"] = min(given.get("epochs", 1), given.get("initial_epoch", 0) + EPOCHS)
        if y is not None:
            x, y, given["sample_weight"] = cut(x), cut(y), cut(given.get("sample_weight"))
        elif not hasattr(x, "shape"):
            given["steps_per_epoch"] = min(given.get("steps_per_epoch") or STEPS, STEPS)
        else:
            x = cut(x)
        held_out = given.get("validation_data")
        if isinstance(held_out, tuple):
            given["validation_data"] = tuple(map(cut, held_out))
        elif held_out is not None:
            given["validation_steps"] = STEPS
        return fit(self, x, y, *args, **given)

    def briefly(self: Any, x: Any = None, y: Any = None, *args: Any, **given: Any) -> Any:
        if y is not None:
            return evaluate(self, cut(x), cut(y), *args, **{**given, "sample_weight": cut(given.get("sample_weight"))})
        return evaluate(self, x, y, *args, **{**given, "steps": STEPS})

    pydl.Model.fit, pydl.Model.evaluate = brief, briefly  # type: ignore[method-assign,assignment]


def _dataset(made: Any) -> Any:
    return tuple(map(_dataset, made)) if isinstance(made, tuple) else Dataset(lambda: list(made))


def install() -> None:
    """Put pydl in Keras's place, and the rest around it."""
    import pydl

    sys.modules["tensorflow"] = _tensorflow()
    pydl.utils.install_as_keras(("keras", "tensorflow.keras", "tf_keras", "keras_core"))
    for name in (
        "image_dataset_from_directory", "text_dataset_from_directory", "timeseries_dataset_from_array",
    ):  # fmt: skip
        made = getattr(pydl.utils, name)
        setattr(pydl.utils, name, lambda *a, made=made, **k: _dataset(made(*a, **k)))
    _small_data()
    _short_training()
