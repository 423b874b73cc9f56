"""Curvature and near-convexity, against closed forms; their invariances as properties."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nascope._src.errors import StudyError
from nascope._src.results.metrics.convexity import (
    concavity,
    convex_area,
    convex_radius,
    largest_curvature,
    near_convex,
    roughness,
    second_derivatives,
)

AXIS = np.linspace(-1, 1, 21)  # steps of 0.1
NUMBERS = {
    f.__name__: f for f in (convex_radius, convex_area, concavity, roughness, largest_curvature)
}
Landscape = tuple[np.ndarray, np.ndarray, np.ndarray]


def all_numbers(loss: np.ndarray, *axes: np.ndarray) -> dict[str, float]:
    return {name: number(loss, *axes) for name, number in NUMBERS.items()}


def quadratic(hessian: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """½ pᵀHp at p = (α, β), on a tilt."""
    x, y = np.meshgrid(a, b, indexing="ij")
    h = hessian
    return 0.5 * (h[0, 0] * x**2 + 2 * h[0, 1] * x * y + h[1, 1] * y**2) + 3 * x - y + 7


def rotated(low: float, high: float, angle: float) -> np.ndarray:
    """The symmetric matrix of these eigenvalues, with eigenvectors at this angle to the axes."""
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, -s], [s, c]])
    return np.asarray(turn @ np.diag([low, high]) @ turn.T)


def uneven(random: np.random.Generator, count: int) -> np.ndarray:
    """Increasing coordinates from −1 to 1, 0 among the interior ones."""
    return np.concatenate(
        [
            [-1],
            np.sort(random.uniform(-0.95, -0.05, count)),
            [0],
            np.sort(random.uniform(0.05, 1, count)),
            [1.1],
        ]
    )


@st.composite
def landscapes(draw: st.DrawFn) -> Landscape:
    """A bowl with ripples on an uneven oblong grid; in some a few values are lost."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    a, b = uneven(random, draw(st.integers(1, 5))), uneven(random, draw(st.integers(1, 5)))
    x, y = np.meshgrid(a, b, indexing="ij")
    phases = random.uniform(-1, 1, 4)
    loss = 2 * x**2 + 3 * y**2 + x * y + 5
    loss += draw(st.floats(0, 1)) * np.cos(5 * x + 3 * y * phases[0] + phases[1])
    loss += draw(st.floats(0, 1)) * np.cos(6 * y + 3 * x * phases[2] + phases[3])
    for lost in (np.nan, np.inf, -np.inf)[: draw(st.integers(0, 3))]:
        loss[random.integers(len(a)), random.integers(len(b))] = lost
    return loss, a, b


# Closed forms


def test_second_derivatives_of_a_quadratic_are_exact_on_uneven_steps() -> None:
    random = np.random.default_rng()
    a, b = uneven(random, 4), uneven(random, 2)
    hessian = random.normal(size=(2, 2))
    hessian += hessian.T
    result = second_derivatives(quadratic(hessian, a, b), a, b)
    assert result.shape == (len(a) - 2, len(b) - 2, 2, 2)
    spacing = min(np.diff(a).min(), np.diff(b).min())  # rounding grows as its square falls
    np.testing.assert_allclose(
        result, np.broadcast_to(hessian, result.shape), atol=1e-12 / spacing**2
    )


def test_second_derivatives_are_exact_up_to_degree_two_in_each_variable() -> None:
    a, b = np.array([-1.0, -0.4, 0.0, 0.9, 1.0]), np.array([-2.0, 0.0, 0.5, 1.5])
    x, y = np.meshgrid(a, b, indexing="ij")
    result = second_derivatives(x**2 * y**2 - 3 * x**2 * y + x * y, a, b)
    x, y = x[1:-1, 1:-1], y[1:-1, 1:-1]
    np.testing.assert_allclose(result[..., 0, 0], 2 * y**2 - 6 * y, atol=1e-12)
    np.testing.assert_allclose(result[..., 1, 1], 2 * x**2, atol=1e-12)
    for i, j in ((0, 1), (1, 0)):
        np.testing.assert_allclose(result[..., i, j], 4 * x * y - 6 * x + 1, atol=1e-12)


