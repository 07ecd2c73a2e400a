"""Convolutional nets in ONNX Runtime, with the weights of pydl's; images go in as (batch, rows, columns, channels)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import pydl
from bench.nets import Array
from bench.pictures import Layer, PictureNet


class Graph:
    """Nodes and constants of a net, as its description is walked."""

    def __init__(self, net: PictureNet) -> None:
        pydl.utils.clear_session()
        pydl.utils.set_random_seed(2)
        self.model, self.rank = net.keras(pydl), len(net.shape) - 1
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.used: Counter[str] = Counter()

    def weights(self, kind: str) -> list[Array]:
        """Of the next layer of a kind: they are numbered in the order in which they were made."""
        n, self.used[kind] = self.used[kind], self.used[kind] + 1
        return list(self.model.get_layer(f"{kind}_{n}" if n else kind).get_weights())

    def constant(self, array: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, op: str, inputs: Sequence[str], arrays: Sequence[Array] = (), **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [*inputs, *map(self.constant, arrays)], [name], **attributes))
        return name

    def product(self, x: str, w: list[Array], stride: int, padding: str, groups: int = 1) -> str:
        """A convolution with a kernel (rows, columns, channels, filters)."""
        kernel = np.moveaxis(w[0], (-1, -2), (0, 1))
        if groups > 1:  # (rows, columns, channels, 1)
            kernel = np.moveaxis(w[0], (-2, -1), (0, 1))
        pad = {"same": "SAME_UPPER", "valid": "VALID"}[padding]
        return self.add("Conv", [x], [kernel, *w[1:]], strides=[stride] * self.rank, auto_pad=pad, group=groups)

    def walk(self, description: Sequence[Layer], x: str) -> str:
        """The value that comes out."""
        for name, *args in description:
            match name:
                case "conv":
                    _, _, stride, padding, activation = args
                    x = self.product(x, self.weights(f"conv{self.rank}d"), stride, padding)
                    x = self.add(activation.capitalize(), [x]) if activation else x
                case "transposed":
                    kernel, bias = self.weights("conv2d_transpose")
                    turned = np.moveaxis(kernel, (-1, -2), (0, 1))
                    x = self.add("ConvTranspose", [x], [turned, bias], strides=[2, 2], auto_pad="SAME_UPPER")
                    x = self.add("Relu", [x])
                case "separable":
                    depthwise, pointwise = self.weights("separable_conv2d")
                    x = self.product(x, [depthwise], 1, "same", depthwise.shape[2])
                    x = self.product(x, [pointwise], 1, "same")
                case "norm":
                    x = self.add("BatchNormalization", [x], self.weights("batch_normalization"), epsilon=1e-3)
                case "relu":
                    x = self.add("Relu", [x])
                case "max":
                    size, stride, padding = args
                    pad = {"same": "SAME_UPPER", "valid": "VALID"}[padding]
                    x = self.add("MaxPool", [x], kernel_shape=[size, size], strides=[stride, stride], auto_pad=pad)
                case "mean":
                    x = self.add("Flatten", [self.add("GlobalAveragePool", [x])])
                case "flatten":
                    x = self.add("Flatten", [self.add("Transpose", [x], perm=[0, 2, 3, 1])])
                case "dense":
                    x = self.add("Gemm", [x], self.weights("dense"))
                    x = self.add({"relu": "Relu", "softmax": "Softmax"}[args[1]], [x])
                case "softmax":
                    x = self.add("Softmax", [x])
                case "residual":
                    x = self.add("Add", [self.walk(part, x) for part in args])
        return x


def session(net: PictureNet) -> Any:
    """On as many threads as all have."""
    made, axes = Graph(net), list(range(1, len(net.shape)))
    y = made.walk(net.layers, made.add("Transpose", ["x"], perm=[0, len(net.shape), *axes]))
    if net.classes is None:
        y = made.add("Transpose", [y], perm=[0, 2, 3, 1])
    ends = (
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, *net.shape])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)],
    )
    graph: Any = helper.make_graph(made.nodes, "net", *ends, made.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def picture_predictor(net: PictureNet) -> Callable[[Array], Array]:
    """`session.run`."""
    made = session(net)
    outputs = [made.get_outputs()[0].name]

    def predict(x: Array) -> Array:
        y: Array = made.run(outputs, {"x": x})[0]
        return y

    return predict
