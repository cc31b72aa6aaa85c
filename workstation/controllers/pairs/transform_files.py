"""The transform of the current item, to a file and from a file; both on a thread."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from engines.contract.errors import InputError, WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from engines.imaging.transforms.formats import TransformDescription, write_transform
from workstation.controllers.pairs.pairs_controller import PairsController
from workstation.controllers.workbench import Workbench
from workstation.project.items import Item
from workstation.views.protocols.cards import Card

_LOG = logging.getLogger(__name__)
_FITTED = "landmark_fit"


class TransformFiles:
    """Behind the export and import of transforms on the Pairs screen.

    Parameters
    ----------
    workbench : Workbench
    pairs : PairsController
        Knows the item and the transform that links its images.
    """

    def __init__(self, workbench: Workbench, pairs: PairsController) -> None:
        self._bench = workbench
        self._pairs = pairs

    def write(self, path: Path, *, may_replace: bool) -> None:
        """Write the transform that links the images now; the suffix says in which format.

        Parameters
        ----------
        path : Path
        may_replace : bool
            Whether the person agreed that a file of that name goes.
        """
        transform, item = self._pairs.link, self._pairs.item
        if transform is None or item is None:
            return
        description = self._description(item)

        def work() -> None:
            if path.exists() and not may_replace:
                raise InputError(
                    "There is a file {file} already.", remedy="Choose another name.", file=path.name
                )
            try:
                write_transform(path, transform, description)
            except OSError as error:
                raise InputError(
                    "The transform could not be written to {file}: {reason}.",
                    remedy="Choose another folder.",
                    file=path.name,
                    reason=error.strerror or str(error),
                ) from error

        self._bench.background.submit(
            f"transform.write.{path}", work, lambda _nothing: self._on_written(path), self._on_failed
        )

    def read(self, path: Path) -> None:
        """Keep the transform of a file for the current item, and offer it as the link."""
        project, item = self._bench.project, self._pairs.item
        if project is None or item is None:
            return

        def work() -> Path:
            from workstation.project.importers.transform_files import import_transform

            return import_transform(project, path, item.id)

        self._bench.background.submit(
            "transform.read", work, lambda _kept: self._on_read(path, item), self._on_failed
        )

    def _description(self, item: Item) -> TransformDescription:
        fixed, moving = item.files["fixed"], item.files["moving"]
        registration, summary = self._pairs.registration, self._pairs.pair_fit.summary
        is_fitted = not registration.is_linked
        return TransformDescription(
            fixed_size=(fixed.width or 0, fixed.height or 0),
            moving_size=(moving.width or 0, moving.height or 0),
            model=summary.model if is_fitted else "homography",
            method=_FITTED if is_fitted else registration.summary.method,
            inliers=summary.num_used if is_fitted else None,
            rmse_px=self._rmse_px() if is_fitted else None,
            fixed_sha256=fixed.sha256,
            moving_sha256=moving.sha256,
            software="annotation-training-workstation",
        )

    def _rmse_px(self) -> float | None:
        squares = [row.fit_px**2 for row in self._pairs.pair_fit.rows if row.fit_px is not None]
        return math.sqrt(sum(squares) / len(squares)) if squares else None

    def _on_written(self, path: Path) -> None:
        kept = Message("It is in {folder}.", {"folder": str(path.parent)})
        self._bench.post(Card(Severity.NOTE, Message("{file} was written.", {"file": path.name}), kept=kept))

    def _on_read(self, path: Path, item: Item) -> None:
        if self._pairs.item is not None and self._pairs.item.id == item.id:
            self._pairs.registration.show_item(item)
        self._bench.post(
            Card(
                Severity.NOTE,
                Message("The transform of {file} is kept with {item}.", {"file": path.name, "item": item.id}),
                remedy=Message("'Overlay anyway' lays it over the images: nothing has verified it."),
            )
        )

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, WorkstationError):
            _LOG.warning("%s", error)
            self._bench.post(Card.of_error(error))