def test_second_derivatives_agree_with_the_textbook_on_equal_steps() -> None:
    random = np.random.default_rng()
    z, h, k = random.normal(size=(5, 4)), 0.25, 0.5
    result = second_derivatives(z, h * np.arange(5), k * np.arange(4))
    for i in range(1, 4):
        for j in range(1, 3):
            aa = (z[i + 1, j] - 2 * z[i, j] + z[i - 1, j]) / h**2
            bb = (z[i, j + 1] - 2 * z[i, j] + z[i, j - 1]) / k**2
            ab = (z[i + 1, j + 1] - z[i + 1, j - 1] - z[i - 1, j + 1] + z[i - 1, j - 1]) / (
                4 * h * k
            )
            np.testing.assert_allclose(result[i - 1, j - 1], [[aa, ab], [ab, bb]], atol=1e-11)


def test_second_derivatives_keep_what_a_lost_value_leaves() -> None:
    loss = np.zeros((3, 4))
    loss[0, 0] = np.inf
    result = second_derivatives(loss, np.arange(3.0), np.arange(4.0))
    np.testing.assert_array_equal(result[0, 0], [[0, np.nan], [np.nan, 0]])
    np.testing.assert_array_equal(result[0, 1], np.zeros((2, 2)))


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 4, 2.0])
@pytest.mark.parametrize(
    ("low", "convex", "concave"), [(1.0, True, 0.0), (-0.4, True, 0.04), (-0.6, False, 0.06)]
)
def test_rotated_quadratic(angle: float, low: float, convex: bool, concave: float) -> None:
    loss = quadratic(rotated(low, 10, angle), AXIS, AXIS)
    assert (near_convex(loss, AXIS, AXIS) == convex).all()
    assert convex_radius(loss, AXIS, AXIS) == pytest.approx(0.9 if convex else 0)
    assert convex_area(loss, AXIS, AXIS) == pytest.approx(float(convex))
    assert concavity(loss, AXIS, AXIS) == pytest.approx(concave, abs=1e-9)
    assert largest_curvature(loss, AXIS, AXIS) == pytest.approx(10)


def test_tolerance_is_an_argument() -> None:
    saddle = quadratic(np.diag([-1.0, 2.0]), AXIS, AXIS)
    assert not near_convex(saddle, AXIS, AXIS, tolerance=0.49).any()
    assert near_convex(saddle, AXIS, AXIS, tolerance=0.51).all()
    assert convex_radius(saddle, AXIS, AXIS, tolerance=0.51) == pytest.approx(0.9)
    assert convex_area(saddle, AXIS, AXIS, tolerance=0.51) == 1


def test_summit_and_plain() -> None:
    summit = quadratic(np.diag([-1.0, -2.0]), AXIS, AXIS)
    assert concavity(summit, AXIS, AXIS) == pytest.approx(1)
    assert largest_curvature(summit, AXIS, AXIS) == pytest.approx(-1)
    plain = all_numbers(np.full((21, 21), 2.0), AXIS, AXIS)
    assert plain == {
        "convex_radius": pytest.approx(0.9), "convex_area": 1,
        "concavity": 0, "roughness": 0, "largest_curvature": 0,
    }  # fmt: skip


def test_roughness_of_ripples() -> None:
    # The second difference of cos kα is that of a cosine with k² replaced by (2 sin(kh/2) / h)².
    k, h = 8.0, 0.1
    ripples = np.cos(k * AXIS)
    seen = (2 * math.sin(k * h / 2) / h) ** 2
    along = seen * math.sqrt((ripples[1:-1] ** 2).mean())
    assert roughness(ripples, AXIS) == pytest.approx(along)
    plane = np.broadcast_to(ripples, (6, 21))  # the same along one axis, none along the other
    assert roughness(plane, np.arange(6.0), AXIS) == pytest.approx(along / math.sqrt(2))
    assert largest_curvature(ripples, AXIS) == pytest.approx(seen * -ripples[1:-1].min())


def test_double_well() -> None:
    # (x² − 1)² around its minimum at 1 is convex for |x| > 1/√3; seen with steps of h, whose
    # second difference is 12x² − 4 + 2h², for x² > 1/3 − h²/6.
    h = 0.01
    axis = h * np.arange(-250, 51)
    well = ((axis + 1) ** 2 - 1) ** 2
    edge, other = math.sqrt(1 / 3 - h**2 / 6) - 1, -math.sqrt(1 / 3 - h**2 / 6) - 1
    first = max(x for x in axis if x < edge)
    assert convex_radius(well, axis) == pytest.approx(min(-first, 0.49))
    assert convex_area(well, axis) == pytest.approx((0.49 - edge) / 2.98, abs=h)
    assert concavity(well, axis) == pytest.approx((edge - other) / 2.98, abs=h)

    wide = h * np.arange(-250, 251)  # the rims are now further away than the hump
    assert convex_radius(((wide + 1) ** 2 - 1) ** 2, wide) == pytest.approx(-first)


