"""The sample project teaches: what it holds, where its files come from, and what registering it answers."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.contract.errors import ProjectError
from engines.contract.kinds import ItemKind, Split
from engines.contract.resources import resource_path
from engines.imaging.images import read_image
from engines.imaging.matching.classical_registration import ClassicalOptions, register
from engines.imaging.matching.search_frames import frames_for
from engines.imaging.volumes.label_metrics import dice
from workstation.project.first_steps import SAMPLE_SETTING
from workstation.project.label_maps import LabelMapState
from workstation.project.project import Project
from workstation.project.sample import create_sample, read_sources
from workstation.project.sample_volume import CLASSES

LARGEST_FILE_BYTES = 250_000
DESCRIBED = (".jpg", ".png", ".csv")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with create_sample(tmp_path_factory.mktemp("示例 dir") / "sample") as project:
        yield project


def verdict(project: Project, item_id: str) -> str:
    item = project.items.get(item_id)
    fixed, moving = (read_image(item.files[role].require()) for role in ("fixed", "moving"))
    frames = frames_for(*(item.files[role].modality for role in ("fixed", "moving")))
    return register(fixed, moving, options=ClassicalOptions(frames=frames)).verdict


def test_the_first_pair_of_the_list_is_registered_without_training(sample: Project) -> None:
    first = min(sample.items.all(), key=lambda item: (item.subject, item.id))
    assert verdict(sample, first.id) == "registered"


@pytest.mark.parametrize(
    ("item_id", "expected"),
    [
        ("visits", "registered"),
        ("fa-octa", "registered"),
        ("fa-octa-3mm", "registered"),
        ("octa-6mm-3mm", "registered"),
    ],
)
def test_real_pairs_answer_as_the_help_says(sample: Project, item_id: str, expected: str) -> None:
    assert verdict(sample, item_id) == expected


def test_two_visits_and_three_modalities_of_one_eye_are_there(sample: Project) -> None:
    items = {item.id: item for item in sample.items.all()}
    assert (items["visit-1"].visit, items["visit-2"].visit) == ("1", "2")
    assert items["visit-1"].subject == items["visit-2"].subject == items["visits"].subject
    assert {item.laterality for item in items.values() if item.kind is not ItemKind.VOLUME} == {"OS"}
    modalities = {file.modality for item in items.values() for file in item.files.values()}
    assert {"CF", "FA", "RF", "OCTA"} <= modalities


def test_spacing_is_recorded_where_it_is_known(sample: Project) -> None:
    wide, narrow = (sample.items.get("octa-6mm-3mm").files[role] for role in ("fixed", "moving"))
    assert [(file.spacing_mm or 0) * (file.width or 0) for file in (wide, narrow)] == pytest.approx(
        [6.0, 3.0], abs=1e-3
    )
    assert sample.items.get("visits").files["fixed"].spacing_mm is None


def test_a_training_finds_masked_images_in_train_and_val(sample: Project) -> None:
    masked = [item.split for item in sample.items.all() if item.has("image", "vessel_mask")]
    assert sorted(masked) == [Split.TRAIN, Split.TRAIN, Split.VAL]


def test_a_volume_has_true_labels_and_those_of_a_careless_annotator(sample: Project) -> None:
    item, other = sample.items.of_kind(ItemKind.VOLUME)
    assert (item.split, other.split) == (Split.TRAIN, Split.VAL)
    assert [one.state for one in sample.label_maps.of_item(other.id)] == [LabelMapState.ACCEPTED]
    truth, careless = sample.label_maps.of_item(item.id)
    assert (truth.name, truth.state, careless.state) == (
        "truth",
        LabelMapState.ACCEPTED,
        LabelMapState.PROPOSAL,
    )
    assert {known.name for known in truth.classes} == {"coronary arteries", "aorta"}
    drawn, noisy = (sample.label_maps.read(one.id)[0].voxels == CLASSES[0].value for one in (truth, careless))
    assert 0.5 < dice(drawn, noisy) < 0.95
    grid = item.files["cta"].grid
    assert grid is not None
    assert truth.geometry.difference(grid) is None


def test_it_knows_that_it_is_the_sample(sample: Project) -> None:
    assert sample.setting(SAMPLE_SETTING) is True


def test_every_file_names_its_source_and_a_licence_that_lies_there() -> None:
    shipped = {path.name for path in resource_path("sample").iterdir() if path.suffix in DESCRIBED}
    rows = read_sources()
    assert {row["file"] for row in rows} == shipped
    for row in rows:
        assert resource_path("licences", row["licence_file"]).is_file(), row["file"]
        assert row["origin"].startswith("https://"), row["file"]
        assert row["citation"], row["file"]
        assert row["processing"], row["file"]


def test_the_sample_stays_light() -> None:
    sizes = {path.name: path.stat().st_size for path in resource_path("sample").iterdir()}
    assert not {name: size for name, size in sizes.items() if size > LARGEST_FILE_BYTES}


def test_only_files_that_may_be_passed_on_are_shipped() -> None:
    folder = os.environ.get("WORKSTATION_REFERENCE_DATA")
    if not folder:
        pytest.skip("WORKSTATION_REFERENCE_DATA is not set")
    from resources.sample.make_images import SOURCES

    with (Path(folder) / "SOURCES.tsv").open(encoding="utf-8", newline="") as stream:
        may_ship = {row["file"]: row["may_ship"] for row in csv.DictReader(stream, delimiter="\t")}
    assert {may_ship[source] for source in SOURCES.values()} == {"yes"}


def test_an_old_sample_is_opened_and_never_overwritten(tmp_path: Path) -> None:
    with create_sample(tmp_path / "s") as project:
        project.set_setting("mine", 1)
    with create_sample(tmp_path / "s") as project:
        assert project.setting("mine") == 1


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ProjectError, match="not empty"):
        create_sample(tmp_path)
