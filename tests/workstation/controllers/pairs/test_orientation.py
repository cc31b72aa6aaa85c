from __future__ import annotations

import numpy as np

from engines.imaging.transforms.point_transform import ProjectiveTransform
from workstation.controllers.pairs.orientation import eye_warning, flip_warning
from workstation.views.protocols.pairs import PairRow

SIZE = (400, 300)
MIRROR = ProjectiveTransform([[-1.0, 0.0, 400.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
PLAIN = ProjectiveTransform(np.eye(3))


def rows(fixed_from_moving: ProjectiveTransform) -> list[PairRow]:
    moving = [(20.0, 30.0), (300.0, 40.0), (150.0, 250.0), (350.0, 280.0), (80.0, 160.0)]
    return [
        PairRow(str(number), str(number), "placed", fixed_from_moving.map_xy(xy), xy)
        for number, xy in enumerate(moving)
    ]


def test_a_mirroring_transform_is_said_with_its_source() -> None:
    said = flip_warning(MIRROR, SIZE, [], ("", ""), is_of_registration=True)
    assert "registration mirrors" in said.text
    said = flip_warning(MIRROR, SIZE, [], ("", ""), is_of_registration=False)
    assert "pairs mirror" in said.text


def test_mirrored_pairs_are_said_although_the_model_cannot_mirror() -> None:
    assert "mirrored image" in flip_warning(None, SIZE, rows(MIRROR), ("", ""), is_of_registration=False).text


def test_eyes_that_differ_are_said() -> None:
    said = flip_warning(PLAIN, SIZE, rows(PLAIN), ("OD", "OS"), is_of_registration=False)
    assert said.render() == "Fixed looks like OD and moving like OS: another eye, or one image is mirrored."


def test_nothing_is_said_without_a_reason() -> None:
    for lateralities in (("OD", "OD"), ("OD", ""), ("", "")):
        assert not flip_warning(PLAIN, SIZE, rows(PLAIN), lateralities, is_of_registration=False).text
    assert not flip_warning(None, (0, 0), [], ("", ""), is_of_registration=False).text


def test_an_image_that_looks_like_the_other_eye_is_said() -> None:
    assert "OS" in eye_warning("OD", "OS").render()
    assert not eye_warning("OD", "").text
    assert not eye_warning("OU", "OS").text