def test_double_well_in_a_plane() -> None:
    # Across the other axis the curvature is 40: near-convex where 12x² − 4 + 2h² ≥ −0.05 · 40.
    h = 0.02
    axis = h * np.arange(-100, 101)
    well = np.add.outer(((axis + 1) ** 2 - 1) ** 2, 20 * axis**2)
    edge = math.sqrt((4 - 2 - 2 * h**2) / 12) - 1
    first = max(x for x in axis if x < edge)
    assert convex_radius(well, axis, axis) == pytest.approx(-first)
    assert convex_area(well, axis, axis) == pytest.approx((1.99 - edge) / 3.98, abs=h)


def reference_near_convex(landscape: Landscape, i: int, j: int, tolerance: float) -> bool:
    """By the parabolas' own coefficients and the quadratic formula, on Python's numbers."""
    loss, a, b = landscape
    if not np.isfinite(loss[i - 1 : i + 2, j - 1 : j + 2]).all():
        return False
    x, y = a[i - 1 : i + 2] - a[i], b[j - 1 : j + 2] - b[j]
    coefficients = (
        np.linalg.inv(np.vander(x))
        @ loss[i - 1 : i + 2, j - 1 : j + 2]
        @ np.linalg.inv(np.vander(y)).T
    )
    aa, bb, ab = 2 * coefficients[0, 2], 2 * coefficients[2, 0], coefficients[1, 1]
    spread = math.sqrt((aa - bb) ** 2 / 4 + ab**2)
    low, high = (aa + bb) / 2 - spread, (aa + bb) / 2 + spread
    return bool(low >= -tolerance * max(abs(low), abs(high)))


def test_radius_and_area_agree_with_the_slow_reference() -> None:
    tolerance = 0.6  # about half of the points: regions of every shape, which touch at corners
    for seed in range(60):
        random = np.random.default_rng(seed)
        a, b = np.linspace(-1, 1.4, 13), np.linspace(-1.2, 0.8, 11)  # 0 at (5, 6)
        loss = random.normal(size=(13, 11)) / 40
        loss += np.exp(-8 * np.add.outer(a**2, b**2)) * np.add.outer(a**2, b**2)  # a bowl inside
        loss[random.integers(13), random.integers(11)] = np.inf
        inside = [(i, j) for i in range(1, 12) for j in range(1, 10)]
        good = {p for p in inside if reference_near_convex((loss, a, b), *p, tolerance)}
        region, border = set(), [(5, 6)]
        while border:
            i, j = border.pop()
            if (i, j) in good - region:
                region.add((i, j))
                border += [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)]
        away = [math.hypot(a[i], b[j]) for i, j in inside if (i, j) not in good]
        radius = min(away) if (5, 6) in good else 0
        assert convex_radius(loss, a, b, tolerance=tolerance) == pytest.approx(min(radius, 0.6))
        assert convex_area(loss, a, b, tolerance=tolerance) == pytest.approx(len(region) / 99)


def test_lost_values_are_not_convex() -> None:
    bowl = quadratic(np.diag([1.0, 2.0]), AXIS, AXIS)
    whole = all_numbers(bowl, AXIS, AXIS)
    bowl[0, 0], bowl[20, 20] = np.inf, np.nan  # each at a corner of one interior point
    lost = all_numbers(bowl, AXIS, AXIS)
    assert lost.pop("convex_area") == pytest.approx(1 - 2 / 19**2)
    assert lost == pytest.approx({name: whole[name] for name in lost})
    bowl[10, 11] = np.nan  # beside the centre
    assert convex_radius(bowl, AXIS, AXIS) == convex_area(bowl, AXIS, AXIS) == 0
    nothing = all_numbers(np.full((21, 21), np.inf), AXIS, AXIS)
    assert nothing.pop("convex_radius") == nothing.pop("convex_area") == 0
    assert all(math.isnan(value) for value in nothing.values())


