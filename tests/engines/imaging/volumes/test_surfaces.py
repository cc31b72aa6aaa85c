from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from engines.contract.errors import GeometryError, InputError
from engines.imaging.volumes.surfaces import signed_volume_ml, surface_of, write_stl
from engines.imaging.volumes.volume import VolumeGeometry

SHAPE = (40, 36, 30)


def rotation() -> np.ndarray:
    c, s = np.cos(0.4), np.sin(0.4)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def geometry(axes: np.ndarray, spacing: tuple[float, float, float] = (0.5, 0.7, 0.9)) -> VolumeGeometry:
    matrix = np.eye(4)
    matrix[:3, :3] = axes * spacing
    matrix[:3, 3] = (-80.0, 31.0, 500.5)
    return VolumeGeometry(SHAPE, matrix)


GRIDS = {
    "straight": geometry(np.eye(3)),
    "mirrored": geometry(np.diag([-1.0, 1.0, 1.0])),
    "oblique": geometry(rotation()),
    "oblique mirrored": geometry(rotation() @ np.diag([1.0, 1.0, -1.0])),
    "anisotropic": geometry(np.eye(3)[:, [2, 0, 1]], (0.4, 0.4, 2.0)),
}


def ball(grid: VolumeGeometry, radius_mm: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    centre = grid.world_of(np.array(SHAPE) / 2.0)[0]
    world = grid.world_of(np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).reshape(-1, 3))
    return (np.linalg.norm(world - centre, axis=1) <= radius_mm).reshape(SHAPE), centre


def is_closed(faces: np.ndarray) -> bool:
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    forward = np.sort(edges[:, 0] << 32 | edges[:, 1])
    backward = np.sort(edges[:, 1] << 32 | edges[:, 0])
    return np.array_equal(forward, backward)


@pytest.mark.parametrize("name", GRIDS)
def test_a_ball_has_its_place_its_size_and_faces_outwards(name: str) -> None:
    grid = GRIDS[name]
    mask, centre = ball(grid)

    vertices, faces = surface_of(mask, grid)

    assert (vertices.dtype, faces.dtype) == (np.float32, np.int32)
    assert is_closed(faces)
    volume = signed_volume_ml(vertices, faces)
    assert volume == pytest.approx(mask.sum() * grid.voxel_volume_ml, rel=0.02)
    distances = np.linalg.norm(vertices - centre, axis=1)
    assert distances.mean() == pytest.approx(6.0, abs=0.2)
    assert np.abs(distances - 6.0).max() < max(grid.spacing_mm)


def test_a_thin_vessel_at_the_edge_of_the_grid_is_closed_and_keeps_its_volume() -> None:
    grid = GRIDS["oblique"]
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[10:12, 10:12, :] = 1

    vertices, faces = surface_of(mask, grid)

    assert is_closed(faces)
    assert signed_volume_ml(vertices, faces) == pytest.approx(mask.sum() * grid.voxel_volume_ml, rel=0.05)


def test_holes_stay_holes() -> None:
    grid = GRIDS["mirrored"]
    mask = np.zeros(SHAPE, dtype=bool)
    mask[5:25, 5:25, 5:25] = True
    mask[10:20, 10:20, 10:20] = False

    vertices, faces = surface_of(mask, grid)

    assert signed_volume_ml(vertices, faces) == pytest.approx(mask.sum() * grid.voxel_volume_ml, rel=0.03)


def test_large_surfaces_are_made_of_fewer_faces() -> None:
    grid = GRIDS["straight"]
    mask, centre = ball(grid, 8.0)

    fine, coarse = surface_of(mask, grid), surface_of(mask, grid, largest_num_faces=800)
    stepped = surface_of(mask, grid, smallest_step_mm=1.5)

    assert len(coarse[1]) <= 800 < len(fine[1])
    assert len(stepped[1]) < len(fine[1]) / 2
    for vertices, faces in (coarse, stepped):
        assert is_closed(faces)
        assert signed_volume_ml(vertices, faces) == pytest.approx(signed_volume_ml(*fine), rel=0.1)
        assert vertices.mean(axis=0) == pytest.approx(centre, abs=0.3)


def test_one_voxel_has_a_surface() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3, 4, 5] = True
    vertices, faces = surface_of(mask, GRIDS["oblique mirrored"])
    assert signed_volume_ml(vertices, faces) > 0
    assert vertices.mean(axis=0) == pytest.approx(GRIDS["oblique mirrored"].world_of([3, 4, 5])[0], abs=1e-3)


def test_an_empty_mask_and_another_grid_are_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        surface_of(np.zeros(SHAPE, dtype=bool), GRIDS["straight"])
    with pytest.raises(GeometryError, match="does not lie on a grid"):
        surface_of(np.ones((3, 3, 3)), GRIDS["straight"])


def test_stl_holds_the_triangles_in_lps(tmp_path: Path) -> None:
    grid = GRIDS["oblique mirrored"]
    vertices, faces = surface_of(ball(grid)[0], grid)

    path = write_stl(tmp_path / "血管 mask.stl", vertices, faces)

    content = path.read_bytes()
    assert b"SPACE=LPS" in content[:80]
    assert not content.startswith(b"solid")
    assert int.from_bytes(content[80:84], "little") == len(faces)
    assert len(content) == 84 + 50 * len(faces)
    numbers = np.frombuffer(
        b"".join(content[at : at + 48] for at in range(84, len(content), 50)), dtype="<f4"
    ).reshape(-1, 4, 3)
    assert np.allclose(numbers[:, 1:] * (-1, -1, 1), vertices[faces])
    assert signed_volume_ml(numbers[:, 1:].reshape(-1, 3), np.arange(3 * len(faces)).reshape(-1, 3)) > 0
    outward = numbers[:, 1:].mean(axis=1) - numbers[:, 1:].reshape(-1, 3).mean(axis=0)
    assert (np.einsum("ij,ij->i", numbers[:, 0], outward) > 0).mean() > 0.98


@pytest.mark.slow
def test_a_large_grid_is_cropped() -> None:
    mask = np.zeros((512, 512, 512), dtype=np.uint8, order="F")
    mask[200:300, 210:310, 220:320] = 3
    begun = time.thread_time()
    vertices, faces = surface_of(mask, VolumeGeometry(mask.shape, np.diag([0.4, 0.4, 0.4, 1.0])))
    assert time.thread_time() - begun < 5.0
    assert signed_volume_ml(vertices, faces) == pytest.approx(64.0, rel=0.01)
