import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.designs import contrast_levels, designed_block, levels
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.wiring import published_variant
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.networks.network import Network
from tests import cases, reference

COUNTS = [  # the table of published parameter counts: cell, C, L, tower, parameters
    ("DARTS", 36, 20, False, 3_349_342),
    ("DARTS", 36, 20, True, 3_825_768),
    ("DARTS", 16, 8, False, 246_106),
    ("AmoebaNet", 36, 20, False, 3_145_078),
    ("AmoebaNet", 36, 20, True, 3_603_072),
    ("AmoebaNet", 16, 8, False, 326_330),
    ("SNAS", 36, 20, False, 2_661_382),
    ("SNAS", 36, 20, True, 3_137_808),
    ("SNAS", 16, 8, False, 200_954),
]


@pytest.mark.parametrize(("name", "channels", "layers", "auxiliary", "expected"), COUNTS)
def test_parameter_counts_are_the_published_ones(name, channels, layers, auxiliary, expected):
    with torch.device("meta"):
        network = Network(name, channels=channels, layers=layers, auxiliary=auxiliary)
    assert network.num_parameters == expected


@pytest.mark.parametrize("name", ["NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"])
def test_designed_variants_have_equal_size(name):
    """`same_size` promises equal parameters and multiply-adds, in any network."""
    sizes = set()
    genotype = load_cell(name)
    extremes = (*contrast_levels(genotype), *sorted(levels(genotype))[5:8])
    for _, variant in designed_block(genotype, 3, extremes):
        with torch.device("meta"):
            network = Network(variant, channels=4, layers=3, classes=10)
        sizes.add((network.num_parameters, network.multiply_adds()))
    assert len(sizes) == 1


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["all", "NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"])
def test_logits_and_gradients_agree_with_the_plain_reference(name, training):
    genotype = cases.all_operations() if name == "all" else load_cell(name)
    network = cases.small_network(genotype, image_size=16, layers=4).train(training)
    images, labels = cases.random_batch(5, size=16)
    weights = {
        key: value.detach().clone().requires_grad_(value.is_floating_point())
        for key, value in network.state_dict().items()
    }
    expected, _ = reference.network_logits(genotype, weights, images, layers=4, training=training)
    logits = network(images)
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9)
    functional.cross_entropy(logits, labels).backward()
    functional.cross_entropy(expected, labels).backward()
    for key, parameter in network.named_parameters():
        wanted = weights[key].grad
        got = parameter.grad
        if wanted is None:
            assert got is None or not got.any(), key
        else:
            got = torch.zeros_like(wanted) if got is None else got
            torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-9, msg=key)


@pytest.mark.parametrize("name", ["all", "NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"])
def test_tower_and_drop_path_agree_with_the_plain_reference(name):
    """Loss and gradients of Table 1's objective, an edge in five dropped for each image."""
    genotype = cases.all_operations() if name == "all" else load_cell(name)
    network = cases.small_network(genotype, image_size=32, layers=4, auxiliary=True).train()
    images, labels = cases.random_batch(3, size=32)
    drawn = torch.rand(network.num_drop_paths, 3, generator=torch.Generator().manual_seed(1))
    factors = (drawn >= 0.2).double() / 0.8
    weights = {
        key: value.detach().clone().requires_grad_(value.is_floating_point())
        for key, value in network.state_dict().items()
    }
    got = network.forward_training(images, factors)
    expected = reference.network_logits(
        genotype, weights, images, layers=4, training=True, drop_path=factors
    )
    losses = []
    for logits, tower in (got, expected):
        loss = functional.cross_entropy(logits, labels)
        losses.append(loss + 0.4 * functional.cross_entropy(tower, labels))
        losses[-1].backward()
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-9, atol=1e-9)
    for key, parameter in network.named_parameters():
        wanted = weights[key].grad
        if wanted is None:
            assert parameter.grad is None or not parameter.grad.any(), key
        else:
            assert parameter.grad is not None, key
            torch.testing.assert_close(parameter.grad, wanted, rtol=1e-8, atol=1e-9, msg=key)


@pytest.mark.parametrize("size", [8, 9, 11, 28, 33])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_any_image_size_channels_and_depth(size, channels, layers):
    network = Network(
        load_cell("AmoebaNet"), channels=2, layers=layers, classes=7,
        image_channels=channels, image_size=size,
    )  # fmt: skip
    assert network(torch.zeros(2, channels, size, size)).shape == (2, 7)


def test_a_dead_node_is_not_computed_and_has_parameters():
    genotype = published_variant(load_cell("AmoebaNet"), 4)  # nodes 2 and 3 are dead
    network = Network(genotype, channels=2, layers=3)
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    dead = network.cells[0]._ops[2]  # node 3's sep_conv_3x3
    assert all(parameter.grad is None for parameter in dead.parameters())
    assert network.cells[0]._ops[4] is not None
    assert network.num_parameters > sum(
        parameter.numel() for parameter in network.parameters() if parameter.grad is not None
    )