def test_a_point_whose_corner_is_lost_is_no_part_of_any_number() -> None:
    axis = np.arange(-2.0, 3.0)
    loss = np.add.outer(axis**2, axis**2)
    loss[1, 1] -= 50  # of its nine values, eight are finite, and five make its second derivatives
    loss[0, 0] = np.inf
    lost = loss.copy()
    lost[1, 1] = np.nan  # which takes its neighbours too
    hessian = second_derivatives(loss, axis, axis)
    defined = np.isfinite(hessian).all(axis=(-2, -1))
    assert defined.sum() == 8
    diagonal = np.diagonal(hessian[defined], axis1=-2, axis2=-1)
    assert roughness(loss, axis, axis) == pytest.approx(math.sqrt((diagonal**2).mean()))
    assert largest_curvature(loss, axis, axis) < 100
    assert largest_curvature(lost, axis, axis) == pytest.approx(2)


def test_values_too_large_to_subtract_are_lost() -> None:
    loss = np.zeros((3, 5))
    loss[1, 1], loss[1, 2] = 1.7e308, -1.7e308
    assert math.isnan(largest_curvature(loss, np.arange(3.0), np.arange(5.0)))
    assert roughness(np.array([0.0, 1e200, 0.0]), np.arange(3.0)) == math.inf


@pytest.mark.parametrize("shape", [(1,), (2,), (0,), (1, 1), (2, 2), (1, 5), (5, 2)])
def test_tiny_grids_tell_nothing(shape: tuple[int, ...]) -> None:
    axes = [np.arange(float(count)) - count // 2 for count in shape]
    assert second_derivatives(np.ones(shape), *axes).size == 0
    assert all(math.isnan(value) for value in all_numbers(np.ones(shape), *axes).values())


def test_a_single_interior_point() -> None:
    axis = np.array([-1.0, 0.0, 1.0])
    numbers = all_numbers(quadratic(np.diag([1.0, 2.0]), axis, axis), axis, axis)
    assert numbers.pop("convex_radius") == 0  # a disc without extent
    assert numbers == pytest.approx(
        {"convex_area": 1, "concavity": 0, "roughness": math.sqrt(2.5), "largest_curvature": 2}
    )


def test_origin_off_the_grid() -> None:
    even = np.linspace(-1, 1, 20)  # the origin lies midway between four points
    bowl = quadratic(np.eye(2), even, even)
    assert convex_radius(bowl, even, even) == pytest.approx(17 / 19)
    assert convex_area(bowl, even, even) == 1
    for i in (9, 10):
        for j in (9, 10):
            bump = bowl.copy()
            bump[i, j] += 1  # a summit at one of the four
            assert convex_radius(bump, even, even) == convex_area(bump, even, even) == 0
    beyond = even + 1  # the origin lies on the rim
    assert math.isnan(convex_radius(bowl, beyond, even))
    assert math.isnan(convex_area(bowl, even, beyond))
    assert largest_curvature(bowl, beyond, even) == pytest.approx(1)


def test_uneven_steps_weigh_points_by_their_area() -> None:
    axis = np.array([-1.0, 0.0, 0.1, 0.2, 0.3, 4.0])
    cubic = axis**3  # s″ = 2 (x₋ + x₀ + x₊), exactly
    curvatures = 2 * np.array([-0.9, 0.3, 0.6, 4.5])
    weights = np.array([0.55, 0.1, 0.1, 1.9])
    assert roughness(cubic, axis) == pytest.approx(
        math.sqrt((weights * curvatures**2).sum() / weights.sum())
    )
    assert concavity(cubic, axis) == pytest.approx(0.55 / weights.sum())


def test_axes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        StudyError, match=r"shape \(3, 4\), in order, but got axes of lengths \(4, 3\)"
    ):
        roughness(np.ones((3, 4)), np.arange(4.0), np.arange(3.0))
    with pytest.raises(StudyError, match="one axis for each"):
        roughness(np.ones((3, 4)), np.arange(3.0))
    with pytest.raises(StudyError, match="to increase, but one does not"):
        roughness(np.ones(3), np.array([0.0, 1.0, 1.0]))


# Invariances that docs/guides/smoothness.md claims

SQUARED, LINEAR = ("roughness", "largest_curvature"), ("convex_radius",)


def assert_same(result: dict[str, float], expected: dict[str, float]) -> None:
    assert result == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)


