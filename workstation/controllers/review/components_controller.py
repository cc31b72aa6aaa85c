"""The components of the active class: a table to walk through, with one decision for each.

What is decided goes through the one history: an acceptance is an edit of its own, a rejection a stroke that
can be restored. What takes many voxels away at once is shown first (`offer`), and done by the second call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from engines.contract.component_table import ComponentColumn
from engines.contract.messages import Message
from workstation.controllers.background import CancelToken
from workstation.controllers.masks.label_edits import LabelEdits
from workstation.controllers.pairs.pair_edits import execute
from workstation.controllers.review.component_effect import ComponentEffect
from workstation.controllers.review.component_highlight import ComponentHighlight
from workstation.controllers.review.component_offers import ComponentOffers
from workstation.controllers.review.component_survey import Fingerprint, Survey, take_survey
from workstation.controllers.workbench import Workbench
from workstation.project.component_commands import JudgeComponents
from workstation.project.component_review import FOLLOW, KEEP_ONLY, REJECT, REJECT_SMALL
from workstation.views.protocols.components import (
    ACCEPTED,
    ACCEPTING,
    OPEN,
    REJECTED,
    ChangeColours,
    ComponentLine,
    ComponentPanelView,
    ComponentSummary,
    rules_of,
)
from workstation.views.protocols.volume import Box

if TYPE_CHECKING:
    from workstation.controllers.volume.volume_controller import VolumeController

DELAY_MS = 350
"""After the last edit."""
RESTORE = Message("restore component of {name}").text
_REACH_VOXELS = 3
_SURVEY, _LENGTHS = "components.survey", "components.lengths"


class ComponentsController(QObject):
    """Behind the component table.

    Parameters
    ----------
    workbench : Workbench
    volumes : VolumeController
    edits : LabelEdits
    panel : ComponentPanelView
    colours : ChangeColours

    Attributes
    ----------
    survey : Survey or None
    offers : ComponentOffers
    selected : list of str
        Keys of the chosen lines; the one gone to is the last.

    Signals
    -------
    changed
        What may be done now changed.
    """

    changed = Signal()

    def __init__(
        self,
        workbench: Workbench,
        volumes: VolumeController,
        edits: LabelEdits,
        panel: ComponentPanelView,
        colours: ChangeColours,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._volumes = volumes
        self._edits = edits
        self._panel = panel
        self.offers = ComponentOffers(workbench, volumes, edits, panel, colours)
        self.offers.changed.connect(self.changed)
        self._highlight = ComponentHighlight(workbench, volumes, colours.selected)
        self._effect = ComponentEffect(workbench, volumes, panel)
        self.survey: Survey | None = None
        self.selected: list[str] = []
        self._lines: dict[str, ComponentLine] = {}
        self._subject: tuple[object, ...] = ()
        self._lengths: dict[Fingerprint, float | None] = {}
        self._token = CancelToken()
        self._is_shown = True
        self._is_working = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self._on_quiet)
        volumes.active_changed.connect(self._on_subject)
        volumes.classes_changed.connect(self._on_subject)
        volumes.arrays.changed.connect(self._on_voxels)
        workbench.data_changed.connect(self._on_data)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def lines(self) -> list[ComponentLine]:
        """Every component, the largest first, rejected ones last."""
        return list(self._lines.values())

    @property
    def chosen(self) -> list[ComponentLine]:
        """The selected lines."""
        return [self._lines[key] for key in self.selected if key in self._lines]

    @property
    def is_locked(self) -> bool:
        """Whether the class is locked."""
        return self._volumes.active_class in self._volumes.locked

    def of_state(self, state: str) -> list[ComponentLine]:
        """Return the chosen lines that are accepted, rejected or open."""
        return [line for line in self.chosen if line.state == state]

    def set_shown(self, is_shown: bool) -> None:
        """Look for components while the table is seen only."""
        self._is_shown = is_shown
        if is_shown:
            self._on_subject()
        else:
            self._stop()
            self.cancel()
            self._highlight.show(None, (), None)
            self._effect.show(None, (), None)

    def close(self) -> None:
        """Let go of signals and threads; the screen goes."""
        self._stop()
        self._bench.data_changed.disconnect(self._on_data)

    # -- survey --------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look for the components of the active class."""
        self._stop()
        project, label_map_id = self._bench.project, self._volumes.active_id
        volume = self._volumes.arrays.get(label_map_id) if label_map_id else None
        if project is None or volume is None or not self._is_shown:
            self._take(None)
            return
        label, image = self._volumes.active_class, self._volumes.image
        self._is_working = True
        self._tell()
        self._bench.background.submit(
            _SURVEY,
            lambda: take_survey(project, label_map_id, volume, label, image),
            self._on_survey,
            _ignore,
        )

    def _on_quiet(self) -> None:
        # A stroke may still go on, without a move for a while.
        if self._volumes.arrays.is_drawing:
            self._timer.start()
        else:
            self.look()

    def _on_survey(self, survey: Survey) -> None:
        geometry = self._volumes.grid
        self._take(survey)
        if geometry is None or not survey.pieces.components:
            return
        token, known = CancelToken(), self._lengths
        self._token, self._is_working = token, True
        self._tell()
        spacing_mm = geometry.spacing_mm
        self._bench.background.submit(
            _LENGTHS, lambda: survey.measured(spacing_mm, known, token.is_cancelled), self._on_measured
        )

    def _on_measured(self, survey: Survey | None) -> None:
        if survey is not None:
            self._take(survey)

    def _take(self, survey: Survey | None) -> None:
        before = self.chosen
        is_other = survey is None or self.survey is None or survey.pieces is not self.survey.pieces
        self._is_working = False
        self.survey = survey
        self._lines = {line.key: line for line in survey.lines()} if survey is not None else {}
        # Numbers go by size and change with every edit; places stay.
        self.selected = [key for key in map(self._again, before) if key] if survey is not None else []
        self._panel.show_lines(self.lines, survey.columns if survey is not None else (), self.selected)
        self._tell()
        if is_other:
            self._show_chosen()

    def _again(self, line: ComponentLine) -> str:
        assert self.survey is not None
        number = self.survey.pieces.number_at(line.position)
        if number:
            return str(number)
        at = line.position
        return next((one.key for one in self._lines.values() if one.position == at), "")

    # -- choosing ------------------------------------------------------------------------------------

    def select(self, keys: Sequence[str], *, is_gone_to: bool = True) -> None:
        """Choose lines, outline them, and go to the last."""
        self.cancel()
        self.selected = [key for key in keys if key in self._lines]
        self._panel.show_lines(self.lines, self._columns, self.selected)
        self._show_chosen()
        if self.selected and is_gone_to:
            i, j, k = self._lines[self.selected[-1]].position
            self._volumes.go_to((float(i), float(j), float(k)))
        self.changed.emit()

    def step(self, offset: int) -> None:
        """Choose the next line of the table, or the one before."""
        order = self._panel.order()
        if order:
            current = self.selected[-1] if self.selected else ""
            index = order.index(current) + offset if current in order else (0 if offset > 0 else -1)
            self.select([order[index % len(order)]])

    def pick(self) -> None:
        """Choose the component at the crosshair, or the nearest within a few voxels."""
        if self.survey is not None:
            i, j, k = (round(value) for value in self._volumes.position)
            number = self.survey.pieces.number_at((i, j, k), reach=_REACH_VOXELS)
            if number:
                self.select([str(number)], is_gone_to=False)

    # -- decisions -----------------------------------------------------------------------------------

    def accept(self) -> None:
        """Accept the chosen components and go on; accepted ones count as open again."""
        keys = [line.key for line in self.of_state(OPEN)]
        if keys:
            following = self._following()
            if self._judge(keys):
                self._go_on(following)
        elif self.of_state(ACCEPTED):
            self._take_back([line.key for line in self.of_state(ACCEPTED)])

    def reject(self) -> None:
        """Take the chosen components out of the label map and go on."""
        keys = [line.key for line in self.chosen if line.state != REJECTED]
        if self.survey is None or not keys:
            return
        following = self._following()
        mask, box = self.survey.pieces.mask(self.survey.numbers_of(keys))
        self._edits.add(self._volumes.active_id, self.offers.erasing(mask, box), REJECT)
        for key in keys:
            # At once, so that the next key press means the next component.
            self._lines[key] = replace(self._lines[key], state=REJECTED)
        self._go_on(following)

    def restore(self) -> None:
        """Bring the chosen rejected components back, with exactly the voxels that are still gone."""
        if self.survey is None:
            return
        for piece in self.survey.rejected_of(self.selected):
            self._edits.add(self._volumes.active_id, self.offers.filling(piece.mask, piece.box), RESTORE)

    def accept_large(self) -> None:
        """Accept every open component from the threshold on."""
        limit = self._panel.threshold_ml
        self._judge([line.key for line in self.lines if line.state == OPEN and line.volume_ml >= limit])

    def reject_small(self) -> None:
        """Show what would go below the threshold; again: take it away. Accepted components stay."""
        limit = self._panel.threshold_ml
        keys = [line.key for line in self.lines if line.state == OPEN and line.volume_ml < limit]
        if not self.offers.applies("reject_small"):
            self._offer_removal("reject_small", keys, REJECT_SMALL)

    def keep_only(self) -> None:
        """Show what would go if only the chosen components stayed; again: take it away."""
        keys = [line.key for line in self.lines if line.state != REJECTED and line.key not in self.selected]
        if not self.offers.applies("keep_only"):
            self._offer_removal("keep_only", keys, KEEP_ONLY)

    def follow(self) -> None:
        """Accept what is suggested to be, then show what is suggested to go; again: take that away."""
        if self.offers.applies("follow"):
            return
        suggested = [line for line in self.suggested() if line.proposal]
        self._judge([line.key for line in suggested if line.proposal == ACCEPTING])
        self._offer_removal("follow", [line.key for line in suggested if line.proposal != ACCEPTING], FOLLOW)

    def suggested(self) -> list[ComponentLine]:
        """Return the open components that the run says something about, by the chosen rule."""
        rule = self._panel.rule
        return [
            line
            for line in self.lines
            if line.state == OPEN and line.proposal and (not rule or rule in rules_of(line))
        ]

    def bridge(self) -> None:
        """Show the tube that joins the two chosen components; again: draw it."""
        if not self.offers.applies("bridge"):
            numbers = self.survey.numbers_of(self.selected) if self.survey is not None else []
            if self.survey is not None and len(numbers) == 2:
                self.offers.bridge(self.survey.pieces, numbers[0], numbers[1])

    def apply(self) -> None:
        """Do what is shown."""
        self.offers.apply()

    def cancel(self) -> None:
        """Drop what is shown."""
        self.offers.cancel()

    def renew_offer(self) -> None:
        """Show what is offered with the numbers as they are now."""
        offer = self.offers.pending
        if offer is not None:
            self.cancel()
            offers = {
                "bridge": self.bridge,
                "reject_small": self.reject_small,
                "keep_only": self.keep_only,
                "follow": self.follow,
            }
            offers[offer.verb]()

    def _offer_removal(self, verb: str, keys: Sequence[str], title: str) -> None:
        if self.survey is not None and keys:
            volume_ml = sum(self._lines[key].volume_ml for key in keys)
            mask, box = self.survey.pieces.mask(self.survey.numbers_of(keys))
            self.offers.removal(verb, len(keys), volume_ml, mask, box, title)

    # -- inside --------------------------------------------------------------------------------------

    @property
    def _columns(self) -> Sequence[ComponentColumn]:
        return self.survey.columns if self.survey is not None else ()

    def _judge(self, keys: Sequence[str]) -> bool:
        voxels = tuple(self._lines[key].position for key in keys)
        if not voxels:
            return False
        self.cancel()
        command = JudgeComponents(self._volumes.active_id, self._volumes.active_class, voxels)
        if not execute(self._bench, command):
            return False
        self._mark(keys, ACCEPTED)
        return True

    def _take_back(self, keys: Sequence[str]) -> None:
        assert self.survey is not None
        numbers = self.survey.numbers_of(keys)
        voxels = [voxel for number in numbers for voxel in self.survey.accepted.get(number, ())]
        command = JudgeComponents(
            self._volumes.active_id, self._volumes.active_class, tuple(voxels), is_accepted=False
        )
        if voxels and execute(self._bench, command):
            self._mark(keys, OPEN)

    def _mark(self, keys: Sequence[str], state: str) -> None:
        for key in keys:
            self._lines[key] = replace(self._lines[key], state=state)
        self._panel.show_lines(self.lines, self._columns, self.selected)
        self._timer.start()
        self._tell()

    def _following(self) -> str:
        """Return the key of the next open line after the chosen one, or of the first open one."""
        order = self._panel.order()
        at = order.index(self.selected[-1]) if self.selected and self.selected[-1] in order else -1
        after = [*order[at + 1 :], *order[: at + 1]]
        return next((key for key in after if self._lines[key].state == OPEN and key not in self.selected), "")

    def _go_on(self, following: str) -> None:
        self.select([following] if following else self.selected, is_gone_to=bool(following))

    def _show_chosen(self) -> None:
        volume = self._volumes.arrays.get(self._volumes.active_id)
        self._highlight.show(self.survey, self.selected, volume.geometry if volume is not None else None)
        self._effect.show(self.survey, self.selected, volume)

    def _tell(self) -> None:
        self._panel.show_summary(
            ComponentSummary(
                self._volumes.classes.name_of(self._volumes.active_id, self._volumes.active_class),
                self._is_working,
                self._why_empty(),
                self._volumes.layers.base.unit if self._volumes.layers.base is not None else "",
            )
        )
        self.changed.emit()

    def _why_empty(self) -> Message:
        if not self._volumes.active_id:
            return Message("There is no label map yet.")
        if self._lines or self._is_working:
            return Message("")
        return Message("Nothing is drawn in this class.")

    def _stop(self) -> None:
        self._timer.stop()
        self._token.cancel()
        self._is_working = False
        for channel in (_SURVEY, _LENGTHS):
            self._bench.background.drop(channel)

    # -- news ----------------------------------------------------------------------------------------

    def _on_subject(self) -> None:
        volumes = self._volumes
        volume = volumes.arrays.get(volumes.active_id) if volumes.active_id else None
        image = volumes.image
        subject = (volumes.active_id, volumes.active_class, id(volume), id(image))
        if not self._is_shown or subject == self._subject:
            return
        is_same_map = self._subject[:2] == subject[:2]
        self._subject = subject
        if not is_same_map:
            self.cancel()
            self._take(None)
            self._lengths = {}
        self.look()

    def _on_voxels(self, label_map_id: str, _box: Box | None) -> None:
        if label_map_id == self._volumes.active_id:
            # What was shown was computed from other voxels.
            self.cancel()
            if self._is_shown:
                self._timer.start()

    def _on_data(self) -> None:
        # An acceptance that is undone changes no voxel.
        if self._is_shown and self.survey is not None:
            self._timer.start()


def _ignore(_error: BaseException) -> None:
    """Say nothing: the label map was deleted, and the table is emptied by that news."""
