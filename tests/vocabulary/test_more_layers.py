"""Layers by hand: what the tests of whole models (tests/model_cases.py) do not go through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pydl
from pydl import activations
from pydl import layers as L
from tests.specs.norms import normal_numbers

X = np.array([[-10.0, -5, 0, 5, 10]])


@pytest.mark.parametrize(
    ("layer", "y"),
    [
        (L.ReLU, [0, 0, 0, 5, 10]),
        (lambda: L.ReLU(max_value=7), [0, 0, 0, 5, 7]),
        (lambda: L.ReLU(negative_slope=0.5), [-5, -2.5, 0, 5, 10]),
        (lambda: L.ReLU(10, 0.5, 0), [-5, -2.5, 0, 5, 10]),
        (lambda: L.ReLU(threshold=6, negative_slope=0.5, max_value=8), [-8, -5.5, -3, -0.5, 8]),
        (lambda: L.ReLU(threshold=5), [0, 0, 0, 0, 10]),
        (L.LeakyReLU, [-3, -1.5, 0, 5, 10]),
        (lambda: L.ELU(2.0), [2 * np.expm1(-10), 2 * np.expm1(-5), 0, 5, 10]),
    ],
)
def test_activations_as_layers(layer: Any, y: list[float]) -> None:
    np.testing.assert_allclose(layer()(X), [y], rtol=1e-6)


def test_a_layer_as_the_activation_of_another() -> None:
    assert L.Dense(3, activation=L.LeakyReLU(0.1)).activation == activations.Activation("leaky_relu", 0.1)
    assert activations.get(L.ReLU(6)) == activations.get("relu6")
    assert activations.get(L.Activation("tanh")) == activations.get("tanh")
    with pytest.raises(ValueError, match="put it behind"):
        L.Dense(3, activation=L.ReLU(threshold=1.0))


def test_the_old_name_of_a_slope() -> None:
    with pytest.warns(DeprecationWarning, match="negative_slope"):
        assert L.LeakyReLU(alpha=0.2).negative_slope == 0.2


def test_softmax_leaves_out_what_a_mask_says() -> None:
    x = np.array([[1.0, 2, 1], [3, 3, 9]])
    keep = np.array([[True, False, True], [False, False, False]])
    np.testing.assert_allclose(L.Softmax()(x, mask=keep), [[0.5, 0, 0.5], [0, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(L.Softmax()(x, mask=np.array([1.0, 1, 0])), [
        np.append(np.exp(row[:2]) / np.exp(row[:2]).sum(), 0) for row in x
    ], rtol=1e-6)  # fmt: skip
    a, m = pydl.Input((3,)), pydl.Input((3,))
    model = pydl.Model([a, m], L.Softmax()(a, mask=m))
    np.testing.assert_allclose(model.predict([x, keep]), [[0.5, 0, 0.5], [0, 0, 0]], rtol=1e-6)
    with pytest.raises(ValueError, match="broadcastable to the input"):
        L.Softmax()(x, mask=np.ones((2, 4)))
    np.testing.assert_allclose(L.Softmax()([1.0, 1.0, 1.0, 1.0]), [0.25] * 4)  # without a batch
    np.testing.assert_allclose(L.Softmax()([1.0, 2.0, 1.0], mask=[True, False, True]), [0.5, 0, 0.5])


# -- merging ----------------------------------------------------------------------------------------------------------

A, B = np.array([[1.0, 5], [3, -2]]), np.array([[4.0, 2], [3, -7]])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (L.add, A + B),
        (L.subtract, A - B),
        (L.multiply, A * B),
        (L.average, (A + B) / 2),
        (L.maximum, np.maximum(A, B)),
        (L.minimum, np.minimum(A, B)),
        (L.concatenate, np.hstack([A, B])),
        (L.dot, (A * B).sum(1, keepdims=True)),
    ],
)
def test_functional_forms(function: Any, expected: Any) -> None:
    np.testing.assert_allclose(function([A, B]), expected, rtol=1e-6)
    x, y = pydl.Input((2,)), pydl.Input((2,))
    model = pydl.Model([x, y], function([x, y], name="merged"))
    np.testing.assert_allclose(model.predict([A, B]), expected, rtol=1e-6)
    assert model.layers[-1].name == "merged"


@pytest.mark.parametrize("merge", [L.Add, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate])
def test_one_tensor_merged_is_itself(merge: Any) -> None:
    np.testing.assert_array_equal(merge()([A]), A)


def test_merging_refuses_shapes_that_do_not_fit() -> None:
    x, y = pydl.Input((3, 4)), pydl.Input((3, 5))
    with pytest.raises(ValueError, match="repeated"):
        L.Add()([x, y])
    with pytest.raises(ValueError, match="exactly 2 inputs"):
        L.Subtract()([x, x, x])
    with pytest.raises(ValueError, match="matching shapes"):
        L.Concatenate(1)([x, y])
    with pytest.raises(ValueError, match="axis 0"):
        L.Concatenate(0)([x, x])
    with pytest.raises(ValueError, match="equal sizes"):
        L.Dot(2)([x, y])
    with pytest.raises(ValueError, match="list of two"):
        L.Dot(1)([x, y, y])


def test_masks_of_steps_are_joined() -> None:
    """Along the steps one behind the other: of 2 and 3 steps, those that are not 0 count in a mean."""
    a, b = pydl.Input((2, 1)), pydl.Input((3, 1))
    joined = L.Concatenate(1)([L.Masking()(a), L.Masking()(b)])
    model = pydl.Model([a, b], L.GlobalAveragePooling1D()(joined))
    steps = [np.array([[[2.0], [0]]]), np.array([[[0.0], [4], [0]]])]
    np.testing.assert_allclose(model.predict(steps), [[3.0]])


# -- noise ------------------------------------------------------------------------------------------------------------


def drawn(layer: Any, shape: tuple[int, ...] = (1000, 50)) -> np.ndarray:
    pydl.utils.set_random_seed(3)
    return np.asarray(layer(np.ones(shape), training=True))


def test_normal_numbers_are_normal() -> None:
    z = drawn(L.GaussianNoise(0.5)) - 1
    n = z.size
    assert abs(z.mean()) < 4 * 0.5 / n**0.5
    assert z.var() == pytest.approx(0.25, rel=4 * (2 / n) ** 0.5)
    assert (np.abs(z) < 0.5).mean() == pytest.approx(0.6827, abs=4 * (0.22 / n) ** 0.5)
    for lag in (1, 32, 50):  # 32: what one pair of words gave
        assert np.corrcoef(z.ravel()[lag:], z.ravel()[:-lag])[0, 1] == pytest.approx(0, abs=4 / n**0.5)


def test_the_seed_of_a_layer_is_its_own() -> None:
    layer, like = L.GaussianNoise(1.0, seed=7), L.GaussianNoise(1.0, seed=7)
    first = drawn(layer, (4, 64))
    pydl.utils.set_random_seed(99)
    np.testing.assert_array_equal(like(np.ones((4, 64)), training=True), first)
    second = np.asarray(layer(np.ones((4, 64)), training=True))
    assert not np.array_equal(second, first)
    np.testing.assert_array_equal(like(np.ones((4, 64)), training=True), second)
    np.testing.assert_allclose(first - 1, normal_numbers(256, 8, 0, 0).reshape(4, 64), atol=1e-6)
    assert not np.array_equal(drawn(L.GaussianNoise(1.0, seed=8), (4, 64)), first)
    assert not np.array_equal(drawn(L.GaussianNoise(1.0), (4, 64)), first)


@pytest.mark.parametrize("code", [False, True])
def test_a_seeded_layer_draws_anew_in_each_call_of_a_model(code: bool) -> None:
    """As predictions by dropout want it, whose spread says how sure they are."""

    class Always(L.Dropout):
        def call(self, x: Any) -> Any:
            return super().call(x, training=True)

    def made() -> Any:
        x = pydl.Input((6,))
        y = Always(0.5, seed=4)(x) if code else L.Dropout(0.5, seed=4)(x, training=True)
        return pydl.Model(x, y)

    model, like, x = made(), made(), np.ones((8, 6), np.float32)
    found = [model.predict(x, batch_size=4, verbose=0) for _ in range(2)] + [np.asarray(model(x)) for _ in range(2)]
    again = [like.predict(x, batch_size=4, verbose=0) for _ in range(2)] + [np.asarray(like(x)) for _ in range(2)]
    np.testing.assert_array_equal(found, again)
    assert len({y.tobytes() for y in found}) == 4
    assert not np.array_equal(found[0][:4], found[0][4:])  # of two batches


def test_gaussian_dropout_keeps_mean_and_deviation_of_dropout() -> None:
    y = drawn(L.GaussianDropout(0.2))
    assert y.mean() == pytest.approx(1, abs=4 * 0.5 / y.size**0.5)
    assert y.std() == pytest.approx(0.5, rel=0.02)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    pydl.utils.set_random_seed(3)
    x = np.random.default_rng(0).normal(size=(1000, 100))
    y = np.asarray(L.AlphaDropout(0.3)(x, training=True))
    values, counts = np.unique(y.round(5), return_counts=True)
    a = (0.7 * (1 + 0.3 * 1.7580993408473766**2)) ** -0.5
    assert values[counts.argmax()] == pytest.approx(a * -1.7580993 * 0.7, abs=1e-5)  # a * d + c of what is dropped
    assert counts.max() / y.size == pytest.approx(0.3, abs=0.01)
    assert y.mean() == pytest.approx(0, abs=0.02)
    assert y.var() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("layer", "axes"),
    [
        (lambda: L.Dropout(0.5, noise_shape=(None, 1, None)), (1,)),
        (lambda: L.Dropout(0.5, noise_shape=(1, None, None)), (0,)),
        (lambda: L.SpatialDropout1D(0.5), (1,)),
        (lambda: L.AlphaDropout(0.5, noise_shape=(None, None, 1)), (2,)),
    ],
)
def test_noise_shapes(layer: Any, axes: tuple[int, ...]) -> None:
    y = drawn(layer(), (20, 6, 30))
    low, high = y.min(axis=axes), y.max(axis=axes)
    np.testing.assert_array_equal(low, high)
    assert np.unique(low).size == 2


def test_spatial_dropout_of_pictures() -> None:
    y = drawn(L.SpatialDropout2D(0.5), (8, 3, 4, 16))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape))
    y = drawn(L.SpatialDropout3D(0.5, data_format="channels_first"), (8, 16, 2, 3, 4))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :, :1, :1, :1], y.shape))
    assert np.unique(y).tolist() == [0, 2]
    with pytest.raises(ValueError, match="rank 4"):
        L.SpatialDropout2D(0.5)(np.ones((2, 3, 4)))


@pytest.mark.parametrize("shape", [(), "none", (0, 1), (None, 2.0), 3])
def test_noise_shapes_that_are_none(shape: Any) -> None:
    with pytest.raises(ValueError, match="noise_shape"):
        L.Dropout(0.5, noise_shape=shape)


def test_a_noise_shape_fits_its_input() -> None:
    with pytest.raises(ValueError, match="repeats to the input"):
        L.Dropout(0.5, noise_shape=(None, 2))(np.ones((3, 4)), training=True)


# -- penalties of outputs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [2, 3, 6])
def test_the_penalty_of_an_output_is_divided_by_the_rows_of_its_batch(batch_size: int) -> None:
    x = pydl.Input((2,))
    model = pydl.Model(x, L.ActivityRegularization(l1=0.5, l2=0.25)(x))
    model.compile("sgd", "mse")
    data = np.arange(12.0).reshape(6, 2) - 4
    penalty = (0.5 * np.abs(data).sum() + 0.25 * (data**2).sum()) / 6
    assert model.evaluate(data, data, batch_size=batch_size, verbose=0) == pytest.approx(penalty, rel=1e-6)


def test_a_penalty_is_part_of_the_config_only_where_there_is_one() -> None:
    plain, penalised = L.Dense(2), L.Dense(2, activity_regularizer="l1")
    assert "activity_regularizer" not in plain.get_config()
    copy = L.deserialize(L.serialize(penalised))
    assert copy.activity_regularizer.l1 == 0.01
    assert "activity_regularizer" not in L.ActivityRegularization(0.1).get_config()


# -- normalization ----------------------------------------------------------------------------------------------------


def test_unit_normalization_leaves_zero_alone() -> None:
    np.testing.assert_allclose(L.UnitNormalization()(np.array([[3.0, 4], [0, 0]])), [[0.6, 0.8], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (lambda: L.GroupNormalization(4), (2, 6), "no multiple of the number of groups"),
        (lambda: L.GroupNormalization(0), (2, 6), "groups"),
        (lambda: L.RMSNormalization(1), (2, 3, 4), "up to the last"),
        (lambda: L.UnitNormalization(3), (2, 6), "behind the batch"),
        (lambda: L.PReLU(shared_axes=[2]), (2, 6), "no axis 2"),
        (lambda: L.Permute((1, 3)), (2, 6, 3), "each of 1 to 2"),
        (lambda: L.Permute((1, 2)), (2, 6), "2 axes"),
        (lambda: L.Cropping1D((2, 4)), (2, 6, 3), "`cropping` parameter"),
        (lambda: L.Cropping2D((1,)), (2, 6, 3, 1), "cropping must be"),
        (lambda: L.ZeroPadding1D((1, 2, 3)), (2, 6, 3), "padding must be"),
        (lambda: L.ZeroPadding2D(1), (2, 6, 3), "rank 4"),
        (lambda: L.UpSampling2D(2, interpolation="area"), (2, 6, 3, 1), "interpolation"),
        (lambda: L.RepeatVector(2), (2, 6, 3), "features"),
        (lambda: L.RepeatVector(0), (2, 6), "`n` must be"),
        (lambda: L.EinsumDense("ab,bc->cd", 3), (2, 6), "EinsumDense"),
        (lambda: L.EinsumDense("ab->ac", 3), (2, 6), "equation such as"),
        (lambda: L.EinsumDense("ab,bc->ac", 3, bias_axes="d"), (2, 6), "bias_axes"),
        (lambda: L.EinsumDense("ab,bc->ac", (3, 4)), (2, 6), "output_shape"),
    ],
)
def test_what_is_refused(layer: Any, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        layer()(pydl.Input(shape[1:]))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: L.Cropping1D((3, 3)), (2, 5, 2)),
        (lambda: L.Cropping2D(((0, 0), (2, 2))), (2, 3, 4, 1)),
        (lambda: L.ZeroPadding2D(1), (2, 3, 4)),
        (lambda: L.UpSampling1D(2), (2, 3, 4, 1)),
        (lambda: L.Permute((2, 1)), (2, 3)),
        (lambda: L.RepeatVector(2), (2, 3, 4)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(layer: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected|`cropping`"):
        layer()(np.ones(shape))


# -- what layers say of themselves ------------------------------------------------------------------------------------


def test_penalties_as_they_are_now() -> None:
    layer = L.Dense(2, kernel_regularizer="l2", activity_regularizer=pydl.regularizers.L1(0.5))
    y = layer(np.ones((4, 3)))
    assert layer.losses == pytest.approx(
        [0.01 * (layer.kernel.numpy() ** 2).sum(), 0.5 * np.abs(np.asarray(y)).sum() / 4], rel=1e-5
    )
    assert L.Dense(2).losses == []
    assert L.ActivityRegularization(l2=0.5)(A).tolist() == A.tolist()
    model = pydl.Sequential([pydl.Input((3,)), layer])
    model.compile("sgd", "mse")
    assert model.losses == pytest.approx(layer.losses)


def test_masks_of_merged_arrays() -> None:
    one, other = np.array([[True, False, False]]), np.array([[True, True, False]])
    x = np.ones((1, 3, 2))
    assert L.Add().compute_mask([x, x], [one, None]) is None
    np.testing.assert_array_equal(L.Maximum().compute_mask([x, x], [one, other]), [[True, True, False]])
    joined = L.Concatenate(1).compute_mask([x, x], [one, None])
    np.testing.assert_array_equal(joined, [[True, False, False, True, True, True]])
    assert L.Concatenate().compute_mask([x, x], [None, None]) is None
    assert L.Dot(1).compute_mask([x, x], [one, other]) is None
    with pytest.raises(ValueError, match="should be a list"):
        L.Add().compute_mask([x, x], one)
    with pytest.raises(ValueError, match="same length"):
        L.Add().compute_mask([x, x], [one])


# -- upsampling between pixels ----------------------------------------------------------------------------------------


def test_upsampling_between_pixels() -> None:
    """Of 4 and 8, twice as many pixels have their centres at -0.25, 0.25, 0.75, 1.25: the outer ones are the edge's."""
    x = np.array([4.0, 8]).reshape(1, 1, 2, 1)
    y = L.UpSampling2D((1, 2), interpolation="bilinear")(x)
    np.testing.assert_allclose(y.ravel(), [4, 5, 7, 8], rtol=1e-6)
    rows = L.UpSampling2D((2, 1), interpolation="Bilinear")(x.transpose(0, 2, 1, 3))
    np.testing.assert_allclose(rows.ravel(), [4, 5, 7, 8], rtol=1e-6)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_upsampling_in_either_order_of_axes(interpolation: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
    last = L.UpSampling2D((2, 3), interpolation=interpolation)(x)
    first = L.UpSampling2D((2, 3), "channels_first", interpolation)(x.transpose(0, 3, 1, 2))
    assert last.shape == (2, 10, 12, 3)
    np.testing.assert_allclose(first.transpose(0, 2, 3, 1), last, rtol=1e-5, atol=1e-5)
