"""The table of all registrations: what is run, what is shown, and what goes to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engines.contract.run_folder import RunFolder
from engines.contract.transform_file import TransformFile
from workstation.controllers.pairs import registration_batch_controller
from workstation.controllers.pairs.registration_batch_controller import RegistrationBatchController
from workstation.controllers.workbench import Workbench
from workstation.project.project import Project
from workstation.project.sample import create_sample
from workstation.runs.registration_batch import registering_spec, transform_role
from workstation.views.protocols.registration import RegistrationLine


class _View:
    def __init__(self) -> None:
        self.lines: list[RegistrationLine] = []
        self.notes: list[str] = []
        self.is_running = False
        self.is_closed = False

    def show_lines(self, lines: Sequence[RegistrationLine], notes: Sequence[object]) -> None:
        self.lines, self.notes = list(lines), [str(note) for note in notes]

    def show_progress(self, done: int, total: int, *, is_running: bool) -> None:
        self.is_running = is_running

    def finish(self) -> None:
        self.is_closed = True


class _Schedule:
    def __init__(self) -> None:
        self.started: list[RunFolder] = []

    def start(self, folder: RunFolder) -> None:
        self.started.append(folder)


@pytest.fixture
def bench(prompt_bench: Workbench, tmp_path: Path) -> Workbench:
    create_sample(tmp_path / "项目 1").close()
    prompt_bench.set_project(Project.open(tmp_path / "项目 1"))
    return prompt_bench


@pytest.fixture
def schedule(monkeypatch: pytest.MonkeyPatch) -> _Schedule:
    made = _Schedule()
    monkeypatch.setattr(registration_batch_controller, "schedule_of", lambda _bench: made)
    return made


def _write(project: Project, item: str, verdict: str) -> None:
    files = project.items.get(item).files
    folder = project.folder / "runs" / "by_hand"
    TransformFile(
        matrix=np.eye(3).tolist(),
        fixed_size=(files["fixed"].width or 0, files["fixed"].height or 0),
        moving_size=(files["moving"].width or 0, files["moving"].height or 0),
        verdict=verdict,  # type: ignore[arg-type]
        method="by hand",
        z=7.0,
        s=0.4,
    ).write(folder / "outputs" / transform_role(registering_spec()) / f"{item}.json")
    (folder / "config.yaml").write_text("schema_version: 1", encoding="utf-8")


def test_the_rest_is_registered_in_one_run_and_the_table_follows(
    bench: Workbench, schedule: _Schedule, tmp_path: Path
) -> None:
    project = bench.project
    assert project is not None
    _write(project, "visits", "uncertain")
    controller, view = RegistrationBatchController(bench), _View()
    controller.attach(view)
    assert view.lines[0].item == "visits"
    assert {line.verdict for line in view.lines[1:]} == {""}
    controller.register()
    (folder,) = schedule.started
    assert {item.id for item in folder.read_manifest().items} == {line.item for line in view.lines[1:]}
    assert view.is_running
    for item in ("fa-octa", "fa-octa-3mm", "octa-6mm-3mm"):
        _write(project, item, "registered")
    bench.live_runs.ended.emit(folder.id)
    assert not view.is_running
    assert sum(line.verdict == "registered" for line in view.lines) == 3
    assert len(view.notes) == 1
    assert "close a circle" in view.notes[0]
    controller.go_to("fa-octa")
    assert bench.item_id == "fa-octa"
    controller.register(["fa-octa"])
    assert [item.id for item in schedule.started[1].read_manifest().items] == ["fa-octa"]
    controller.export(tmp_path / "出", ["fa-octa"])
    assert sorted(path.name for path in (tmp_path / "出").iterdir()) == [
        "fa-octa.json",
        "fa-octa_registered.png",
    ]
    bench.set_project(None)
    assert view.is_closed
    controller.shut()


def test_the_dialog_says_it_in_words_and_offers_what_can_be_done(qtbot) -> None:
    from engines.contract.messages import Message
    from workstation.views.pairs.registration_batch_dialog import RegistrationBatchDialog

    dialog = RegistrationBatchDialog("")
    dialog.show()
    assert not dialog.rest_button.isEnabled()
    dialog.show_lines(
        [
            RegistrationLine("a", "FA - CF", "not_registered", reason="No vessels."),
            RegistrationLine("b", "FA - OCTA", "registered", 12.3, 1.25, "fused"),
            RegistrationLine("c", "CF - CF"),
        ],
        [Message("{n} close a circle.", {"n": 3})],
    )
    assert dialog.table.rowCount() == 3
    assert dialog.table.item(1, 3).text() == "12.3"
    assert dialog.state.text().startswith("3 pairs: 1 registered, 0 uncertain, 1 not registered, 1 not tried")
    assert dialog.notes.text() == "3 close a circle."
    assert dialog.rest_button.isEnabled()
    assert not dialog.again_button.isEnabled()
    dialog.table.selectRow(1)
    assert dialog.again_button.isEnabled()
    with qtbot.waitSignal(dialog.registerClicked) as clicked:
        dialog.again_button.click()
    assert clicked.args == [["b"]]
    dialog.show_progress(1, 3, is_running=True)
    assert not dialog.rest_button.isEnabled()
    with qtbot.waitSignal(dialog.stopClicked):
        dialog.stop_button.click()
    with qtbot.waitSignal(dialog.closed):
        dialog.close()
