"""Random cells, genotypes and spaces for the property tests."""

from hypothesis import strategies as st

from nascope._src.cells.genotype import Cell, Edge, Genotype
from nascope._src.cells.operation_names import OPERATIONS
from nascope._src.cells.spaces.wiring_space import WiringSpace


@st.composite
def cells(
    draw, *, max_nodes=6, min_inputs=1, max_inputs=3, min_degree=1, max_degree=4, operations=None
):
    """Any valid cell: different in-degrees, repeated sources, dead nodes, concat in any order."""
    num_inputs = draw(st.integers(min_inputs, max_inputs))
    num_nodes = draw(st.integers(1, max_nodes))
    operation = st.sampled_from(operations or OPERATIONS)
    nodes = [
        draw(
            st.lists(
                st.builds(Edge, operation, st.integers(0, num_inputs + i - 1)),
                min_size=min_degree,
                max_size=max_degree,
            )
        )
        for i in range(num_nodes)
    ]
    intermediate = st.integers(num_inputs, num_inputs + num_nodes - 1)
    concat = draw(st.lists(intermediate, min_size=1, unique=True))
    return Cell(nodes=nodes, concat=concat, num_inputs=num_inputs)


def pair_cells(**limits):
    """Cells like DARTS': two inputs, two edges per node."""
    return cells(min_inputs=2, max_inputs=2, min_degree=2, max_degree=2, **limits)


@st.composite
def genotypes(draw, cell_strategy=None):
    """Two cells with the same number of inputs."""
    if cell_strategy is None:
        num_inputs = draw(st.integers(1, 3))
        cell_strategy = cells(min_inputs=num_inputs, max_inputs=num_inputs)
    name = draw(st.none() | st.text(min_size=1, max_size=20))
    return Genotype(normal=draw(cell_strategy), reduce=draw(cell_strategy), name=name)


@st.composite
def small_spaces(draw):
    """Spaces of wirings that can be enumerated, of every kind."""
    inputs = draw(st.integers(1, 3))
    nodes = draw(st.integers(1, 3 if inputs == 3 else 4))
    distinct = draw(st.booleans())
    in_degree = draw(st.integers(1, inputs if distinct else 2))
    concat = draw(st.sampled_from(["all", "loose", "kept", "some"]))
    if concat == "some":
        members = st.integers(inputs, inputs + nodes - 1)
        concat = tuple(draw(st.lists(members, min_size=1, unique=True)))
    return WiringSpace(
        "small",
        nodes=nodes,
        inputs=inputs,
        in_degree=in_degree,
        distinct=distinct,
        ordered=draw(st.booleans()),
        concat=concat,
    )
