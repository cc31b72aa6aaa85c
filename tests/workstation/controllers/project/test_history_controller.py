from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence

import pytest

from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.controllers.project.history_controller import HistoryController
from workstation.controllers.workbench import Workbench
from workstation.project.commands import AddPair
from workstation.project.history import EditNotSavedError
from workstation.project.project import Project
from workstation.views.protocols.cards import Card
from workstation.views.protocols.project import HistoryRow


class View:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.rows: Sequence[HistoryRow] = ()
        self.is_whole_project = False
        self.sentences: list[str] = []

    def show_history(self, rows: Sequence[HistoryRow], item_id: str, *, is_whole_project: bool) -> None:
        self.rows, self.is_whole_project = rows, is_whole_project

    def show_sentence(self, message: Message) -> None:
        self.sentences.append(message.render())

    def titles(self) -> list[tuple[str, str]]:
        return [(row.title.render(), "here" if row.is_here else row.state) for row in self.rows]


@pytest.fixture
def bench(qtbot, pair_project: Project) -> Iterator[Workbench]:
    made = Workbench()
    made.set_project(pair_project)
    made.set_item("pair_b")
    yield made
    made.close()


@pytest.fixture
def controller(bench: Workbench) -> HistoryController:
    made = HistoryController(bench)
    made._on_project_changed()
    return made


@pytest.fixture
def view(qtbot, bench: Workbench, controller: HistoryController) -> View:
    made = View()
    for x in (10.0, 20.0, 30.0, 40.0):
        bench.project.history.execute(AddPair("pair_b", (x, 10.0), (x, 11.0)))
    controller.attach(made)
    qtbot.waitUntil(lambda: len(made.rows) == 5)
    return made


def pairs(bench: Workbench) -> int:
    return len(bench.project.keypoints.pairs("pair_b"))


def test_list_holds_the_edits_of_the_item_and_the_beginning(view: View) -> None:
    assert view.titles() == [
        ("add point 4", "here"),
        ("add point 3", "done"),
        ("add point 2", "done"),
        ("add point 1", "done"),
        ("The beginning", "done"),
    ]


def test_an_entry_is_reached_in_one_go_and_each_step_is_journalled(
    qtbot, bench: Workbench, controller: HistoryController, view: View
) -> None:
    controller.say(view.rows[2])
    assert view.sentences[-1] == "A click takes back 2 edits."
    controller.go_to(view.rows[2])
    qtbot.waitUntil(lambda: pairs(bench) == 2 and ("add point 4", "waiting") in view.titles())
    assert view.sentences[-1] == "2 edits were taken back."
    assert [entry.action for entry in bench.project.history.list(2)] == ["undo", "undo"]
    assert view.titles()[2] == ("add point 2", "here")
    controller.say(view.rows[0])
    assert view.sentences[-1] == "A click does 2 edits again."
    controller.go_to(view.rows[0])
    qtbot.waitUntil(lambda: pairs(bench) == 4)
    qtbot.waitUntil(lambda: view.titles()[0] == ("add point 4", "here"))
    controller.go_to(view.rows[-1])
    qtbot.waitUntil(lambda: pairs(bench) == 0)


def test_undone_edit_that_was_overtaken_says_so(
    qtbot, bench: Workbench, controller: HistoryController, view: View
) -> None:
    controller.undo()
    bench.project.history.execute(AddPair("pair_b", (50.0, 10.0), (50.0, 11.0)))
    qtbot.waitUntil(lambda: ("add point 4", "lost") in view.titles())
    lost = next(row for row in view.rows if row.state == "lost")
    controller.say(lost)
    assert "cannot be done again" in view.sentences[-1]
    controller.go_to(lost)
    qtbot.waitUntil(lambda: len(view.sentences) == 2)
    assert pairs(bench) == 4


def test_entry_of_another_item_shows_that_item_first(
    qtbot, bench: Workbench, controller: HistoryController, view: View
) -> None:
    bench.set_item("pair_a")
    controller.set_whole_project(True)
    qtbot.waitUntil(lambda: view.is_whole_project and len(view.rows) == 6)
    target = next(row for row in view.rows if row.title.render() == "add point 3")
    controller.go_to(target)
    assert bench.item_id == "pair_b"
    qtbot.waitUntil(lambda: pairs(bench) == 3)


def test_refused_edit_is_offered_again_in_the_same_window(
    qtbot, bench: Workbench, controller: HistoryController, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards: list[Card] = []
    counts: list[int] = []
    bench.card_posted.connect(cards.append)
    controller.unsaved_changed.connect(counts.append)

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(bench.project.store, "write", full)
        with pytest.raises(EditNotSavedError):
            bench.project.history.execute(AddPair("pair_b", (30.0, 30.0), (31.0, 31.0)))
        qtbot.waitUntil(lambda: counts == [1])
        (offer,) = cards
        assert offer.severity is Severity.WARNING
        offer.buttons[0].clicked()
        assert pairs(bench) == 0
        assert counts[-1] == 1
    offer.buttons[0].clicked()
    assert pairs(bench) == 1
    assert counts[-1] == 0
    assert bench.project.history.unsaved() == []