def test_drop_path_multiplies_every_edge_but_identities():
    network = cases.small_network(load_cell("SNAS")).train()
    images, _ = cases.random_batch(4)
    ones = torch.ones(network.num_drop_paths, 4, dtype=torch.float64)
    with torch.no_grad():
        plain = network.forward_training(images)[0]
        kept = network.forward_training(images, ones)[0]
        factors = ones.clone()
        factors[:, 0] = 0  # every droppable edge of the first image
        dropped = network.forward_training(images, factors)[0]
    torch.testing.assert_close(kept, plain)
    assert not torch.allclose(dropped[0], plain[0])
    normal, reduce = load_cell("SNAS").normal, load_cell("SNAS").reduce
    expected = 0
    for index in range(3):  # at stride 2 a skip is a factorised reduce, and can be dropped
        cell = reduce if index in (1, 2) else normal
        expected += sum(
            edge.operation != "skip_connect" or (index > 0 and edge.source < 2)
            for edge in cell.edges
        )
    assert network.num_drop_paths == expected


def test_the_tower_answers_in_training_only():
    network = Network(load_cell("DARTS"), channels=2, layers=3, auxiliary=True)
    images = torch.zeros(2, 3, 32, 32)
    assert network.train().forward_training(images)[1].shape == (2, 10)
    assert network.eval().forward_training(images)[1] is None


@pytest.mark.parametrize(("size", "layers"), [(32, 1), (33, 2), (48, 3), (64, 2), (64, 1)])
def test_the_tower_takes_larger_maps(size, layers):
    """By hand: the classifier reads the mean over the positions that are left."""
    network = Network(
        "DARTS", channels=2, layers=layers, image_channels=1, image_size=size, auxiliary=True
    ).double()
    images = torch.randn(2, 1, size, size).double()
    seen = {}
    network.auxiliary_head.register_forward_pre_hook(lambda _, inputs: seen.update(x=inputs[0]))
    logits = network.train().forward_training(images)[1]
    features = network.auxiliary_head.features(seen["x"])
    each = network.auxiliary_head.classifier(features.flatten(2).transpose(1, 2))
    torch.testing.assert_close(logits, each.mean(dim=1))
    logits.sum().backward()


def test_other_in_degrees_build():
    nodes = ((("skip_connect", 0),), (("sep_conv_3x3", 0), ("max_pool_3x3", 1), ("conv_1x1", 2)))
    cell = Cell(nodes=nodes, concat=(2, 3))
    network = Network(Genotype(cell, cell), channels=2, layers=2, image_channels=1, image_size=8)
    assert network(torch.zeros(3, 1, 8, 8)).shape == (3, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 7}, "at least 8 px"),
        ({"channels": 0}, "channels must be at least 1"),
        ({"layers": 0}, "layers must be at least 1"),
        ({"classes": 0}, "classes must be at least 1"),
        (
            {"image_size": 28, "auxiliary": True},
            "auxiliary tower needs images of 32 px or more, not 28",
        ),
    ],
)
def test_numbers_out_of_range_are_refused(changes, message):
    with pytest.raises(StudyError, match=message):
        Network(load_cell("DARTS"), **({"channels": 2, "layers": 3} | changes))


def test_cells_with_another_number_of_inputs_are_refused():
    cell = Cell(nodes=((("skip_connect", 0),),), concat=(1,), num_inputs=1)
    with pytest.raises(GenotypeError, match="two inputs, but got 1"):
        Network(Genotype(cell, cell), channels=2, layers=3)


def multiply_adds_by_hand(network: nn.Module, images: torch.Tensor) -> int:
    counts = []

    def convolution(layer, _, out):
        counts.append(out.numel() * layer.weight[0].numel())

    def linear(layer, _, out):
        counts.append(out.numel() * layer.in_features)

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(convolution)
        elif isinstance(module, nn.Linear):
            module.register_forward_hook(linear)
    with torch.no_grad():
        network.eval()(images)
    return sum(counts)


@pytest.mark.parametrize("name", cell_names())
def test_multiply_adds_agree_with_a_count_by_hand(name):
    for genotype in (load_cell(name), published_variant(load_cell(name), 3)):  # dead nodes too
        network = Network(genotype, channels=4, layers=4, image_size=16)
        expected = multiply_adds_by_hand(network, torch.zeros(1, 3, 16, 16))
        assert network.train().multiply_adds() == expected
        assert network.training


def test_the_tower_does_not_count_as_multiply_adds():
    size = {"channels": 8, "layers": 5}
    counts = [Network("DARTS", **size, auxiliary=tower).multiply_adds() for tower in (False, True)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("auxiliary", [False, True])
def test_outputs_in_pieces_change_nothing(auxiliary):
    """With gradients, outputs of cells are not concatenated, unless a hook wants to see them."""
    network = Network("NASNet", channels=4, layers=6, image_size=32, auxiliary=auxiliary).double()
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    found, seen = [], []
    for hooked in (False, True):
        handles = [
            module.register_forward_hook(lambda _, inputs, output: seen.append((inputs, output)))
            for module in (network.cells[1], network.cells[2].preprocess1.op[1])
            if hooked
        ]
        logits, tower = network.train().forward_training(images)
        losses = logits.square().mean() + (0 if tower is None else tower.square().mean())
        used = [p for p in network.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(losses, used, allow_unused=True)
        found.append([logits, *(g for g in gradients if g is not None)])
        for handle in handles:
            handle.remove()
    assert len(seen) == 2
    for inputs, output in seen:
        assert isinstance(inputs[0], torch.Tensor)
        assert isinstance(output, torch.Tensor)
    for pieces, whole in zip(*found, strict=True):
        torch.testing.assert_close(pieces, whole, rtol=1e-9, atol=1e-12)
