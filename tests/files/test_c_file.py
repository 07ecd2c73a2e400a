"""`export("m.c")`: files that compile without a warning and compute what the model does, to the bit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pydl
from pydl import _core
from pydl import layers as L
from pydl._engine.facts import activations
from tests.files.c_programs import COMPILERS, STRICT, avx2, compiled, expected, predicted, run, units_apart
from tests.model_cases import CASES

needs_compiler = pytest.mark.skipif(not COMPILERS, reason="no C compiler")
#: Where the compiler of the kernels chooses what to contract, and GCC's choice is the file's: units in the last place.
FREE = {"softplus": 8, "log_sigmoid": 8, "log_softmax": 8, "gelu": 8}
NAMES = {
    "net": "a chain of Dense", "merged": "merged by Multiply", "more": "several consumers", "twins": "shared layers",
    "two": "two outputs", "again": "the same output twice", "norm": "batch normalization",
    "maps": "batch normalization of images", "rows": "layer normalization of sequences",
    "rms": "layer of RMSNormalization on sequences", "codes": "columns and codes", "conv": "layer of Conv2D same",
    "holes": "layer of Conv2D with holes", "groups": "layer of Conv2D in groups", "causal": "layer of Conv1D causal",
    "up": "layer of Conv2DTranspose same", "wide": "layer of Conv2DTranspose with holes",
    "depth": "layer of DepthwiseConv2D with strides and holes", "apart": "layer of SeparableConv2D",
    "most": "MaxPooling2D with overlap of channels", "mean": "AveragePooling2D with overlap of channels",
    "means": "GlobalAveragePooling2D of channels", "cubes": "GlobalMaxPooling3D of channels",
    "more_pixels": "UpSampling2D of channels", "crop": "Cropping2D on positions", "pad": "ZeroPadding2D of channels",
    "center": "pictures by CenterCrop", "turned": "layer of Permute on sequences", "prelu": "layer of PReLU",
    "pooled": "a pooled tensor that others read", "joined": "joined along axis 1", "least": "maxima of one tensor",
    "minus": "merged by Subtract", "inner": "models in models", "wider": "Add of different shapes",
    "largest": "Maximum of different shapes",
}  # fmt: skip
#: Layers in NumPy whose sums have an order of their own, and pictures of another size (docs/adr/0024).
NEAR = {
    "group": "layer of GroupNormalization on sequences", "steps": "layer of GroupNormalization of steps on sequences",
    "unit": "layer of UnitNormalization over steps on sequences", "soft": "layer of Softmax over both on sequences",
    "average": "Average of different shapes", "larger": "pictures by Resizing to more",
    "smaller": "pictures by Resizing to less", "bent": "UpSampling2D, bilinear of channels",
}  # fmt: skip


def net(*layers: Any, shape: Any = (20,)) -> Any:
    model = pydl.Sequential([pydl.Input(shape), *layers])
    rng = np.random.default_rng(1)
    for v in model.weights:
        v.assign(rng.uniform(0.5, 1.5, v.shape) if "var" in v.name else rng.normal(0, 0.4, v.shape))
    return model


def cases() -> dict[str, Any]:
    known = {"a chain of Dense": next(iter(CASES.values()))} | CASES
    return {name: known[title]() for name, title in (NAMES | NEAR).items()}


def awkward(dtype: str, n: int) -> np.ndarray:
    """Numbers of all sizes, and those at the ends."""
    rng, info = np.random.default_rng(2), np.finfo(dtype)
    sizes = np.exp2(rng.uniform(-30, 8, (n, 512))) * rng.choice([-1, 1], (n, 512))
    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, info.max, -info.max, info.tiny, -info.tiny, info.smallest_subnormal]
    sizes[0, : len(ends)] = ends
    return sizes.astype(dtype)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_have_the_bits_of_the_kernels(dtype: str, tmp_path: Path) -> None:
    models = {
        name: pydl.Sequential([pydl.Input((512,), dtype=dtype), L.Activation(name, dtype=dtype)])
        for name in activations()
    }
    x = awkward(dtype, 40)
    library = compiled(models, tmp_path, COMPILERS[0], "-O1", samples=1)
    with avx2() as found:
        for name, model in models.items():
            [y], [wanted] = predicted(library, name, model, x), expected(model, x)
            gcc = _core.compiler().startswith("GCC") or "GNU" in _core.compiler()
            most = (0 if gcc else FREE.get(name, 2)) if found else 16
            assert units_apart(y, wanted) <= most, name


@needs_compiler
def test_layers_have_the_bits_of_the_kernels(tmp_path: Path) -> None:
    known = cases()
    library = compiled({name: case.model for name, case in known.items()}, tmp_path, COMPILERS[0])
    with avx2() as found:
        for name, case in known.items():
            for y, wanted in zip(
                predicted(library, name, case.model, case.x), expected(case.model, case.x), strict=True
            ):
                if found and name in NAMES:
                    np.testing.assert_array_equal(y, wanted, err_msg=name)
                else:
                    np.testing.assert_allclose(y, wanted, 1e-5, 1e-5, err_msg=name)


@needs_compiler
def test_layers_that_compute_in_numpy_behind_a_reshape(tmp_path: Path) -> None:
    """They see another shape than the layer in front wrote."""
    x = pydl.Input((3, 4))
    gate = L.Reshape((3, 1))(L.Dense(3, "sigmoid")(L.Flatten()(x)))
    models = {
        "unit": net(L.Reshape((4, 2)), L.UnitNormalization(), shape=(2, 4)),
        "units": net(L.Reshape((8, 1)), L.Reshape((2, 2, 2)), L.UnitNormalization(axis=(1, 3)), shape=(2, 4)),
        "embedding": net(L.Conv2D(3, 3), L.Flatten(), L.UnitNormalization(), shape=(5, 5, 1)),
        "group": net(L.Reshape((4, 2)), L.GroupNormalization(2), shape=(2, 4)),
        "flat": net(L.Flatten(), L.GroupNormalization(2), shape=(8, 4)),
        "soft": net(L.Reshape((4, 2)), L.Softmax(axis=1), shape=(2, 4)),
        "gated": pydl.Model(x, L.Multiply()([x, gate])),
        "less": pydl.Model(x, L.Average()([x, L.Reshape((1, 4))(L.Dense(4)(L.Flatten()(x)))])),
    }
    library = compiled(models, tmp_path, COMPILERS[0])
    for name, model in models.items():
        rows = np.random.default_rng(3).normal(size=(5, *model.inputs[0].shape[1:])).astype("float32")
        [y], [wanted] = predicted(library, name, model, rows), expected(model, rows)
        np.testing.assert_allclose(y, wanted, 1e-5, 1e-5, err_msg=name)


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("options", [["-O3", "-march=native"], ["-Os", "-std=gnu99"]])
def test_the_self_test_passes_to_the_bit(compiler: str, options: list[str], tmp_path: Path) -> None:
    model = net(L.Conv2D(9, 3, padding="same", activation="relu"), L.MaxPooling2D(), L.Flatten(), L.Dense(33, "tanh"),
                L.LayerNormalization(), L.Dense(3, "softmax"), shape=(6, 7, 2))  # fmt: skip
    with avx2() as found:
        model.export(tmp_path / "m.c")
    exact = ["-DM_TOLERANCE=0"] if found else []
    assert run(compiler, *STRICT, *options, "-DM_TEST", *exact, "m.c", "-lm", "-o", "m", cwd=tmp_path) == 0
    assert run("./m", cwd=tmp_path) == 0


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_the_self_test_may_be_infinite_or_missing(dtype: str, tmp_path: Path) -> None:
    model = pydl.Sequential([pydl.Input((4,), dtype=dtype), L.Activation("relu", dtype=dtype)])
    model.export(tmp_path / "m.c", samples=np.array([[np.inf, -np.inf, np.nan, 1e-45]], dtype))
    assert run(COMPILERS[0], *STRICT, "-DM_TEST", "-DM_TOLERANCE=0", "m.c", "-lm", "-o", "m", cwd=tmp_path) == 0
    assert run("./m", cwd=tmp_path) == 0


@needs_compiler
def test_the_self_test_finds_a_wrong_weight(tmp_path: Path) -> None:
    net(L.Dense(3, "tanh"), L.Dense(2)).export(tmp_path / "m.c")
    text = (tmp_path / "m.c").read_text()
    found = re.search(r"m_dense\w*_bias\[3\] = \{\s*(\S+?)f,", text)
    assert found is not None
    (tmp_path / "m.c").write_text(text.replace(found[0], found[0].replace(found[1], repr(float(found[1]) + 1))))
    assert run(COMPILERS[0], *STRICT, "-DM_TEST", "m.c", "-lm", "-o", "m", cwd=tmp_path) == 0
    assert run("./m", cwd=tmp_path) == 1


@needs_compiler
def test_without_multiply_adds_it_is_near(tmp_path: Path) -> None:
    net(L.Dense(64, "relu"), L.Dense(64, "gelu"), L.Dense(1)).export(tmp_path / "m.c")
    assert (
        run(COMPILERS[0], *STRICT, "-DM_FMA(a,b,c)=((a)*(b)+(c))", "-DM_TEST", "m.c", "-lm", "-o", "m", cwd=tmp_path)
        == 0
    )
    assert run("./m", cwd=tmp_path) == 0


@needs_compiler
def test_two_models_in_one_program(tmp_path: Path) -> None:
    one, two = net(L.Dense(5, "tanh"), L.Dense(2, "softmax")), net(L.Dense(4, "sigmoid"), L.Dense(1), shape=(3,))
    one.export(tmp_path / "one.c")
    two.export(tmp_path / "second.c", name="two", weights="apart", workspace="static")
    x1, x2 = np.ones((1, 20), "float32"), np.full((1, 3), 0.5, "float32")
    y1, y2 = one.predict(x1, verbose=0)[0], two.predict(x2, verbose=0)[0]
    (tmp_path / "main.c").write_text(f"""
