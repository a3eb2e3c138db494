"""Penultimate features, BatchNorm distances, soft labels and class similarity: worked by hand, and whatever the
batches."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torchvision import models

from dfnas.measure.class_similarity import pearson, similarity_correlation, weight_similarity
from dfnas.measure.features import PenultimateFeatures, class_weights, final_layer
from dfnas.measure.soft_labels import LabelStatistics
from dfnas.measure.statistics import NormStatistics, norm_layers


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.BatchNorm2d(2), nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ReLU()]
    made = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3))
    for norm in (made[0], made[2]):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    return made.eval().requires_grad_(False)


def test_features_are_the_input_of_the_final_layer():
    made, images = network(), torch.randn(4, 2, 6, 6)
    layer = final_layer(made, 3, images[:1])
    assert layer is made[6]
    with PenultimateFeatures(layer) as features:
        logits = made(images)
        found = features.take()
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float() @ class_weights(layer).T + layer.bias, logits)
    torch.testing.assert_close(found.float(), made[:6](images))


@pytest.mark.parametrize(
    ("name", "size", "layer", "width"),
    [
        ("resnet18", 32, "fc", 512),
        ("squeezenet1_1", 64, "classifier.1", 512),
        ("mobilenet_v3_small", 32, "classifier.3", 1024),
        ("densenet121", 32, "classifier", 1024),
    ],
)
def test_the_final_layer_of_common_networks(name, size, layer, width):
    made = models.get_model(name, weights=None, num_classes=7).eval()
    example = torch.rand(2, 3, size, size)
    found = final_layer(made, 7, example)
    assert found is made.get_submodule(layer)
    with PenultimateFeatures(found) as features, torch.no_grad():
        made(example)
        assert features.take().shape == (2, width)


def test_a_network_without_a_final_linear_layer_has_no_features():
    made = nn.Sequential(nn.Conv2d(2, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert final_layer(made, 3, torch.randn(1, 2, 6, 6)) is None
    with PenultimateFeatures(None) as features:
        assert features.take() is None


@given(batch_size=st.integers(1, 50), seed=st.integers(0, 99))
def test_distances_from_batch_norm_statistics(batch_size, seed):
    """Over all images at once, whatever the batches: the definition, in double precision."""
    made = network()
    images = torch.randn(50, 2, 6, 6, generator=torch.Generator().manual_seed(seed)) * 2 + 1
    statistics = NormStatistics(norm_layers(made, [made[0], made[2]]))
    with statistics:
        for batch in images.split(batch_size):
            made(batch)
    found = statistics.distances()
    assert list(found) == ["0", "2"]
    for name, inputs in (("0", images), ("2", made[:2](images))):
        layer, values = made.get_submodule(name), inputs.double()
        from_mean = (values.mean((0, 2, 3)) - layer.running_mean).norm() / layer.running_var.double().sqrt().norm()
        variance = values.var((0, 2, 3), correction=0)
        from_variance = (variance - layer.running_var).norm() / layer.running_var.double().norm()
        assert found[name].mean == pytest.approx(from_mean.item(), rel=1e-5)
        assert found[name].variance == pytest.approx(from_variance.item(), rel=1e-5)
    made(images)  # the hooks are gone
    assert statistics.distances() == found


def test_statistics_that_agree_have_distance_zero_and_dead_layers_no_scale():
    norm = nn.BatchNorm2d(1).eval()
    norm.running_mean.fill_(1000.0)
    with NormStatistics({"norm": norm}) as statistics:
        norm(torch.tensor([999.0, 1001.0]).view(2, 1, 1, 1))
    assert statistics.distances()["norm"] == (0, 0)
    norm.running_var.zero_()
    with NormStatistics({"norm": norm}) as statistics:
        norm(torch.tensor([999.0, 1003.0]).view(2, 1, 1, 1))
    assert statistics.distances()["norm"] == (1, 4)


def test_soft_labels_of_three_images_worked_by_hand():
    labels = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.5, 0.25, 0.25]])
    statistics = LabelStatistics(3)
    for rows, classes in ((labels[:2], [0, 1]), (labels[2:], [1])):
        statistics.add(rows, torch.tensor(classes))
    assert statistics.agreement() == 2 / 3
    assert statistics.agreement_by_class() == [None, 0.5, None]
    assert statistics.classes_of_one_image() == 1
    assert statistics.target_probability() == pytest.approx((0.5 + 1 + 0.25) / 3)
    assert statistics.confidence()["entropy_nats"] == pytest.approx(1.5 * math.log(2) * 2 / 3)
    assert statistics.confidence()["top5_mass"] == pytest.approx(1)
    assert statistics.mean_by_class()[:2].tolist() == [[0.5, 0.25, 0.25], [0.25, 0.625, 0.125]]
    assert statistics.mean_by_class()[2].isnan().all()


def test_the_five_likeliest_of_eight_classes():
    statistics = LabelStatistics(8)
    statistics.add(torch.full((2, 8), 1 / 8), torch.tensor([0, 1]))
    assert statistics.confidence()["top5_mass"] == pytest.approx(5 / 8)


def test_labels_that_mix_similar_classes_correlate_with_the_weights():
    """Classes 0 and 1 share a direction, and so do 2 and 3: cosines 1 and -1 between centred rows."""
    weights = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]) + 5
    torch.testing.assert_close(weight_similarity(weights)[0], torch.tensor([1.0, 1, -1, -1]).double())
    alike = torch.tensor([[0.7, 0.3, 0, 0], [0.3, 0.7, 0, 0], [0, 0, 0.7, 0.3], [0, 0, 0.3, 0.7]]).double()
    assert similarity_correlation(alike, weights) == pytest.approx(1)
    unlike = torch.tensor([[0.7, 0, 0.15, 0.15], [0, 0.7, 0.15, 0.15], [0.15, 0.15, 0.7, 0], [0.15, 0.15, 0, 0.7]])
    assert similarity_correlation(unlike.double(), weights) == pytest.approx(-1)
    alike[3] = math.nan  # a class without images is left out
    assert similarity_correlation(alike, weights) == pytest.approx(1)


def test_a_correlation_without_variation_is_none():
    assert similarity_correlation(torch.eye(4).double(), torch.randn(4, 3)) is None
    assert similarity_correlation(torch.full((2, 2), 0.5).double(), torch.randn(2, 3)) is None


@given(count=st.integers(3, 30), seed=st.integers(0, 99))
def test_pearson_is_that_of_torch(count, seed):
    values = torch.randn(2, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert pearson(*values) == pytest.approx(torch.corrcoef(values)[0, 1].item())
