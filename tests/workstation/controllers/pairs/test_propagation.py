"""Points carried over along chains of transforms between images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.contract.kinds import FileKind, ItemKind
from engines.imaging.transforms.point_transform import ProjectiveTransform
from workstation.controllers.pairs.propagation import Link, carried_over, propagation_sources
from workstation.project.annotations import PairState
from workstation.project.commands import AddPair, ImportedPair, ImportPairs
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.project import Project

# A triplet of one eye: every image is the first one, shifted.
SHIFT = {"cf": np.array([0.0, 0.0]), "oct": np.array([10.0, 4.0]), "fa": np.array([-6.0, 8.0])}
POINTS = np.array([[30.0, 30.0], [120.0, 30.0], [40.0, 110.0], [150.0, 120.0], [90.0, 70.0], [60.0, 80.0]])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    with Project.create(tmp_path / "三 triplet", "triplet") as made:
        for item, fixed, moving, subject in (
            ("cf-oct", "cf", "oct", "S1"),
            ("cf-fa", "cf", "fa", "S1"),
            ("oct-fa", "oct", "fa", "S1"),
            ("stranger", "cf2", "fa2", "S2"),
        ):
            with made.store.write() as session:
                for role, image in (("fixed", fixed), ("moving", moving)):
                    path = tmp_path / f"{image}.png"
                    path.write_bytes(b"")
                    modality, size = image.upper(), (200, 160)
                    new = NewFile(
                        item, subject, role, FileKind.IMAGE, path, image, 0, modality, *size, visit="1"
                    )
                    insert_file(session, new, made.folder)
                set_item_kind(session, item, ItemKind.IMAGE_PAIR)
        for item, moving in (("cf-oct", "oct"), ("cf-fa", "fa")):
            pairs = [
                ImportedPair(str(number), tuple(xy), tuple(xy + SHIFT[moving]))
                for number, xy in enumerate(POINTS, 1)
            ]
            made.history.execute(ImportPairs(item, tuple(pairs)))
        yield made


def test_two_pairs_of_a_triplet_give_the_third(project: Project) -> None:
    sources = propagation_sources(project, project.items.get("oct-fa"), None)
    assert [source.item_id for source in sources] == ["cf-oct", "cf-fa"]
    assert str(sources[0].title) == "Visit 1, CF–OCT, cf-oct: 6 points"
    for source in sources:
        assert {(pair.state, pair.source, pair.score) for pair in source.pairs} == {
            (PairState.PREDICTED, f"propagated:{source.item_id}", None)
        }
        np.testing.assert_allclose([pair.fixed_xy for pair in source.pairs], POINTS + SHIFT["oct"], atol=1e-6)
        np.testing.assert_allclose([pair.moving_xy for pair in source.pairs], POINTS + SHIFT["fa"], atol=1e-6)


def test_a_shared_image_needs_the_present_transform_only(project: Project) -> None:
    item, source = project.items.get("cf-fa"), project.items.get("cf-oct")
    used = project.keypoints.pairs("cf-oct")
    assert carried_over(used, source, item, ()) == ()
    shift = ProjectiveTransform([[1, 0, 6], [0, 1, -8], [0, 0, 1]])
    pairs = carried_over(used, source, item, [Link("cf", "fa", shift)])
    np.testing.assert_allclose([pair.fixed_xy for pair in pairs], POINTS)
    np.testing.assert_allclose([pair.moving_xy for pair in pairs], POINTS + SHIFT["fa"])


def test_points_that_fall_off_and_points_not_used_stay_behind(project: Project) -> None:
    project.history.execute(AddPair("cf-oct", (1.0, 155.0), (11.0, 159.0)))
    project.history.execute(AddPair("cf-oct", (100.0, 100.0)))
    shift = ProjectiveTransform([[1, 0, 6], [0, 1, -8], [0, 0, 1]])
    sources = propagation_sources(project, project.items.get("cf-fa"), shift)
    # The first falls off the angiogram on its left; the second has no partner.
    assert [len(source.pairs) for source in sources] == [6]


def test_other_people_and_unlinked_pairs_are_no_sources(project: Project) -> None:
    assert propagation_sources(project, project.items.get("stranger"), None) == []
