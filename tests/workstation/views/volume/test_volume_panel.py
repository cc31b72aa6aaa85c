from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from engines.contract.messages import Message
from workstation.actions.registry import ActionRegistry
from workstation.actions.tables import ALL_ACTIONS
from workstation.views.elements.display import display
from workstation.views.elements.window_box import WindowBox
from workstation.views.protocols.volume import ClassRow, LayerRow, WindowRow
from workstation.views.volume.class_list import EYE, LOCK, NAME, VOLUME, ClassList, volume_text
from workstation.views.volume.layer_list import LayerList
from workstation.views.volume.volume_panel import VolumePanel
from workstation.views.volume.volume_screen import VolumeScreen

PRESETS = {"CTA": (-150.0, 450.0), "Lung": (-1250.0, 250.0)}
LAYERS = [
    LayerRow("t1", "T1", is_image=True, is_visible=True, opacity=1.0, is_active=True),
    LayerRow("t2", "T2", is_image=True, is_visible=True, opacity=0.0),
    LayerRow("m", "冠脉 LAD", is_image=False, is_visible=True, opacity=0.5, is_active=True),
    LayerRow("p", "R-041", is_image=False, is_visible=False, opacity=0.5, is_proposal=True),
]
CLASSES = [
    ClassRow(1, "LAD", "#E69F00", 1.824, is_active=True),
    ClassRow(2, "RCA", "#56B4E9", 0.0, is_locked=True),
    ClassRow(7, "label 7", "#009E73", None, is_hidden=True),
]


@pytest.fixture
def actions(qtbot) -> ActionRegistry:
    window = QWidget()
    qtbot.addWidget(window)
    return ActionRegistry(ALL_ACTIONS, window)


@pytest.fixture
def layers(qtbot) -> LayerList:
    made = LayerList()
    qtbot.addWidget(made)
    made.show_rows(LAYERS)
    made.show()
    return made


@pytest.fixture
def classes(qtbot, actions: ActionRegistry) -> ClassList:
    made = ClassList(actions)
    qtbot.addWidget(made)
    made.show_rows(CLASSES)
    made.resize(280, 260)
    made.show()
    return made


def test_layers_are_images_with_one_base_and_label_maps_with_one_that_is_drawn_in(layers: LayerList) -> None:
    assert [line.radio.isChecked() for line in layers.lines.values()] == [True, False, True, False]
    assert not layers.lines["t1"].slider.isEnabled()
    assert layers.lines["t2"].slider.value() == 0
    assert "proposal" in layers.lines["p"].name.text()
    assert not layers.lines["t1"].eye.isVisibleTo(layers)
    layers.show_rows([LAYERS[0]])
    assert not layers.lines["t1"].slider.isVisibleTo(layers)


def test_layers_say_what_is_chosen(layers: LayerList, qtbot) -> None:
    with qtbot.waitSignal(layers.layerChosen) as chosen:
        layers.lines["t2"].radio.click()
    assert chosen.args == ["t2", True]
    with qtbot.waitSignal(layers.opacityChosen) as opacity:
        layers.lines["m"].slider.setValue(30)
    assert opacity.args == ["m", False, 0.3]
    with qtbot.waitSignal(layers.visibilityToggled) as toggled:
        layers.lines["p"].eye.click()
    assert toggled.args == ["p"]


def test_line_stays_while_its_slider_moves(layers: LayerList) -> None:
    line = layers.lines["m"]
    changed = [
        LayerRow(row.key, row.title, row.is_image, row.is_visible, 0.2, row.is_proposal, row.is_active)
        for row in LAYERS
    ]
    layers.show_rows(changed)
    assert layers.lines["m"] is line
    assert line.slider.value() == 20


def test_label_map_is_renamed_in_its_line_and_esc_leaves_it(layers: LayerList, qtbot) -> None:
    said: list[tuple[str, str]] = []
    layers.renamed.connect(lambda key, name: said.append((key, name)))
    line = layers.lines["m"]
    layers.edit("m")
    line.field.setText("other")
    QTest.keyClick(line.field, Qt.Key.Key_Escape)
    assert said == []
    layers.edit("m")
    line.field.setText(" 左冠 ")
    QTest.keyClick(line.field, Qt.Key.Key_Return)
    assert said == [("m", "左冠")]


def test_classes_show_volume_lock_and_eye(classes: ClassList) -> None:
    assert [classes.tree.topLevelItem(row).text(VOLUME) for row in range(3)] == ["1.82 mL", "–", ""]
    assert classes.tree.topLevelItem(1).toolTip(LOCK) == "Locked"
    assert classes.tree.topLevelItem(2).toolTip(EYE) == "Hidden"
    assert classes.tree.currentItem().text(NAME) == "LAD"
    assert classes.notice.isHidden()
    classes.show_rows(CLASSES, 1)
    assert "1 label" in classes.notice.text()


def test_a_click_on_lock_or_eye_changes_that_class(classes: ClassList) -> None:
    said: list[tuple[int, str]] = []
    classes.toggled.connect(lambda value, name: said.append((value, name)))
    for row, column in ((1, LOCK), (0, EYE)):
        at = classes.tree.visualRect(classes.tree.indexFromItem(classes.tree.topLevelItem(row), column))
        QTest.mouseClick(classes.tree.viewport(), Qt.MouseButton.LeftButton, pos=at.center())
    assert said == [(2, "locked"), (1, "hidden")]


