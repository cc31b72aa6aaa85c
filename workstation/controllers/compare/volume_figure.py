"""The panels and the caption of a figure of volumes, from what the Compare screen shows. Slow: on threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.contract.errors import PreconditionError
from engines.contract.messages import Message
from engines.imaging.comparison import Change, compose_checkerboard, compose_curtain
from engines.imaging.screen_picture import ByteImage
from engines.imaging.volumes.distance_colours import MIDDLE
from engines.imaging.volumes.slicing import direction_text
from workstation.controllers.compare.compare_slices import CompareSlices
from workstation.controllers.compare.figure import LETTERS, FigureContent, Panel
from workstation.controllers.compare.figure_panels import Words, cropped
from workstation.controllers.compare.volume_compare_sources import VolumeSource
from workstation.controllers.volume.slice_places import Adjustment, SliceView, SliceWish, held, square_size
from workstation.views.protocols.compare import FigureRequest, ShownPane
from workstation.views.protocols.overlay_modes import Mode, ModeSettings

_CHANGES = {
    Change.ADDED: Message("added"),
    Change.REMOVED: Message("removed"),
    Change.KEPT: Message("kept"),
}
_MODES = {
    Mode.TILES: Message("Label maps over the image."),
    Mode.WARPED: Message("The reference, {reference}."),
    Mode.FLICKER: Message("{reference}, and each source after it."),
    Mode.CURTAIN: Message("Curtain: {reference} before the edge, each source beyond it."),
    Mode.CHECKERBOARD: Message("Checkerboard of {reference} and each source."),
    Mode.DIFFERENCE: Message("Each source against {reference}: added, removed and kept voxels."),
    Mode.DISTANCE: Message("Signed distance of each surface from that of {reference}, in mm."),
}


@dataclass(frozen=True, eq=False)
class VolumeFigureSubject:
    """What is shown at the moment of an export.

    Parameters
    ----------
    slices : CompareSlices
    wish : SliceWish
    shown : sequence of ShownPane
    settings : ModeSettings
    """

    slices: CompareSlices
    wish: SliceWish
    shown: Sequence[ShownPane]
    settings: ModeSettings

    def content(self, request: FigureRequest, words: Words) -> FigureContent:
        """Return panels, spacing and caption.

        Raises
        ------
        WorkstationError
            If a source has no picture.
        """
        view = self.slices.view_of(self.wish)
        _, spacing_mm = square_size(view.plane)
        return FigureContent(
            self._panels(view, request, words), spacing_mm, self._caption(view, request, words)
        )

    def _panels(self, view: SliceView, request: FigureRequest, words: Words) -> list[Panel]:
        panels: list[Panel] = []
        reference = self._source(self.wish.reference)
        for index, key in enumerate(self.wish.keys):
            if request.pane is not None and request.pane != index:
                continue
            source, turn, shown = self._source(key), self.wish.adjustments[index], self.shown[index]
            is_pair = key != self.wish.reference
            if self.wish.mode is Mode.FLICKER and is_pair:
                panels.append(self._panel(view, request, reference, shown, turn, words, is_pair=False))
            panels.append(self._panel(view, request, source, shown, turn, words, is_pair=is_pair))
        if not panels:
            raise PreconditionError("There is nothing to export.", remedy="Show two sources first.")
        return panels

    def _panel(
        self,
        view: SliceView,
        request: FigureRequest,
        source: VolumeSource,
        shown: ShownPane,
        turn: Adjustment,
        words: Words,
        *,
        is_pair: bool,
    ) -> Panel:
        if self.wish.mode is Mode.WARPED:
            source, is_pair = self._source(self.wish.reference), False
        whole = self._pixels(view, source, shown, turn, is_pair=is_pair)
        size = (whole.shape[1], whole.shape[0])
        pixels, origin_xy, px_per_pixel = cropped(whole, size, None if request.is_whole else shown.region)
        return Panel(
            pixels,
            origin_xy,
            px_per_pixel,
            title=words(source.row.title),
            edge_letters=view.plane.letters,
            legend=self._legend(view, source, words, is_pair=is_pair),
        )

    def _pixels(
        self, view: SliceView, source: VolumeSource, shown: ShownPane, turn: Adjustment, *, is_pair: bool
    ) -> ByteImage:
        slices, mode, reference = self.slices, self.wish.mode, self._source(self.wish.reference)
        if is_pair and mode in (Mode.DIFFERENCE, Mode.DISTANCE) and source.is_mask and reference.is_mask:
            return slices.composed_pixels(reference, source, view, mode, turn)
        second = slices.pixels(source, view, turn)
        if not is_pair or mode not in (Mode.CURTAIN, Mode.CHECKERBOARD):
            return second
        first = slices.pixels(reference, view, turn)
        if mode is Mode.CHECKERBOARD:
            return compose_checkerboard(first, second, self.settings.tile_px)
        length = second.shape[1] if self.settings.is_vertical else second.shape[0]
        share = (shown.edge + 0.5) / length
        return compose_curtain(first, second, share, is_vertical=self.settings.is_vertical)

    def _legend(
        self, view: SliceView, source: VolumeSource, words: Words, *, is_pair: bool
    ) -> tuple[tuple[str, str], ...]:
        """Return colours and what they mean."""
        mode, colours, reference = self.wish.mode, self.slices.colours, self._source(self.wish.reference)
        if is_pair and source.is_mask and reference.is_mask:
            if mode is Mode.DIFFERENCE:
                change = self.slices.change(reference, source, view.label)
                shares, volumes = change.shares, change.volumes_ml
                return tuple(
                    (colours[kind], f"{words(name)} {100 * shares[kind]:.0f} %, {volumes[kind]:.2f} mL")
                    for kind, name in _CHANGES.items()
                )
            if mode is Mode.DISTANCE:
                end = self.slices.scale_end_mm(reference, view)
                return (
                    (colours[Change.REMOVED], f"−{end:g} mm"),
                    (MIDDLE, "0 mm"),
                    (colours[Change.ADDED], f"+{end:g} mm"),
                )
        return tuple(
            (one.colour, one.name)
            for one in self.slices.shown_classes(source, view)
            if view.label in (0, one.value)
        )

    def _caption(self, view: SliceView, request: FigureRequest, words: Words) -> str:
        """Say item, slice, mode and sources; names of files and subjects stay out."""
        wish, sources = self.wish, self.slices.sources
        reference = self._source(wish.reference)
        place = direction_text(view.frame, view.plane, held(wish.position, view.frame))
        parts = [
            Message(
                "Item {item}, {plane} slice {number} of {count} ({place}).",
                {
                    "item": sources.item.id,
                    "plane": Message(wish.plane.value),
                    "number": view.number + 1,
                    "count": view.plane.num_slices,
                    "place": place,
                },
            ),
            Message(_MODES[wish.mode].text, {"reference": reference.row.title}),
        ]
        letters = iter(LETTERS)
        for index, key in enumerate(wish.keys):
            if request.pane not in (None, index):
                continue
            source = self._source(key)
            is_pair = wish.mode is Mode.FLICKER and key != wish.reference
            names = [next(letters) for _ in range(2 if is_pair else 1)]
            title: object = source.row.title
            if request.has_letters and (request.pane is None or is_pair):
                title = Message("{letter}: {title}", {"letter": names[-1], "title": source.row.title})
            is_run = source.key.startswith("run:")
            run = Message(" (run {run})", {"run": source.row.detail}) if is_run else Message("")
            parts.append(Message("{title}{run}.", {"title": title, "run": run}))
        return " ".join(words(part) for part in parts)

    def _source(self, key: str) -> VolumeSource:
        source = self.slices.sources.get(key)
        if source is None:
            raise PreconditionError("There is nothing of that kind in this item any more.")
        return source
