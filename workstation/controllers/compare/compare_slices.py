"""Slices of what is compared, ready for the screen; volumes are read once, and only slices are copied.

Slow everywhere: used on threads only, one at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from engines.contract.errors import PreconditionError, WorkstationError
from engines.contract.messages import Message
from engines.imaging.comparison import Change, paint_change
from engines.imaging.opencv import cv2
from engines.imaging.screen_picture import ByteImage, Picture, picture_of
from engines.imaging.volumes.distance_colours import paint_distance, paint_offset
from engines.imaging.volumes.label_classes import LabelClass, colour_of, named
from engines.imaging.volumes.label_comparison import (
    LabelChange,
    SurfaceOffsets,
    change_between_labels,
    check_one_grid,
    grid_text,
    surface_offsets,
)
from engines.imaging.volumes.slicing import (
    direction_text,
    plane_geometry,
    resampled_picture,
    slice_picture,
)
from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.controllers.compare.volume_compare_sources import VolumeSource, VolumeSources, read_mask
from workstation.controllers.volume.slice_places import (
    Adjustment,
    SliceView,
    SliceWish,
    Window,
    held,
    square_size,
    to_square,
)
from workstation.controllers.volume.volume_images import HU, CaseImage, read_image
from workstation.project.project import Project
from workstation.views.protocols.overlay_modes import Mode
from workstation.views.protocols.volume_compare import SliceSet, VolumePaneContent

Made = TypeVar("Made")
OPACITY = 0.5
_NO_MASK = Message("This takes two label maps.")
_DIFFERENCE_HU = 200.0


class CompareSlices:
    """Volumes of one case, and their slices.

    Parameters
    ----------
    project : Project
    sources : VolumeSources
    cache : Path
        Where compressed images lie unpacked.
    colours : mapping of Change to ``"#rrggbb"``
    usual_windows : ((low, high), (low, high))
        Of images in HU without and with contrast in the vessels.
    before : CompareSlices or None
        Of the same item; what did not change is taken over.
    """

    def __init__(
        self,
        project: Project,
        sources: VolumeSources,
        cache: Path,
        colours: Mapping[Change, str],
        usual_windows: tuple[Window, Window],
        before: CompareSlices | None = None,
    ) -> None:
        self.sources = sources
        self.colours = dict(colours)
        self._project = project
        self._cache = cache
        self._usual_windows = usual_windows
        self._lock = threading.RLock()
        files = {file.path for _, file in (*sources.images, *sources.made)}
        stamps = {source.stamp for source in sources.sources} | files
        made = before._made if before is not None else {}
        self._made: dict[tuple[Any, ...], Any] = {
            key: value for key, value in made.items() if set(key[1]) <= stamps
        }

    # -- volumes -------------------------------------------------------------------------------------

    def image(self, role: str) -> CaseImage:
        """Read an image."""
        file = self.sources.file(role)

        def read() -> CaseImage:
            found = read_image(role, file, self._cache)
            assert found is not None
            return found

        return self._once(("image", (file.path,)), read)

    def mask(self, source: VolumeSource) -> Volume:
        """Read a label map."""
        return self._once(("mask", (source.stamp,)), lambda: read_mask(self._project, source))

    def geometry(self, source: VolumeSource) -> VolumeGeometry:
        """Return the grid of a source: that of its label map, if it has one."""
        return self.mask(source).geometry if source.is_mask else self.image(source.image).volume.geometry

    def window(self, role: str) -> Window:
        """Return the grey-value window that an image has before anybody turned it."""
        image = self.image(role)
        low, high = image.value_range
        # Beside what a run made of it, an image without contrast is shown in the same window.
        usual = self._usual_windows[image.has_contrast or bool(self.sources.made)]
        return usual if image.unit == HU and low < usual[1] and high > usual[0] else (low, high)

    def classes(self, source: VolumeSource) -> tuple[LabelClass, ...]:
        """Return the classes that a label map holds."""
        if not source.is_mask:
            return ()
        return self._once(
            ("classes", (source.stamp,)), lambda: named(_values(self.mask(source).voxels), source.classes)
        )

    def change(self, first: VolumeSource, second: VolumeSource, label: int) -> LabelChange:
        """Return what was added and removed from the first label map to the second."""

        def make() -> LabelChange:
            before, after = self._pair(first, second)
            return change_between_labels(before.voxels, after.voxels, before.geometry, label)

        return self._once(("change", (first.stamp, second.stamp), label), make)

    def offsets(self, reference: VolumeSource, candidate: VolumeSource, label: int) -> SurfaceOffsets:
        """Return the distances of the candidate's surface from the reference's."""

        def make() -> SurfaceOffsets:
            other, own = self._pair(reference, candidate)
            return surface_offsets(own.voxels, other.voxels, own.geometry, label)

        return self._once(("offsets", (reference.stamp, candidate.stamp), label), make)

    def scale_end_mm(self, reference: VolumeSource, view: SliceView) -> float:
        """Return the end of the scale of distances, the same in every pane."""
        sources = [source for key in view.keys if (source := self.sources.get(key)) is not None]
        masks = [source for source in sources if source.is_mask and source.key != reference.key]
        grid = self.geometry(reference)
        return max(
            self.offsets(reference, source, view.label).scale_end_mm
            for source in masks
            if grid.difference(self.geometry(source)) is None
        )

    def is_made(self, wish: SliceWish) -> bool:
        """Tell whether what a mode needs of whole volumes is there; if not, slices take a while."""
        kind = {Mode.DIFFERENCE: "change", Mode.DISTANCE: "offsets"}.get(wish.mode, "")
        reference = self.sources.get(wish.reference)
        others = [source for key in wish.keys if key != wish.reference and (source := self.sources.get(key))]
        return not kind or all(
            (kind, (reference.stamp, source.stamp), wish.label) in self._made
            for source in others
            if reference is not None and reference.is_mask and source.is_mask
        )

    def _pair(self, first: VolumeSource, second: VolumeSource) -> tuple[Volume, Volume]:
        before, after = self.mask(first), self.mask(second)
        check_one_grid(before.geometry, after.geometry)
        return before, after

    # -- slices --------------------------------------------------------------------------------------

    def slices(self, wish: SliceWish) -> SliceSet:
        """Return one slice for every pane.

        Raises
        ------
        WorkstationError
            If the reference cannot be read; what is wrong with another source stands in its pane.
        """
        reference = self._source(wish.reference)
        view = self.view_of(wish)
        frame, plane, number = view.frame, view.plane, view.number
        position = held(wish.position, frame)
        size, unit_mm = square_size(plane)
        turned = wish.adjustments[wish.keys.index(wish.reference)] if wish.reference in wish.keys else None
        turned = turned or (wish.adjustments[0] if wish.adjustments else Adjustment())
        below = picture_of(self.pixels(reference, view, turned))
        contents = tuple(
            self._content(self._source(key), reference, view, wish.mode, turn, (turned, below))
            for key, turn in zip(wish.keys, wish.adjustments, strict=True)
        )
        return SliceSet(
            below,
            contents,
            size,
            unit_mm,
            plane.letters,
            direction_text(frame, plane, position),
            number,
            plane.num_slices,
            to_square(plane, plane.pixel_of(position)),
            view.slab_mm,
        )

    def pixels(self, source: VolumeSource, view: SliceView, turn: Adjustment) -> ByteImage:
        """Return a slice of the image with its label map, RGB, in square pixels.

        Raises
        ------
        WorkstationError
            If the label map lies on another grid and may not be resampled.
        """
        grey = self._grey(view.image(source), view, turn)
        rgb = np.repeat(grey[:, :, None], 3, axis=2)
        if not (source.is_mask and view.has_masks):
            return rgb
        return self._coloured(
            rgb, _resized(self._labels(source, view), grey.shape, cv2.INTER_NEAREST), source
        )

    def _labels(self, source: VolumeSource, view: SliceView) -> npt.NDArray[Any]:
        mask = self.mask(source)
        difference = view.frame.difference(mask.geometry)
        if difference is None:
            labels = slice_picture(mask.voxels, view.plane, view.number)
        elif view.is_resampling:
            labels, _ = resampled_picture(
                mask.voxels, mask.geometry, view.frame, view.plane, view.number, order=0
            )
        else:
            raise PreconditionError(
                "{name} lies on {own}, the reference on {other}.",
                remedy="Resample it for viewing, in the panel on the right; numbers need one grid.",
                name=source.name,
                own=grid_text(mask.geometry),
                other=grid_text(view.frame),
            )
        return np.where(labels == view.label, labels, 0) if view.label else labels

    def composed_pixels(
        self, reference: VolumeSource, source: VolumeSource, view: SliceView, mode: Mode, turn: Adjustment
    ) -> ByteImage:
        """Return a slice of the difference or of the surface distances, RGB, in square pixels."""
        grey = self._grey(view.image(reference), view, turn)
        if not (source.is_mask or reference.is_mask):
            offset = self._raw(source.image, view) - self._raw(reference.image, view)
            end, _ = self._value_end(reference, source)
            colours = self.colours[Change.REMOVED], self.colours[Change.ADDED]
            return paint_offset(_resized(offset, grey.shape, cv2.INTER_LINEAR), end, colours)
        if mode is Mode.DIFFERENCE:
            change = self.change(reference, source, view.label)
            inside = _in_slice(change.change, change.box, view, np.uint8(Change.NOTHING))
            return paint_change(grey, _resized(inside, grey.shape, cv2.INTER_NEAREST), self.colours)
        offsets = self.offsets(reference, source, view.label)
        inside = _in_slice(offsets.distance_mm, offsets.box, view, np.float32(np.nan))
        end = self.scale_end_mm(reference, view)
        ends = self.colours[Change.REMOVED], self.colours[Change.ADDED]
        return paint_distance(grey, _resized(inside, grey.shape, cv2.INTER_NEAREST), end, ends)

    def view_of(self, wish: SliceWish) -> SliceView:
        """Return the slice that a wish looks at."""
        frame = self.geometry(self._source(wish.reference))
        plane = plane_geometry(frame, wish.plane)
        number = plane.slice_index(held(wish.position, frame))
        return SliceView(
            frame,
            plane,
            number,
            wish.label,
            wish.is_resampling,
            wish.base,
            wish.keys,
            wish.has_masks,
            wish.slab_mm,
        )

    def shown_classes(self, source: VolumeSource, view: SliceView) -> tuple[LabelClass, ...]:
        """Return the classes that a slice of a source shows."""
        if not (source.is_mask and view.has_masks):
            return ()
        found = set(np.unique(self._labels(source, view)).tolist())
        return tuple(one for one in self.classes(source) if one.value in found)

    def _content(
        self,
        source: VolumeSource,
        reference: VolumeSource,
        view: SliceView,
        mode: Mode,
        turn: Adjustment,
        below: tuple[Adjustment, Picture],
    ) -> VolumePaneContent:
        is_reference = source.key == reference.key
        try:
            if is_reference and turn == below[0]:
                picture = below[1]
            else:
                picture = picture_of(self.pixels(source, view, turn))
            is_resampled = source.is_mask and view.frame.difference(self.geometry(source)) is not None
        except WorkstationError as error:
            return VolumePaneContent(source.key, problem=error.advice, is_reference=is_reference)
        composed, shares, volumes, legend, note = None, {}, {}, None, Message("")
        values: tuple[float, str] | None = None
        if mode in (Mode.DIFFERENCE, Mode.DISTANCE) and not is_reference:
            try:
                if not (source.is_mask or reference.is_mask) and mode is Mode.DIFFERENCE:
                    values = self._value_end(reference, source)
                elif not (source.is_mask and reference.is_mask):
                    raise PreconditionError(_NO_MASK.text)
                composed = picture_of(self.composed_pixels(reference, source, view, mode, turn))
                if values is not None:
                    pass
                elif mode is Mode.DIFFERENCE:
                    change = self.change(reference, source, view.label)
                    shares, volumes = change.shares, change.volumes_ml
                else:
                    offsets = self.offsets(reference, source, view.label)
                    legend = self.scale_end_mm(reference, view) if offsets.reason is None else None
                    note = offsets.reason or note
            except WorkstationError as error:
                composed, note = None, error.message
        return VolumePaneContent(
            source.key,
            picture,
            composed if composed is not None or not note.text else picture,
            shares=dict(shares),
            is_reference=is_reference,
            volumes_ml=volumes,
            legend_mm=legend,
            legend_values=values,
            is_resampled=is_resampled,
            note=note,
        )

    def _grey(self, role: str, view: SliceView, turn: Adjustment) -> ByteImage:
        image = self.image(role)
        preset = turn.preset if image.unit == HU else None
        low, high = turn.applied(preset or self.window(role))
        values = self._raw(role, view)
        with np.errstate(invalid="ignore"):
            scaled = (values - low) * (255.0 / max(high - low, 1e-6))
        grey = np.nan_to_num(scaled, nan=0.0).clip(0, 255).astype(np.uint8)
        size, _ = square_size(view.plane)
        return _resized(grey, (size[1], size[0]), cv2.INTER_LINEAR)

    def _raw(self, role: str, view: SliceView) -> npt.NDArray[np.float32]:
        """Return the values of a slice, or of a slab projected across; NaN outside the image."""
        image = self.image(role)
        voxels, geometry = image.volume.voxels, image.volume.geometry
        if view.frame.difference(geometry) is None:
            found = slice_picture(voxels, view.plane, view.number, thickness_mm=view.slab_mm)
            return np.asarray(found, dtype=np.float32)
        values, is_inside = resampled_picture(
            voxels, geometry, view.frame, view.plane, view.number, order=1, thickness_mm=view.slab_mm
        )
        return np.where(is_inside, values, np.float32(np.nan)).astype(np.float32)

    def _value_end(self, reference: VolumeSource, source: VolumeSource) -> tuple[float, str]:
        """Return the difference at the ends of the colour scale, and its unit."""
        first, second = self.image(reference.image), self.image(source.image)
        if first.unit != second.unit:
            raise PreconditionError("One image is in HU and the other is not: their difference says nothing.")
        low, high = first.value_range
        return (_DIFFERENCE_HU, HU) if first.unit == HU else (float(f"{(high - low) / 4:.1g}"), "")

    def _coloured(self, rgb: ByteImage, labels: npt.NDArray[Any], source: VolumeSource) -> ByteImage:
        found = np.flatnonzero(np.bincount(labels.ravel()))
        known = {one.value: one.colour for one in source.classes}
        for value in found[found > 0]:
            colour = known.get(int(value), colour_of(int(value)))
            ink = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)], dtype=np.float32)
            place = labels == value
            rgb[place] = (rgb[place] * (1 - OPACITY) + ink * OPACITY).astype(np.uint8)
        return rgb

    def _source(self, key: str) -> VolumeSource:
        source = self.sources.get(key)
        if source is None:
            raise PreconditionError("There is nothing of that kind in this item any more.")
        return source

    def _once(self, key: tuple[Any, ...], make: Callable[[], Made]) -> Made:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            made: Made = self._made[key]
            return made


def _in_slice(
    inside: npt.NDArray[Any], box: tuple[slice, slice, slice], view: SliceView, nothing: Any
) -> npt.NDArray[Any]:
    """Return the slice of an array that fills only a box of the grid."""
    whole = np.full(view.plane.shape, nothing, dtype=inside.dtype)
    across = box[view.plane.axis]
    if across.start <= view.number < across.stop:
        own = np.take(inside, view.number - across.start, axis=view.plane.axis)
        whole[view.plane.cut(box)] = view.plane.picture(own)
    return whole


def _resized(pixels: npt.NDArray[Any], shape: tuple[int, ...], interpolation: int) -> npt.NDArray[Any]:
    if pixels.shape == shape[:2]:
        return np.ascontiguousarray(pixels)
    return np.asarray(
        cv2.resize(np.ascontiguousarray(pixels), (shape[1], shape[0]), interpolation=interpolation)
    )


def _values(voxels: npt.NDArray[Any]) -> list[int]:
    """Return the values there are; slice by slice, because counting needs eight bytes a voxel."""
    is_there = np.zeros(np.iinfo(voxels.dtype).max + 1, dtype=bool)
    for number in range(voxels.shape[2]):
        is_there[voxels[:, :, number].ravel(order="K")] = True
    return [int(value) for value in np.flatnonzero(is_there)]