def test_class_is_renamed_in_place_and_chosen(classes: ClassList, qtbot) -> None:
    with qtbot.waitSignal(classes.classChosen) as chosen:
        classes.tree.setCurrentItem(classes.tree.topLevelItem(1))
    assert chosen.args == [2]
    classes.edit(2)
    field = classes.tree.findChild(QLineEdit)
    field.setText("右冠 RCA")
    with qtbot.waitSignal(classes.renamed) as renamed:
        QTest.keyClick(field, Qt.Key.Key_Return)
    assert renamed.args == [2, "右冠 RCA"]


def test_tables_of_classes_are_offered_by_title(classes: ClassList, qtbot) -> None:
    menu = classes.ask_table(["coronary", "brain_tumour"])
    assert menu.actions()[0].text() == "Coronary arteries"
    with qtbot.waitSignal(classes.tableChosen) as chosen:
        first: QAction = menu.actions()[0]
        first.trigger()
    assert chosen.args == ["coronary"]
    menu.close()


@pytest.mark.parametrize(
    ("ml", "text"), [(0, "–"), (0.016, "0.02 mL"), (12.34, "12.3 mL"), (624.9, "625 mL")]
)
def test_volumes_have_a_unit_and_few_digits(ml: float, text: str) -> None:
    assert volume_text(ml) == text


def test_window_takes_negative_values_and_has_the_unit_of_the_image(qtbot, actions: ActionRegistry) -> None:
    box = WindowBox(actions, PRESETS)
    qtbot.addWidget(box)
    box.show_window(WindowRow(-1250.0, 250.0, "HU", "CT", "Lung"))
    assert (box.level.text(), box.width_.text()) == ("-500 HU", "1500 HU")
    assert box.preset.currentText() == "Lung"
    with qtbot.waitSignal(box.windowTyped) as typed:
        box.level.setValue(-700)
    assert typed.args == [-1450.0, 50.0]
    box.show_window(WindowRow(0.0, 0.5, "", "T1"))
    assert box.level.text() == "0.250"
    assert not box.preset.isEnabled()
    assert "HU" in box.preset.toolTip()


def test_keys_of_windows_are_those_of_the_list_of_presets(actions: ActionRegistry) -> None:
    for number, preset in enumerate(display().windows, start=1):
        spec = actions.spec(f"volume.window_{number}")
        assert spec.text == f"Window: {preset.name}"
        assert spec.shortcuts == (f"Alt+{number}",)
        assert f"{preset.width:.0f} {preset.unit} around {preset.centre:.0f}" in spec.tooltip


def test_screen_says_what_is_wrong_what_is_read_and_shows_tables_below_volumes(
    qtbot, actions: ActionRegistry
) -> None:
    screen = VolumeScreen(actions, VolumePanel(actions, PRESETS), QWidget)
    qtbot.addWidget(screen)
    qtbot.addWidget(screen.panel)
    screen.show()
    screen.show_problem(Message("{path} is cut off.", {"path": "a.nii"}))
    assert screen.problem.isVisible()
    assert screen.problem.sentence.text() == "a.nii is cut off."
    screen.show_problem(Message("no volume"), is_elsewhere=True)
    assert screen.elsewhere.isVisible()
    screen.show_problem(None)
    assert screen.view.isVisible()
    screen.show_progress(Message("Unpacking {file}", {"file": "图.nii.gz"}), 0.25)
    qtbot.waitUntil(screen.progress.isVisible)
    assert screen.progress.text.text() == "Unpacking 图.nii.gz…"
    assert screen.progress.bar.value() == 25
    with qtbot.waitSignal(screen.stopped):
        screen.progress.stop.click()
    screen.show_progress(None, None)
    assert not screen.progress.isVisible()
    screen.lower.addTab(QWidget(), "x")
    assert screen.lower.isHidden()
    screen.show_layers(LAYERS[:2])
    assert not screen.lower.isHidden()
    before = screen.lower.height()
    screen.show_layers(LAYERS)
    assert screen.lower.height() == before
    screen.show_layers([])
    assert screen.lower.isHidden()


def test_tables_are_folded_on_a_low_screen_and_a_click_on_their_tab_unfolds_them(
    actions: ActionRegistry, qtbot
) -> None:
    screen = VolumeScreen(actions, VolumePanel(actions, PRESETS), QWidget)
    qtbot.addWidget(screen)
    qtbot.addWidget(screen.panel)
    table = QWidget()
    screen.lower.addTab(table, "x")
    screen.resize(800, 480)
    screen.show()
    qtbot.waitExposed(screen)
    screen.show_layers(LAYERS)
    QApplication.processEvents()
    assert screen.lower.is_folded
    assert not table.isVisible()
    folded = screen.lower.height()
    assert folded <= screen.lower.tabBar().height() + 4
    bar = screen.lower.tabBar()
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(0).center())
    QApplication.processEvents()
    assert table.isVisible()
    assert screen.lower.height() > 150
    screen.lower.set_folded(True)
    QApplication.processEvents()
    assert screen.lower.height() == folded
