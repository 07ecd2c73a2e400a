"""The tests and models that come with the onnx package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend import test as backend

import pydl
from tests.files.onnx_cases import by_samples, cases, problem, ways
from tests.files.test_onnx_import import of_runtime

DATA = Path(backend.__file__).parent / "data"
LIGHT = sorted((DATA / "light").glob("*.onnx"))
CONVERTED = sorted(p for p in (DATA / "pytorch-converted").iterdir() if p.is_dir())
# Of what they need there are no layers: convolutions over volumes.
WITHOUT_LAYERS = ("test_Conv3d",)
# Whose constant, a target, differs between the samples of a batch.
OF_SAMPLES = ("test_PoissonNLLLLoss_no_reduce",)


@pytest.mark.filterwarnings("ignore:.*computes with whole numbers")
@pytest.mark.long  # every node test, a minute or two; `test_some_node_cases` is a part of them
def test_node_cases(tmp_path: Path) -> None:
    """All that can be computed sample by sample, at least 95 % of it; prints the counts."""
    passed, failed = [], {}
    for case in cases():
        reason = problem(case, tmp_path)
        if not reason:
            passed.append(case.name)
        elif any(by_samples(case, data) for data in ways(case)):
            failed[case.name] = reason
    print(f"{len(passed)} passed, {len(failed)} failed: {failed}")
    assert len(passed) > 500
    assert len(failed) <= 0.05 * (len(passed) + len(failed)), failed


SOME = (
    "test_gemm_transposeB", "test_matmul_3d", "test_conv_with_strides_padding", "test_convtranspose_pads",
    "test_maxpool_2d_ceil", "test_averagepool_2d_pads", "test_batchnorm_epsilon", "test_softmax_axis_2",
    "test_layer_normalization_3d_axis1_epsilon", "test_group_normalization_example", "test_clip_default_max",
    "test_reduce_mean_keepdims_example", "test_edge_pad", "test_lrn", "test_averagepool_2d_same_lower",
    "test_argmax_keepdims_random_select_last_index", "test_instancenorm_example", "test_selu", "test_pow_bcast_array",
)  # fmt: skip


@pytest.mark.long  # hundreds of models; the readers' own tests stay
def test_some_node_cases(tmp_path: Path) -> None:
    found = {case.name: problem(case, tmp_path) for case in cases() if case.name in SOME}
    assert found == dict.fromkeys(SOME, "")


def filled(model: onnx.ModelProto) -> onnx.ModelProto:
    """A light model, whose weights are all alike, with weights that tell places apart."""
    rng = np.random.default_rng(4)
    graph = model.graph
    shapes = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    made = [n for n in graph.node if n.op_type == "ConstantOfShape"]
    readers = {name: n for n in graph.node for name in n.input}
    for n in made:
        shape = tuple(shapes[n.input[0]])
        reader = readers[n.output[0]]
        place = list(reader.input).index(n.output[0])
        fan = max(1, int(np.prod(shape[1:])))
        values = rng.normal(0, np.sqrt(2 / fan), shape) if len(shape) > 1 else rng.uniform(0.5, 1.5, shape)
        if reader.op_type == "Reshape" or (len(shape) == 1 and place == 2):
            values = values - 1
        graph.node.remove(n)
        graph.initializer.append(numpy_helper.from_array(values.astype("float32"), n.output[0]))
    return model


@pytest.mark.long  # up to 500 MB of weights each; the next test has two of them
@pytest.mark.parametrize("path", LIGHT, ids=lambda p: p.stem)
def test_light_models(tmp_path: Path, path: Path) -> None:
    """What is stored beside them comes out, for an input that rises from 0 to 1."""
    model = pydl.models.load_onnx(path)
    wanted = numpy_helper.to_array(onnx.load_tensor(str(path).replace(".onnx", "_output_0.pb")))
    shape = (1, *model.inputs[0].shape[1:])
    x = (np.arange(np.prod(shape)) / np.prod(shape)).astype("float32").reshape(shape)
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-4)


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_light_models_with_other_weights(tmp_path: Path, name: str) -> None:
    content = filled(onnx.load(DATA / "light" / f"light_{name}.onnx")).SerializeToString()
    (tmp_path / "m.onnx").write_bytes(content)
    model = pydl.models.load_onnx(tmp_path / "m.onnx")
    x = np.random.default_rng(5).random((1, *model.inputs[0].shape[1:]), dtype="float32")
    wanted = of_runtime(content, x)
    assert wanted.std() > 1e-5
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("folder", CONVERTED, ids=lambda p: p.name)
def test_converted_models(folder: Path) -> None:
    if folder.name.startswith((*WITHOUT_LAYERS, *OF_SAMPLES)):
        with pytest.raises(pydl.FormatError, match=r"no such convolution|differs between samples"):
            pydl.models.load_onnx(folder / "model.onnx")
        return
    model: Any = pydl.models.load_onnx(folder / "model.onnx")
    data = folder / "test_data_set_0"
    given = [numpy_helper.to_array(onnx.load_tensor(p)) for p in sorted(data.glob("input_*.pb"))]
    wanted = numpy_helper.to_array(onnx.load_tensor(data / "output_0.pb"))
    y = model.predict(given[0] if len(given) == 1 else given, verbose=0)
    assert y.shape == wanted.shape
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-6)
