"""ONNX files as models: what comes out is ONNX Runtime's, channels are last within, and weights can be trained."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import pydl
from pydl.models import load_onnx

RNG = np.random.default_rng(17)


def weight(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.4, shape).astype("float32")


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs.split(), outputs.split(), name=f"{op}_{outputs}", **attributes)


def saved(path: Path, nodes: list[Any], shape: Any, tensors: dict[str, np.ndarray], output: str = "y",
          opset: int = 17, kind: int = TensorProto.FLOAT) -> bytes:  # fmt: skip
    """A file with an input x of a shape, whose first size is the batch."""
    x = helper.make_tensor_value_info("x", kind, shape)
    y = helper.make_tensor_value_info(output, kind, None)
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(w, n) for n, w in tensors.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    content: bytes = model.SerializeToString()
    path.write_bytes(content)
    return content


def of_runtime(content: bytes, x: np.ndarray) -> np.ndarray:
    """What ONNX Runtime makes of an array."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])


def close(y: Any, wanted: np.ndarray) -> None:
    assert y.shape == wanted.shape
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=2e-5 * max(1e-3, float(np.abs(wanted).max())))


def dense(path: Path) -> bytes:
    """Three ways in which products are written."""
    nodes = [
        node("Gemm", "x w1 b1", "h1", transB=1, alpha=0.5, beta=2.0), node("Relu", "h1", "r1"),
        node("MatMul", "r1 w2", "h2"), node("Add", "b2 h2", "a2"), node("Tanh", "a2", "r2"),
        node("MatMul", "r2 w3", "h3"), node("Softmax", "h3", "y"),
    ]  # fmt: skip
    tensors = {"w1": weight(7, 5), "b1": weight(7), "w2": weight(7, 6), "b2": weight(6), "w3": weight(6, 3)}
    return saved(path, nodes, ["n", 5], tensors)


def convolutional(path: Path, batch: Any = "n") -> bytes:
    """Borders on one side, groups, pooling, statistics and a flattening in front of a product."""
    nodes = [
        node("Conv", "x w1 b1", "c1", pads=[0, 1, 1, 0]), node("Relu", "c1", "r1"),
        node("BatchNormalization", "r1 gamma beta mean var", "n1", epsilon=1e-3),
        node("Conv", "n1 w2", "c2", group=6, strides=[2, 2], pads=[1, 1, 1, 1]),
        node("MaxPool", "c2", "p2", kernel_shape=[2, 2], pads=[1, 0, 0, 1]),
        node("Flatten", "p2", "f"), node("Gemm", "f w3 b3", "y"),
    ]  # fmt: skip
    statistics = {"gamma": weight(6), "beta": weight(6), "mean": weight(6), "var": np.abs(weight(6)) + 0.5}
    tensors = {"w1": weight(6, 3, 2, 2), "b1": weight(6), "w2": weight(6, 1, 3, 3), "b3": weight(4), **statistics}
    return saved(path, nodes, [batch, 3, 10, 8], {**tensors, "w3": weight(6 * 5 * 4, 4)})


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_products_become_dense_layers(tmp_path: Path, rows: int) -> None:
    content = dense(tmp_path / "m.onnx")
    model = load_onnx(tmp_path / "m.onnx")
    x = weight(rows, 5)
    close(model.predict(x, verbose=0), of_runtime(content, x))
    assert [type(layer).__name__ for layer in model.layers[1:4]] == ["Dense"] * 3
    assert [layer.activation.name for layer in model.layers[1:4]] == ["relu", "tanh", "linear"]
    assert [v.shape for v in model.trainable_weights] == [(5, 7), (7,), (7, 6), (6,), (6, 3)]
    assert model.inputs[0].name == "x"
    assert model.name == "m"


@pytest.mark.parametrize("batch", ["n", 1])
def test_images_keep_channels_last(tmp_path: Path, batch: Any) -> None:
    """One transposition at the front, none with "nhwc", whatever size of the batch the file says."""
    content = convolutional(tmp_path / "m.onnx", batch)
    x = weight(1, 3, 10, 8)
    wanted = of_runtime(content, x)
    model, last = (load_onnx(tmp_path / "m.onnx", inputs=way) for way in ("nchw", "nhwc"))
    close(model.predict(x, verbose=0), wanted)
    close(last.predict(x.transpose(0, 2, 3, 1), verbose=0), wanted)
    kinds = [[type(layer).__name__ for layer in m.layers] for m in (model, last)]
    assert kinds[0].count("Permute") == 1
    assert kinds[1].count("Permute") == 0
    assert "DepthwiseConv2D" in kinds[1]
    assert last.predict(np.repeat(x.transpose(0, 2, 3, 1), 3, axis=0), verbose=0).shape == (3, 4)


