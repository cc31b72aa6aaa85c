from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.contract.kinds import FileKind, ItemKind
from workstation.project import emergency
from workstation.project.items import NewFile, insert_file, set_item_kind
from workstation.project.project import Project


def add_pair_item(project: Project, item_id: str, subject: str, sha256: str = "") -> None:
    """Record an image pair of 100 x 80 pixels without reading any file."""
    with project.store.write() as session:
        for role in ("fixed", "moving"):
            path = project.folder.parent / "images" / f"{item_id}_{role}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"")
            content = f"{sha256 or item_id}_{role}"
            new = NewFile(item_id, subject, role, FileKind.IMAGE, path, content, 0, "CF", 100, 80)
            insert_file(session, new, project.folder)
        set_item_kind(session, item_id, ItemKind.IMAGE_PAIR)


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's own data folder out of the tests."""
    folder = tmp_path / "user data"
    monkeypatch.setattr(emergency, "user_data_path", lambda *args, **keywords: folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An open project with two image pairs, in a folder with a Chinese name and a space."""
    with Project.create(tmp_path / "眼底 项目", "sample") as created:
        add_pair_item(created, "a", "subject 1")
        add_pair_item(created, "b", "subject 2")
        yield created
