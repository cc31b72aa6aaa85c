"""Right column of the Volume screen: what the case is, the tools of masks, layers, classes and window."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from workstation.actions.registry import ActionRegistry
from workstation.views.data.attribute_list import AttributeList
from workstation.views.elements.empty_state import action_button
from workstation.views.elements.window_box import WindowBox
from workstation.views.volume.class_list import ClassList
from workstation.views.volume.layer_list import LayerList

MIN_WIDTH_PX = 304
"""Room for two buttons with text beside each other, and the scroll bar."""


class VolumePanel(QScrollArea):
    """The panel.

    Parameters
    ----------
    actions : ActionRegistry
    presets : mapping of name to (low, high)
        Grey-value windows in HU.

    Attributes
    ----------
    tool_sections : QVBoxLayout
        Takes the widgets of tools; above everything else.
    """

    def __init__(
        self,
        actions: ActionRegistry,
        presets: Mapping[str, tuple[float, float]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setMinimumWidth(MIN_WIDTH_PX)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(7)
        self.tool_sections = QVBoxLayout()
        self.tool_sections.setSpacing(7)
        self.attributes = AttributeList()
        column.addWidget(self.attributes)
        column.addLayout(self.tool_sections)
        column.addWidget(_section(self.tr("LAYERS")))
        self.layers = LayerList()
        column.addWidget(self.layers)
        self.new_map = action_button(actions.action("volume.new_map"))
        column.addWidget(self.new_map)
        column.addWidget(_section(self.tr("CLASSES")))
        self.classes = ClassList(actions)
        column.addWidget(self.classes)
        column.addWidget(_section(self.tr("WINDOW")))
        self.window_box = WindowBox(actions, presets)
        column.addWidget(self.window_box)
        column.addStretch(1)
        self.setWidget(inner)


def _section(title: str) -> QLabel:
    label = QLabel(title)
    label.setProperty("role", "section")
    return label