def test_statistics_are_not_trained(tmp_path: Path) -> None:
    convolutional(tmp_path / "m.onnx")
    model = load_onnx(tmp_path / "m.onnx")
    names = [v.path.split("/")[-1] for v in model.non_trainable_weights]
    assert names == ["moving_mean", "moving_variance"]
    assert len(model.trainable_weights) == 7


@pytest.mark.parametrize("make", [dense, convolutional])
def test_training_lowers_the_loss(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "m.onnx")
    model = load_onnx(tmp_path / "m.onnx")
    x = weight(64, *model.inputs[0].shape[1:])
    y = np.eye(model.output_shape[1])[x.reshape(64, -1)[:, : model.output_shape[1]].argmax(axis=1)]
    model.compile(pydl.optimizers.Adam(0.01), "mse")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=30, batch_size=16, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.9 * before


def test_an_imported_model_is_saved_and_read(tmp_path: Path) -> None:
    convolutional(tmp_path / "m.onnx")
    model = load_onnx(tmp_path / "m.onnx")
    model.save(tmp_path / "m.safetensors")
    x = weight(2, 3, 10, 8)
    again = pydl.models.load_model(tmp_path / "m.safetensors")
    assert np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_tensors_beside_tensors_are_trained_numbers_are_not(tmp_path: Path) -> None:
    tensors = {"w": weight(4, 1, 1), "k": np.float32([0.5])}
    nodes = [node("Mul", "w x", "a"), node("Mul", "a k", "b"), node("Sub", "b w", "y")]
    content = saved(tmp_path / "m.onnx", nodes, ["n", 4, 3, 2], tensors)
    model = load_onnx(tmp_path / "m.onnx")
    x = weight(3, 4, 3, 2)
    close(model.predict(x, verbose=0), of_runtime(content, x))
    assert [v.shape for v in model.trainable_weights] == [(1, 4, 1, 1)] * 2


def recurring_sizes(path: Path) -> bytes:
    """Sizes that the graph computes of its input, the batch's included, and what nothing needs."""
    nodes = [
        node("Shape", "x", "s"), node("Gather", "s zero", "b"), node("Unsqueeze", "b axis", "b1"),
        node("Concat", "b1 rest", "target", axis=0), node("Reshape", "x target", "y"), node("Erf", "x", "unused"),
    ]  # fmt: skip
    tensors = {"zero": np.int64(0), "axis": np.int64([0]), "rest": np.int64([6, -1])}
    return saved(path, nodes, ["n", 3, 4], tensors)


def test_shapes_are_folded(tmp_path: Path) -> None:
    content = recurring_sizes(tmp_path / "m.onnx")
    model = load_onnx(tmp_path / "m.onnx")
    x = weight(5, 3, 4)
    close(model.predict(x, verbose=0), of_runtime(content, x))
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Reshape"]


def test_a_shuffle_of_channels_moves_data_once(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "c"), node("Reshape", "c five", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1, 3, 4]), node("Reshape", "t four", "s"), node("Conv", "s w", "y"),
    ]  # fmt: skip
    tensors = {"w": weight(6, 6, 1, 1), "five": np.int64([-1, 2, 3, 4, 5]), "four": np.int64([0, 6, 4, 5])}
    content = saved(tmp_path / "m.onnx", nodes, ["n", 6, 4, 5], tensors)
    model = load_onnx(tmp_path / "m.onnx", inputs="nhwc")
    x = weight(2, 6, 4, 5)
    close(model.predict(x.transpose(0, 2, 3, 1), verbose=0).transpose(0, 3, 1, 2), of_runtime(content, x))
    assert sum(type(layer).__name__ == "Permute" for layer in model.layers) == 1


def test_codes_choose_rows_of_a_table(tmp_path: Path) -> None:
    tensors = {"table": weight(9, 4)}
    content = saved(tmp_path / "m.onnx", [node("Gather", "table x", "y")], ["n", 3], tensors, kind=TensorProto.INT64)
    x = RNG.integers(0, 9, (4, 3))
    model = load_onnx(tmp_path / "m.onnx")
    assert isinstance(model.layers[-1], pydl.layers.Embedding)
    assert np.array_equal(model.predict(x, verbose=0), tensors["table"][x])
    assert len(content) > 0