def scaled(numbers: dict[str, float], names: tuple[str, ...], factor: float) -> dict[str, float]:
    return {name: value * (factor if name in names else 1) for name, value in numbers.items()}


@given(landscapes(), st.floats(-100, 100))
def test_a_constant_added_to_the_loss_changes_nothing(
    landscape: Landscape, constant: float
) -> None:
    loss, a, b = landscape
    assert_same(all_numbers(loss + constant, a, b), all_numbers(loss, a, b))


@given(landscapes(), st.floats(0.01, 100))
def test_a_factor_on_the_loss_multiplies_curvatures(landscape: Landscape, factor: float) -> None:
    loss, a, b = landscape
    assert_same(all_numbers(factor * loss, a, b), scaled(all_numbers(loss, a, b), SQUARED, factor))


@given(landscapes(), st.floats(0.01, 100))
def test_longer_directions(landscape: Landscape, factor: float) -> None:
    loss, a, b = landscape  # the same points, reached by displacements shorter by the factor
    expected = scaled(all_numbers(loss, a, b), SQUARED, factor**2)
    assert_same(all_numbers(loss, a / factor, b / factor), scaled(expected, LINEAR, 1 / factor))


@given(landscapes())
def test_exchanged_and_reversed_directions_change_nothing(landscape: Landscape) -> None:
    loss, a, b = landscape
    numbers = all_numbers(loss, a, b)
    assert_same(all_numbers(loss.T, b, a), numbers)
    assert_same(all_numbers(loss[::-1], -a[::-1], b), numbers)
    assert_same(all_numbers(loss[:, ::-1], a, -b[::-1]), numbers)


@given(st.floats(-3, 3), st.floats(0.5, 9), st.floats(0, math.pi))
def test_rotation_changes_nothing_but_roughness_where_curvature_is_constant(
    low: float, high: float, angle: float
) -> None:
    assume(abs(low + 0.05 * max(abs(low), high)) > 1e-6)  # on the edge rounding decides
    upright = quadratic(rotated(low, high, 0), AXIS, AXIS)
    turned = quadratic(rotated(low, high, angle), AXIS, AXIS)
    result, expected = all_numbers(turned, AXIS, AXIS), all_numbers(upright, AXIS, AXIS)
    diagonal = np.diag(rotated(low, high, angle))
    expected["roughness"] = math.sqrt((diagonal**2).mean())
    assert_same(result, expected)


def test_rotation_of_ripples_changes_numbers_by_the_grid_alone() -> None:
    axis = np.linspace(-1, 1, 161)
    x, y = np.meshgrid(axis, axis, indexing="ij")

    def at(angle: float) -> dict[str, float]:
        u, v = math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y
        return all_numbers(u**2 + v**2 - 0.1 * np.cos(6 * u) + 0.05 * np.cos(4 * v), axis, axis)

    upright, turned = at(0), at(0.6)
    assert turned["convex_radius"] == pytest.approx(upright["convex_radius"], abs=0.02)
    assert turned["largest_curvature"] == pytest.approx(upright["largest_curvature"], rel=0.01)
    assert turned["concavity"] == pytest.approx(upright["concavity"], abs=0.1)


def test_numbers_converge_as_the_grid_is_refined() -> None:
    def at(count: int) -> dict[str, float]:
        axis = np.linspace(-1, 1, count)
        x, y = np.meshgrid(axis, axis, indexing="ij")
        return all_numbers(np.cos(3 * x + 0.4) * -np.cos(2 * y), axis, axis)

    exact = at(1281)
    errors = [
        {name: abs(value - exact[name]) for name, value in at(count).items()}
        for count in (21, 81, 321)
    ]
    for name in NUMBERS:
        coarse, middle, fine = (error[name] for error in errors)
        assert fine <= max(middle, 1e-6)
        assert middle <= max(coarse, 1e-6)
        assert fine < max(0.2 * coarse, 0.01), name


@pytest.mark.parametrize(("number", "power"), [(largest_curvature, 1), (roughness, 0.5)])
def test_a_kink_grows_with_refinement(number: object, power: float) -> None:
    # The page says so: curvature that a ReLU leaves in one point has no limit.
    coarse, fine = (
        number(np.abs(axis), axis)  # type: ignore[operator]
        for axis in (np.linspace(-1, 1, 41), np.linspace(-1, 1, 161))
    )
    assert fine / coarse == pytest.approx(4**power, rel=0.05)
