"""The one decision about a run that asks first: throwing it away."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QMessageBox, QWidget


def ask_discard(parent: QWidget, accepted: Callable[[], None]) -> None:
    """Ask whether a run shall go to the trash."""
    box = QMessageBox(parent)
    box.setObjectName("discard_dialog")
    box.setIcon(QMessageBox.Icon.Question)
    translate = QCoreApplication.translate
    box.setText(translate("DiscardDialog", "Move this run to the trash?"))
    box.setInformativeText(
        translate(
            "DiscardDialog",
            "Its model, curves and results leave the lists. The folder is kept in the trash folder of the "
            "project until you delete it there. Your annotations are not touched.",
        )
    )
    text = translate("DiscardDialog", "Move to trash")
    discard = box.addButton(text, QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)
    discard.clicked.connect(lambda: accepted())
    box.finished.connect(box.deleteLater)
    box.open()
