"""How well each kind of transform suits the pairs, found on a thread and shown in the chooser."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from engines.contract.errors import WorkstationError
from engines.contract.geometry import Size
from workstation.controllers.latest_work import LatestWork
from workstation.controllers.pairs.pair_fit import compare_models
from workstation.controllers.workbench import Workbench
from workstation.project.annotations import KeypointPair
from workstation.views.protocols.cards import Card
from workstation.views.protocols.pairs import PairsView

_LOG = logging.getLogger(__name__)


class ModelComparison:
    """Behind the numbers of the transform chooser.

    Parameters
    ----------
    workbench : Workbench
    view : PairsView
    """

    def __init__(self, workbench: Workbench, view: PairsView) -> None:
        self._bench = workbench
        self._view = view
        self._work = LatestWork(workbench.background, "pairs.models")

    def update(self, pairs: Sequence[KeypointPair], moving_size: Size | None) -> None:
        """Compare the models on these pairs; an answer for earlier ones is dropped."""
        kept = tuple(pairs)
        self._work.ask(lambda: compare_models(kept, moving_size), self._view.show_models, self._on_failed)

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))