def test_doubles_give_a_model_of_doubles(tmp_path: Path) -> None:
    w = RNG.normal(size=(3, 2))
    content = saved(tmp_path / "m.onnx", [node("MatMul", "x w", "y")], ["n", 3], {"w": w}, kind=TensorProto.DOUBLE)
    x = RNG.normal(size=(2, 3))
    y = load_onnx(tmp_path / "m.onnx").predict(x, verbose=0)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, of_runtime(content, x), rtol=1e-14)


@pytest.mark.parametrize(
    ("op", "constant", "warned"),
    [
        ("Sub", 2**24, True),
        ("Less", 3, False),
        ("Less", 2**24 + 1, True),
        ("Equal", 2**24, True),
        ("Mod", 10, True),
        ("Max", 7, True),
    ],
)
def test_whole_numbers_that_floats_round_are_told(tmp_path: Path, op: str, constant: int, warned: bool) -> None:
    nodes = [node(op, "x c", "h"), node("Cast", "h", "y", to=TensorProto.INT64)]
    content = saved(tmp_path / "m.onnx", nodes, ["n", 2], {"c": np.int64([constant])}, kind=TensorProto.INT64)
    x = np.int64([[2**24 + 1, 2], [3, 2**24]])
    with pytest.warns(UserWarning, match=f"{op} '{op}_h'.*16,777,216") if warned else contextlib.nullcontext():
        load_onnx(tmp_path / "m.onnx")
    exact = load_onnx(tmp_path / "m.onnx", dtype="float64")
    np.testing.assert_array_equal(exact.predict(x, verbose=0), of_runtime(content, x))


@pytest.mark.parametrize(("alpha", "gamma"), [(1.67326319, 1.05070102), (1.05070102, 1.67326319)])
def test_selu_has_both_of_its_constants(tmp_path: Path, alpha: float, gamma: float) -> None:
    content = saved(tmp_path / "m.onnx", [node("Selu", "x", "y", alpha=alpha, gamma=gamma)], ["n", 3], {})
    x = RNG.normal(size=(4, 3)).astype("float32")
    close(load_onnx(tmp_path / "m.onnx").predict(x, verbose=0), of_runtime(content, x))


def test_sizes_that_keep_proportions_are_refused(tmp_path: Path) -> None:
    nodes = [node("Resize", "x none none sizes", "y", mode="nearest", keep_aspect_ratio_policy="not_larger")]
    tensors = {"none": np.zeros(0, "float32"), "sizes": np.int64([1, 1, 8, 4])}
    saved(tmp_path / "m.onnx", nodes, ["n", 1, 2, 2], tensors, opset=18)
    with pytest.raises(pydl.FormatError, match="keep_aspect_ratio_policy"):
        load_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Trilu", "x", "y")], r"Trilu 'Trilu_y' of version 17"),
        ([helper.make_node("Relu", ["x"], ["y"], domain="com.acme", name="n1")], r"com\.acme\.Relu 'n1' of version 1"),
        ([node("Transpose", "x", "y", perm=[1, 0])], r"Transpose 'Transpose_y' of version 17: .*samples would meet"),
        ([node("ReduceSum", "x", "y", keepdims=0)], r"ReduceSum 'ReduceSum_y' .*samples would meet"),
        ([node("Reshape", "x wrong", "y")], r"Reshape 'Reshape_y'"),
        ([node("Gemm", "x x", "y")], r"Gemm 'Gemm_y' .*constant as the matrix"),
    ],
)
def test_what_no_layer_computes_is_named(tmp_path: Path, nodes: list[Any], message: str) -> None:
    saved(tmp_path / "m.onnx", nodes, ["n", 3], {"wrong": np.int64([-1, 7])})
    with pytest.raises(pydl.FormatError, match=message):
        load_onnx(tmp_path / "m.onnx")


def test_another_order_of_axes_is_refused(tmp_path: Path) -> None:
    dense(tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"Invalid value for argument `inputs`. Expected one of 'nchw', 'nhwc'"):
        load_onnx(tmp_path / "m.onnx", inputs="chw")
    with pytest.raises(FileNotFoundError):
        load_onnx(tmp_path / "none.onnx")


def test_float16_weights_become_floats(tmp_path: Path) -> None:
    w = weight(3, 2)
    half = w.astype("float16")
    nodes = [node("Cast", "half", "w", to=TensorProto.FLOAT), node("MatMul", "x w", "y")]
    saved(tmp_path / "m.onnx", nodes, ["n", 3], {"half": half})
    model = load_onnx(tmp_path / "m.onnx")
    assert np.array_equal(model.trainable_weights[0].numpy(), half.astype("float32"))
