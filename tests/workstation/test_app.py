"""The real window: start, open, place a pair, undo, close."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QToolButton

from engines.contract.errors import InputError
from engines.contract.kinds import Severity
from workstation import app
from workstation.actions.held_key import HOLD_MS
from workstation.exception_path import ExceptionPath, card_of_exception
from workstation.main_window import MIN_SIZE, MainWindow
from workstation.project import importers
from workstation.project.commands import AddPair
from workstation.project.history import EditNotSavedError
from workstation.project.project import Project
from workstation.screens import SCREENS
from workstation.settings import Settings
from workstation.views.protocols.overlay_modes import Mode

READY_MS = 60_000


def start(qapp: QApplication, folder: Path) -> MainWindow:
    """Show the window of a program that was just started."""
    settings = Settings()
    app.prepare(qapp, settings)
    made = app.build(settings, folder / "sample")
    made.show()
    QTest.qWaitForWindowExposed(made)
    made.activateWindow()
    return made


def end(window: MainWindow, qapp: QApplication) -> None:
    """Close a window and let everything go."""
    window.close()
    window.deleteLater()
    del window
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()


def wait(condition: Callable[[], object]) -> None:
    """Let the window work until a condition holds."""
    until = time.monotonic() + READY_MS / 1000
    while not condition():
        assert time.monotonic() < until
        QTest.qWait(10)


def open_project(window: MainWindow, folder: Path) -> None:
    """Open a project and wait until its first images are there."""
    window.projects.open(folder)
    wait(lambda: window.screen("pairs") is not None)
    wait(lambda: window.screen("pairs").controller.has_pair_of_images)


@pytest.fixture
def window(qapp: QApplication, tmp_path: Path) -> Iterator[MainWindow]:
    """A window of its own, without a project."""
    style = qapp.styleSheet()
    made = start(qapp, tmp_path)
    yield made
    end(made, qapp)
    qapp.setStyleSheet(style)


@pytest.fixture(scope="module")
def shared(
    qapp: QApplication,
    make_pair_project: Callable[[Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MainWindow]:
    """One window on a project for every test that leaves it as it was."""
    folder = tmp_path_factory.mktemp("shared")
    made = start(qapp, folder)
    open_project(made, make_pair_project(folder))
    # What a screen makes belongs to this window, and to no test that shows it first.
    for spec in SCREENS:
        made.show_screen(spec.key)
        QTest.qWait(800)
    yield made
    end(made, qapp)
    qapp.setStyleSheet("")


@pytest.fixture
def opened(shared: MainWindow) -> Iterator[MainWindow]:
    """The shared window on the pair with six keypoints; edits of a test are taken back."""
    shared.show_screen("pairs")
    shared.workbench.set_item("pair_a")
    wait(lambda: shared.screen("pairs").controller.has_pair_of_images)
    shared.activateWindow()
    QTest.qWaitForWindowActive(shared)
    history = shared.workbench.project.history
    before = history.undo_title("pair_a")
    yield shared
    while history.undo_title("pair_a") != before:
        history.undo("pair_a")
    shared.browser.filter.clear()
    shared.cards.clear()
    shared.screen("pairs").controller.select("")
    shared.actions_.action("pairs.select").trigger()


def click(window: MainWindow, side: str, xy: tuple[float, float]) -> None:
    canvas = window.screen("pairs").centre.pair_view.canvas(side)
    place = canvas.canvas_from_image(xy).toPoint()
    QTest.mouseMove(canvas.native, place)
    QTest.mouseClick(canvas.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def press(
    window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    native = window.screen("pairs").centre.pair_view.fixed.native
    native.setFocus()
    QTest.keyClick(native, key, modifier)


def pairs(window: MainWindow) -> list[str]:
    return sorted(pair.label for pair in window.workbench.project.keypoints.pairs("pair_a"))


def test_shell_loads_neither_torch_nor_napari() -> None:
    code = (
        "import sys, workstation.app; "
        "print([name for name in ('torch', 'napari', 'vispy', 'pyqtgraph') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_empty_window_offers_the_sample_project(window: MainWindow) -> None:
    assert window.minimumSize() == MIN_SIZE
    assert window.empty.isVisible()
    assert window.empty.primary.text() == "Open sample project"
    assert window.empty.primary.isEnabled()
    assert "Open a project first." in window.actions_.action("project.import").toolTip()


def test_every_screen_has_a_button_and_opens(opened: MainWindow, qtbot) -> None:
    buttons = [button for button in opened.findChildren(QToolButton) if button.property("role") == "screen"]
    assert [button.text().split()[0] for button in buttons] == [spec.title for spec in SCREENS]
    for button in buttons:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert button.isChecked()
        assert opened.centre.currentWidget().isVisible()


def test_pair_is_placed_undone_and_redone_by_mouse_and_keys(opened: MainWindow, qtbot) -> None:
    control = Qt.KeyboardModifier.ControlModifier
    press(opened, Qt.Key.Key_N)
    click(opened, "fixed", (100.0, 80.0))
    assert len(pairs(opened)) == 7
    click(opened, "moving", (95.0, 85.0))
    pair = next(pair for pair in opened.workbench.project.keypoints.pairs("pair_a") if pair.label == "7")
    assert pair.fixed_xy == pytest.approx((100.0, 80.0), abs=1.0)
    assert pair.moving_xy == pytest.approx((95.0, 85.0), abs=1.0)
    undo = opened.actions_.action("edit.undo")
    qtbot.waitUntil(lambda: "place point 7 in moving" in undo.text())
    press(opened, Qt.Key.Key_Z, control)
    press(opened, Qt.Key.Key_Z, control)
    assert len(pairs(opened)) == 6
    press(opened, Qt.Key.Key_Y, control)
    press(opened, Qt.Key.Key_Z, control | Qt.KeyboardModifier.ShiftModifier)
    assert len(pairs(opened)) == 7
    table = opened.screen("pairs").centre.table
    qtbot.waitUntil(lambda: table.pairs.rowCount() == 7)


def test_keys_select_exclude_and_delete(opened: MainWindow) -> None:
    controller = opened.screen("pairs").controller
    press(opened, Qt.Key.Key_Tab)
    first = controller.selected
    press(opened, Qt.Key.Key_Tab)
    assert controller.selected not in ("", first)
    press(opened, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert controller.selected == first
    press(opened, Qt.Key.Key_U)
    assert controller.pair_fit.rows[0].state == "excluded"
    press(opened, Qt.Key.Key_Delete)
    assert len(pairs(opened)) == 5


def test_letters_typed_into_the_filter_are_no_shortcuts(opened: MainWindow) -> None:
    opened.browser.filter.setFocus()
    QTest.keyClicks(opened.browser.filter, "nu")
    assert opened.browser.filter.text() == "nu"
    assert not opened.screen("pairs").controller.is_adding


def test_peek_key_works_while_the_focus_is_in_the_table(opened: MainWindow) -> None:
    centre = opened.screen("pairs").centre
    opened.actions_.action("pairs.blend").trigger()
    wait(lambda: centre.overlay.painter.is_over_shown)
    centre.table.setFocus()
    QTest.keyPress(centre.table, Qt.Key.Key_T)
    assert centre.overlay.overlay.mode is Mode.WARPED
    QTest.qWait(HOLD_MS + 40)
    QTest.keyRelease(centre.table, Qt.Key.Key_T)
    wait(lambda: centre.overlay.overlay.mode is Mode.BLEND)
    opened.actions_.action("pairs.blend").trigger()
    assert not centre.overlay.painter.is_over_shown


def test_refused_edit_is_a_red_card_and_is_kept_without_a_traceback(
    opened: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = opened.workbench.project

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(project.store, "write", full)
    press(opened, Qt.Key.Key_N)
    click(opened, "fixed", (100.0, 80.0))
    shown = opened.cards.cards()[0]
    assert shown.card.severity is Severity.ERROR
    assert "was not saved" in shown.card.what.render()
    assert "No space left" in shown.card.what.render()
    assert "The edit was kept" in shown.card.kept.render()
    assert shown.card.details == ""
    assert len(pairs(opened)) == 6
    (kept,) = project.history.unsaved()
    assert isinstance(kept, AddPair)
    # In the same window: what was kept is offered at once, and the status bar says so until it is saved.
    wait(lambda: len(opened.cards.cards()) == 2)
    assert "NOT SAVED: 1" in opened.saved_label.text()
    assert opened.saved_label.property("status") == "failed"
    again = opened.cards.cards()[1].findChildren(QPushButton)
    button = next(button for button in again if button.text() == "Do them again")
    monkeypatch.undo()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(pairs(opened)) == 7
    assert project.history.unsaved() == []
    assert "all changes on disk" in opened.saved_label.text()


@pytest.mark.parametrize(("answer", "num_pairs"), [("Do them again", 7), ("Drop them", 6)])
def test_kept_edits_are_offered_when_the_project_is_opened_again(
    opened: MainWindow, monkeypatch: pytest.MonkeyPatch, answer: str, num_pairs: int
) -> None:
    project = opened.workbench.project

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(project.store, "write", full)
        with pytest.raises(EditNotSavedError):
            project.history.execute(AddPair("pair_a", (30.0, 30.0), (31.0, 31.0)))
    wait(opened.cards.cards)
    (offer,) = opened.cards.cards()
    assert offer.card.what.render() == "Edits that were not saved before: 1."
    button = next(button for button in offer.findChildren(QPushButton) if button.text() == answer)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(pairs(opened)) == num_pairs
    assert project.history.unsaved() == []
    opened.history.offer_unsaved()
    assert all(shown.card.severity is Severity.NOTE for shown in opened.cards.cards())


def test_import_cancelled_from_the_window_leaves_nothing(
    opened: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = next(iter(opened.workbench.project.items.get("pair_a").files.values())).path
    table = tmp_path / "table.csv"
    rows = "".join(f"S8,many{number},image,{image}\n" for number in range(20))
    table.write_text(f"subject,item,role,path\n{rows}", encoding="utf-8")
    before = [item.id for item in opened.workbench.project.items.all()]
    real = importers.import_paths

    def slow(project: Project, paths: list[Path], *, progress, should_stop) -> object:
        def report(done: int, total: int) -> None:
            progress(done, total)
            until = time.monotonic() + 10
            while not should_stop() and time.monotonic() < until:
                time.sleep(0.005)

        return real(project, paths, progress=report, should_stop=should_stop)

    monkeypatch.setattr(importers, "import_paths", slow)
    opened.projects.import_paths([table])
    wait(lambda: opened.strip.cancel.isVisible())
    assert not opened.actions_.action("project.open").isEnabled()
    QTest.mouseClick(opened.strip.cancel, Qt.MouseButton.LeftButton)
    wait(lambda: opened.cards.cards())
    assert "nothing was imported" in opened.cards.cards()[-1].card.what.render()
    assert [item.id for item in opened.workbench.project.items.all()] == before
    assert opened.strip.cancel.isHidden()


def test_another_project_takes_the_screens_over_and_closing_lets_go_of_it(
    window: MainWindow, pair_project_folder: Path, tmp_path: Path
) -> None:
    open_project(window, pair_project_folder)
    Project.create(tmp_path / "second", "Second").close()
    window.projects.open(tmp_path / "second")
    wait(lambda: window.top_bar.project_label.text() == "Second")
    wait(lambda: window.screen("pairs") is not None)
    assert window.browser.shown_ids() == []
    assert not window.actions_.action("pairs.add").isEnabled()
    began = time.monotonic()
    window.close()
    assert time.monotonic() - began < 3
    assert window.workbench.project is None
    Project.open(tmp_path / "second").close()


def test_table_is_imported_on_a_thread_and_reported(opened: MainWindow, tmp_path: Path, qtbot) -> None:
    image = next(iter(opened.workbench.project.items.get("pair_a").files.values())).path
    table = tmp_path / "表.csv"
    table.write_text(
        f"subject,item,role,path\nS9,new,image,{image}\nS9,bad,image,missing.png\n", encoding="utf-8"
    )
    opened.projects.import_paths([table])
    qtbot.waitUntil(lambda: "new" in opened.browser.shown_ids(), timeout=READY_MS)
    card = opened.cards.cards()[-1].card
    assert "1 rows were refused" in str(card.what)
    assert "missing.png" in card.details


def test_refused_project_is_a_card_and_the_window_stays(window: MainWindow, tmp_path: Path, qtbot) -> None:
    window.projects.open(tmp_path / "nothing")
    qtbot.waitUntil(lambda: bool(window.cards.cards()), timeout=READY_MS)
    card = window.cards.cards()[0].card
    assert "is not a project" in str(card.what)
    assert str(card.remedy)
    assert window.empty.isVisible()
    assert window.empty.primary.isEnabled()


def test_uncaught_exception_becomes_a_card_and_a_log_entry(
    window: MainWindow, tmp_path: Path, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "日志" / "workstation.log"
    errors = ExceptionPath(log)
    errors.caught.connect(window.workbench.post)
    errors.install()

    def boom() -> None:
        raise ValueError("the layers do not fit")

    try:
        with qtbot.captureExceptions():
            # pytest-qt takes the hook over; the program has its own.
            monkeypatch.setattr(sys, "excepthook", errors.handle)
            QTimer.singleShot(0, boom)
            qtbot.waitUntil(lambda: bool(window.cards.cards()))
    finally:
        errors.remove()
    card = window.cards.cards()[0].card
    assert "the layers do not fit" in str(card.why)
    assert "in boom" in card.details
    assert "the layers do not fit" in log.read_text(encoding="utf-8")


def test_card_that_cannot_be_shown_is_logged_and_ends_there(
    qapp: QApplication, tmp_path: Path, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = ExceptionPath(tmp_path / "workstation.log")
    shown: list[object] = []

    def show(card: object) -> None:
        shown.append(card)
        raise RuntimeError("the card is broken")

    errors.caught.connect(show)
    errors.install()
    try:
        with qtbot.captureExceptions():
            monkeypatch.setattr(sys, "excepthook", errors.handle)
            errors.handle(ValueError, ValueError("first"), None)
    finally:
        errors.remove()
    assert len(shown) == 1
    logged = (tmp_path / "workstation.log").read_text(encoding="utf-8")
    assert "first" in logged
    assert "the card is broken" in logged


def test_error_that_advises_speaks_for_itself() -> None:
    card = card_of_exception(InputError("No image.", remedy="Add one."), "Traceback", Path("log"))
    assert (str(card.what), str(card.remedy), card.details) == ("No image.", "Add one.", "Traceback")


def test_theme_can_be_switched_while_open(opened: MainWindow, qapp: QApplication) -> None:
    dark = qapp.styleSheet()
    opened.actions_.action("window.light").trigger()
    assert qapp.styleSheet() != dark
    assert opened.settings.theme == "light"
    opened.actions_.action("window.light").trigger()
    assert qapp.styleSheet() == dark


@pytest.mark.parametrize("size", [(1280, 720), (1600, 1000)])
def test_no_control_is_pushed_out_of_the_window(opened: MainWindow, qtbot, size: tuple[int, int]) -> None:
    opened.resize(*size)
    qtbot.wait(50)
    assert (opened.width(), opened.height()) == size
    bar = opened.screen("pairs").centre.findChildren(QToolButton)
    right = opened.centre.mapTo(opened, opened.centre.rect().bottomRight()).x()
    assert bar
    assert all(button.mapTo(opened, button.rect().bottomRight()).x() <= right for button in bar)
