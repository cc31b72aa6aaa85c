"""What an empty region says: one sentence, one primary button, and links."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workstation.actions.registry import ActionRegistry


class ActionButton(QPushButton):
    """A button that follows an action: text, tooltip, and whether it is enabled and checked."""

    def __init__(self, action: QAction, role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        self._is_short = False
        self.setProperty("role", role)
        self.setCheckable(action.isCheckable())
        action.changed.connect(self._follow)
        self.clicked.connect(action.trigger)
        self._follow()

    @property
    def is_short(self) -> bool:
        """Whether the short text of the action is shown."""
        return self._is_short

    @is_short.setter
    def is_short(self, is_short: bool) -> None:
        self._is_short = is_short
        self._follow()

    def _follow(self) -> None:
        action = self._action
        self.setText((action.iconText() if self._is_short else action.text()).replace("&", ""))
        self.setIcon(action.icon() if self.property("role") != "primary" else QIcon())
        self.setToolTip(action.toolTip())
        self.setEnabled(action.isEnabled())
        self.setChecked(action.isChecked())


def action_button(action: QAction, role: str = "", parent: QWidget | None = None) -> ActionButton:
    """Return a button for an action; the role is one of the style sheet: primary, link..."""
    return ActionButton(action, role, parent)


class EmptyState(QWidget):
    """A sentence in the middle with buttons below.

    Parameters
    ----------
    sentence, hint : str
        Translated.
    primary : QAction or None
    links : sequence of QAction
    is_compact : bool
        For a region that is small: the sentence in the usual size.
    """

    def __init__(
        self,
        sentence: str,
        hint: str = "",
        primary: QAction | None = None,
        links: Sequence[QAction] = (),
        parent: QWidget | None = None,
        *,
        is_compact: bool = False,
    ) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setSpacing(6 if is_compact else 12)
        if is_compact:
            layout.setContentsMargins(6, 4, 6, 4)
        layout.addStretch(3)
        self.sentence = QLabel(sentence, self)
        self.sentence.setObjectName("" if is_compact else "drop_hint")
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self.sentence)
        self.hint = QLabel(hint, self)
        self.hint.setProperty("role", "muted")
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setVisible(bool(hint))
        layout.addWidget(self.hint)
        if primary is not None:
            self.primary = action_button(primary, "primary", self)
            layout.addWidget(self.primary, 0, Qt.AlignmentFlag.AlignHCenter)
        row = QHBoxLayout()
        row.setSpacing(18)
        row.addStretch(1)
        for link in links:
            row.addWidget(action_button(link, "link", self))
        row.addStretch(1)
        layout.addLayout(row)
        layout.addStretch(4)


def first_steps(actions: ActionRegistry) -> EmptyState:
    """Return what a window without a project says."""
    tr = QCoreApplication.translate
    return EmptyState(
        tr("EmptyState", "Drop a table, or open the sample project"),
        tr(
            "EmptyState",
            "A table is a CSV or TSV file with one row per image: subject, item, role, path. "
            "The sample project holds a few retina images and is built in seconds.",
        ),
        actions.action("project.sample"),
        [actions.action(f"project.{verb}") for verb in ("open", "new", "import")],
    )


def without_items(actions: ActionRegistry) -> EmptyState:
    """Return what a list of items says in a project without any."""
    return EmptyState(
        QCoreApplication.translate("EmptyState", "Drop a folder or a table of images here."),
        primary=actions.action("project.import_folder"),
        links=[actions.action("project.sample")],
        is_compact=True,
    )


class NoPairs(EmptyState):
    """What the table says of an item without pairs; the keys are those that are set now."""

    def __init__(self, actions: ActionRegistry, parent: QWidget | None = None) -> None:
        add = actions.action("pairs.add")
        super().__init__("", "", actions.action("pairs.suggest"), [add], parent, is_compact=True)
        self._add = add
        self._add.changed.connect(self._say)
        self._say()

    def _say(self) -> None:
        keys = self._add.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        text = (
            self.tr("No pairs yet. Press {keys} and click a vessel fork in fixed, then in moving.")
            if keys
            else self.tr("No pairs yet. Click a vessel fork in fixed, then in moving.")
        )
        self.sentence.setText(text.format(keys=keys))


def without_pairs(actions: ActionRegistry) -> EmptyState:
    """Return what the table says of an item without pairs."""
    return NoPairs(actions)


def without_training(actions: ActionRegistry) -> EmptyState:
    """Return what the Train screen says of a phase that has no run."""
    tr = QCoreApplication.translate
    return EmptyState(
        tr("EmptyState", "Nothing was trained in this phase yet"),
        tr("EmptyState", "Curves and pictures appear here as soon as a run starts."),
        actions.action("train.start"),
        [actions.action("help.page")],
    )


def without_runs(actions: ActionRegistry) -> EmptyState:
    """Return what the Runs screen says in a project without runs."""
    tr = QCoreApplication.translate
    return EmptyState(
        tr("EmptyState", "No runs yet"),
        tr("EmptyState", "Trainings, registrations and evaluations are listed here, with all they left."),
        actions.action("screen.train"),
        [actions.action("help.page")],
    )