#define ONE_DECLARATIONS
#define TWO_DECLARATIONS
#include "one.c"
#include "second.c"
#include <math.h>
int main(void) {{
    float x1[ONE_X_SIZE], x2[TWO_X_SIZE], y1[ONE_Y_SIZE], y2[TWO_Y_SIZE], work[ONE_WORKSPACE / sizeof(float)];
    int i;
    for (i = 0; i < ONE_X_SIZE; i++) x1[i] = 1.0f;
    for (i = 0; i < TWO_X_SIZE; i++) x2[i] = 0.5f;
    one_predict_in(x1, y1, work);
    two_predict(x2, y2);
    if (one_workspace_size() != sizeof work) return 2;
    if (fabsf(y1[0] - {y1[0]:.9f}f) > 1e-5f || fabsf(y1[1] - {y1[1]:.9f}f) > 1e-5f) return 3;
    return fabsf(y2[0] - {y2[0]:.9f}f) > 1e-5f;
}}
""")
    files = ["main.c", "one.c", "second.c", "second_weights.c"]
    assert run(COMPILERS[0], *STRICT, *files, "-lm", "-o", "m", cwd=tmp_path) == 0
    assert run("./m", cwd=tmp_path) == 0
    if COMPILERS[0] == "gcc":  # as C++, where they are linked with the same names
        assert run("g++", "-Wall", "-Wextra", "-Werror", "main.c", "one.c", "-x", "c", *files[2:], "-lm", "-o", "m",
                   cwd=tmp_path) == 0  # fmt: skip
        assert run("./m", cwd=tmp_path) == 0


@needs_compiler
def test_it_needs_nothing_but_libm(tmp_path: Path) -> None:
    net(L.Dense(40, "tanh"), L.Dense(3, "softmax")).export(tmp_path / "m.c")
    assert run(COMPILERS[0], *STRICT, "-O2", "-c", "m.c", cwd=tmp_path) == 0
    symbols = subprocess.run(["nm", "m.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split("\n")
    wanted = {line.split()[-1] for line in symbols if " U " in line}
    assert wanted <= {"fma", "fmaf", "sqrt", "sqrtf", "memcpy", "memset", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
    given = {line.split()[-1] for line in symbols if re.search(r" [TDBRC] ", line)}
    assert given == {"m_predict", "m_predict_in", "m_workspace_size"}


def test_memory_is_used_again(tmp_path: Path) -> None:
    net(*(L.Dense(64, "relu") for _ in range(6)), L.Dense(1)).export(tmp_path / "m.c")
    text = (tmp_path / "m.c").read_text()
    assert "#define M_WORKSPACE 512 " in text  # two layers at a time
    assert f"Flash: {(20 * 64 + 5 * 64 * 64 + 6 * 64 + 64 + 1) * 4:,} bytes" in text
    assert f"Multiply-adds of a prediction: {20 * 64 + 5 * 64 * 64 + 64:,}." in text


def test_a_large_workspace_is_static_unless_asked_for(tmp_path: Path) -> None:
    model = net(L.Dense(5000, "relu"), L.Dense(1), shape=(1,))
    for workspace, word in (
        (None, "    static float work["),
        ("static", "    static float work["),
        ("stack", "    float work["),
    ):
        model.export(tmp_path / "m.c", workspace=workspace)
        assert word in (tmp_path / "m.c").read_text()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (lambda: net(L.EinsumDense("ab,bc->ac", 3, name="sum")), {}, 'layer "sum" .EinsumDense. has no form in C'),
        (lambda: pydl.Sequential([pydl.Input((None, 3)), L.Dense(2)]), {}, "are open"),
        (lambda: net(L.Dense(2)), {"name": "2m"}, "a letter first, got '2m'"),
        (
            lambda: net(L.Dense(2)),
            {"weights": "elsewhere"},
            "one of 'inside', 'apart', got 'elsewhere'",
        ),
        (
            lambda: net(L.Dense(2)),
            {"workspace": "heap"},
            "Invalid value for argument `workspace`. Expected one of 'stack', 'static', got 'heap'",
        ),
        (
            lambda: net(L.Dense(2)),
            {"samples": 0},
            r"Argument `samples` must be an integer > 0 .a positive integer., got 0",
        ),
    ],
)
def test_what_has_no_form_in_c_is_refused(model: Any, options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        model().export(tmp_path / "m.c", **options)
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = net(L.Dense(2, name="head"))
    model.weights[0].assign(np.full((20, 2), np.nan))
    with pytest.raises(ValueError, match='layer "head" has weights that are not finite'):
        model.export(tmp_path / "m.c")
