"""The panels and the caption of a figure, from what the Compare screen shows. Slow: used on threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.errors import PreconditionError
from engines.contract.geometry import Size
from engines.contract.messages import Message
from engines.imaging.comparison import Change, compose_checkerboard, compose_curtain
from engines.imaging.images import to_uint8
from engines.imaging.screen_picture import ByteImage, resize_to
from workstation.controllers.compare.compare_images import CompareImages
from workstation.controllers.compare.compare_sources import Source
from workstation.controllers.compare.figure import LETTERS, FigureContent, Panel
from workstation.views.protocols.compare import FigureRequest, ShownPane
from workstation.views.protocols.overlay_modes import Mode, ModeSettings

Words = Callable[[Message], str]

_MODES = {
    Mode.TILES: Message("Images in the frame of the fixed image."),
    Mode.WARPED: Message("The reference, {reference}."),
    Mode.BLEND: Message("Blend: {reference} in green, each source in magenta; agreement is white."),
    Mode.FLICKER: Message("{reference}, and each source after it."),
    Mode.CURTAIN: Message("Curtain: {reference} before the edge, each source beyond it."),
    Mode.CHECKERBOARD: Message("Checkerboard of {reference} and each source, tiles of {tile:.0f} px."),
    Mode.DIFFERENCE: Message("Vessels against {reference}: added blue, removed orange, kept grey."),
    Mode.VECTORS: Message("Residual vectors from mapped to true positions, magnified, coloured by length."),
}
_EVIDENCE = {
    "fit": Message("fitted to them"),
    "own": Message("some of them suggested by this run"),
    "trained": Message("the model was trained on this item"),
    "independent": Message("independent of them"),
}


@dataclass(frozen=True, eq=False)
class FigureSubject:
    """What is shown at the moment of an export.

    Parameters
    ----------
    images : CompareImages
    keys : sequence of str
        Sources of the panes.
    shown : sequence of ShownPane
    reference : str
    mode : Mode
    settings : ModeSettings
    colours : mapping of Change to ``"#rrggbb"``
    """

    images: CompareImages
    keys: Sequence[str]
    shown: Sequence[ShownPane]
    reference: str
    mode: Mode
    settings: ModeSettings
    colours: dict[Change, str]

    def content(self, request: FigureRequest, words: Words) -> FigureContent:
        """Return panels, spacing and caption.

        Raises
        ------
        WorkstationError
            If a source has no picture.
        """
        frame = self.images.sources.frame
        spacing_mm = frame.spacing_mm if frame is not None else None
        return FigureContent(panels_of(self, request, words), spacing_mm, caption_of(self, request, words))


def panels_of(subject: FigureSubject, request: FigureRequest, words: Words) -> list[Panel]:
    """Return the panels of the chosen panes; a flicker becomes two of them.

    Raises
    ------
    WorkstationError
        If a source has no picture.
    """
    panels: list[Panel] = []
    reference = subject.images.sources.get(subject.reference)
    for index, key in enumerate(subject.keys):
        source = subject.images.sources.get(key)
        if source is None or (request.pane is not None and request.pane != index):
            continue
        shown = subject.shown[index]
        is_pair = reference is not None and key != subject.reference
        if subject.mode is Mode.FLICKER and is_pair and reference is not None:
            panels.append(_panel(subject, request, reference, reference, shown, words))
        panels.append(_panel(subject, request, source, reference if is_pair else None, shown, words))
    if not panels:
        raise PreconditionError("There is nothing to export.", remedy="Show two sources first.")
    return panels


def _panel(
    subject: FigureSubject,
    request: FigureRequest,
    source: Source,
    reference: Source | None,
    shown: ShownPane,
    words: Words,
) -> Panel:
    frame = subject.images.frame_size()
    assert frame is not None
    if subject.mode is Mode.WARPED and reference is not None:
        source = reference
    whole = _pixels(subject, source, reference, shown, frame)
    pixels, origin_xy, px_per_pixel = cropped(whole, frame, None if request.is_whole else shown.region)
    content = subject.images.content(source.key, Mode.TILES, subject.reference, subject.colours)
    return Panel(
        pixels,
        origin_xy,
        px_per_pixel,
        content.points,
        content.vectors if subject.mode is Mode.VECTORS else None,
        shown.magnification,
        words(source.row.title),
    )


def _pixels(
    subject: FigureSubject, source: Source, reference: Source | None, shown: ShownPane, frame: Size
) -> ByteImage:
    images, mode = subject.images, subject.mode
    if reference is not None and mode in (Mode.BLEND, Mode.DIFFERENCE):
        return images.composed_pixels(mode, reference, source, subject.colours)[0]
    second = _as_rgb(images.pixels(source), shown.window)
    if reference is None or reference is source or mode not in (Mode.CURTAIN, Mode.CHECKERBOARD):
        return second
    first = resize_to(_as_rgb(images.pixels(reference), shown.window), (second.shape[1], second.shape[0]))
    if mode is Mode.CHECKERBOARD:
        return compose_checkerboard(first, second, subject.settings.tile_px * second.shape[1] / frame[0])
    length = frame[0] if subject.settings.is_vertical else frame[1]
    share = (shown.edge + 0.5) / length
    return compose_curtain(first, second, share, is_vertical=subject.settings.is_vertical)


def cropped(
    pixels: ByteImage, frame: Size, region: tuple[float, float, float, float] | None
) -> tuple[ByteImage, tuple[float, float], float]:
    """Return the part of the frame that is seen, where it begins, and how coarse its pixels are."""
    factor = pixels.shape[1] / frame[0]
    if region is None:
        return pixels, (-0.5, -0.5), 1 / factor
    height, width = pixels.shape[:2]
    x0, x1 = (int(np.clip(np.rint((x + 0.5) * factor), 0, width)) for x in (region[0], region[2]))
    y0, y1 = (int(np.clip(np.rint((y + 0.5) * factor), 0, height)) for y in (region[1], region[3]))
    if x1 - x0 < 1 or y1 - y0 < 1:
        return pixels, (-0.5, -0.5), 1 / factor
    return pixels[y0:y1, x0:x1], (x0 / factor - 0.5, y0 / factor - 0.5), 1 / factor


def _as_rgb(pixels: npt.NDArray[Any], window: tuple[float, float] | None) -> ByteImage:
    eight_bit = pixels.astype(np.uint8) * 255 if pixels.dtype == bool else to_uint8(pixels)
    if window is not None:
        low, high = window
        table = (np.arange(256) - low) * (255.0 / max(high - low, 1.0))
        eight_bit = table.clip(0, 255).astype(np.uint8)[eight_bit]
    return eight_bit if eight_bit.ndim == 3 else np.repeat(eight_bit[:, :, None], 3, axis=2)


def caption_of(subject: FigureSubject, request: FigureRequest, words: Words) -> str:
    """Return the caption: item, modalities, mode, and each source with its run and its errors.

    The item is named by its id only; names of files and subjects stay out.
    """
    sources = subject.images.sources
    reference = sources.get(subject.reference)
    item = sources.item
    parts = []
    modalities = [
        file.modality for role in ("moving", "fixed") if (file := item.files.get(role)) and file.modality
    ]
    if len(modalities) == 2:
        parts.append(
            Message(
                "Item {item}: {moving} on {fixed}.",
                {"item": item.id, "moving": modalities[0], "fixed": modalities[1]},
            )
        )
    else:
        parts.append(Message("Item {item}.", {"item": item.id}))
    name = reference.row.title if reference is not None else Message("")
    parts.append(Message(_MODES[subject.mode].text, {"reference": name, "tile": subject.settings.tile_px}))
    letters = iter(LETTERS)
    for index, key in enumerate(subject.keys):
        source = sources.get(key)
        if source is not None and (request.pane is None or request.pane == index):
            is_pair = subject.mode is Mode.FLICKER and key != subject.reference
            names = [next(letters) for _ in range(2 if is_pair else 1)]
            has_letter = request.has_letters and (request.pane is None or is_pair)
            parts += _facts(source, names[-1] if has_letter else "")
    return " ".join(words(part) for part in parts)


def _facts(source: Source, letter: str) -> list[Message]:
    """Say of a panel where its transform comes from, and how far it is from the pairs."""
    numbers, row = source.numbers, source.row
    title = Message("{letter}: {title}", {"letter": letter, "title": row.title}) if letter else row.title
    run = Message(" (run {run})", {"run": row.detail}) if row.detail else Message("")
    values: dict[str, object] = {"title": title, "run": run}
    if numbers.mean_px is None:
        return [Message("{title}{run}.", values)]
    values |= {"n": numbers.num_pairs, "mean": numbers.mean_px}
    values["evidence"] = _EVIDENCE.get(numbers.evidence, Message(""))
    if numbers.left_out_px is None:
        return [Message("{title}{run}: {n} pairs, mean error {mean:.2f} px ({evidence}).", values)]
    values["left_out"] = numbers.left_out_px
    return [
        Message(
            "{title}{run}: {n} pairs, mean error {mean:.2f} px ({evidence}), left out {left_out:.2f} px.",
            values,
        )
    ]
