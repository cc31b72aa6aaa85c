"""What of a case is shown and how: its images, its label maps, their windows, opacities and styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from engines.imaging.volumes.volume import Volume, VolumeGeometry
from workstation.controllers.volume.volume_images import HU, CaseImage
from workstation.project.label_maps import LabelMap, LabelMapState
from workstation.views.protocols.volume import ImageLayer, LabelLayer, LabelStyle, LayerRow, WindowRow

Window = tuple[float, float]
MASK_OPACITY = 0.5
OPACITY_STEP = 0.1


@dataclass
class MapLook:
    """How one label map is drawn, for as long as the window is open."""

    opacity: float = MASK_OPACITY
    is_visible: bool = True
    hidden: frozenset[int] = frozenset()
    locked: frozenset[int] = frozenset()


class VolumeLayers(QObject):
    """Images and label maps of the current case, and the choices of the person, kept over items.

    Parameters
    ----------
    contrast_window, plain_window : (low, high)
        Of images in HU that nobody chose a window for, with bright vessels and without.

    Signals
    -------
    images_changed, labels_changed
        What the view shows of them is another.
    """

    images_changed = Signal()
    labels_changed = Signal()

    def __init__(self, contrast_window: Window, plain_window: Window, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._contrast_window, self._plain_window = contrast_window, plain_window
        self._item_id = ""
        self._images: dict[str, CaseImage] = {}
        self._maps: dict[str, LabelMap] = {}
        self._volumes: dict[str, Volume] = {}
        self._temporary: dict[str, LabelLayer] = {}
        self._base = ""
        self._bases: dict[str, str] = {}
        self._over: dict[str, float] = {}
        self._windows: dict[tuple[str, str], Window] = {}
        self._looks: dict[str, MapLook] = {}
        self.active_id = ""
        self.style = LabelStyle.FILLED
        self.has_masks = True
        self.has_overlays = True

    # -- content -------------------------------------------------------------------------------------

    def begin(self, item_id: str) -> None:
        """Let go of the case before: its arrays may be large."""
        self._item_id = item_id
        self._images.clear()
        self._maps.clear()
        self._volumes.clear()
        self._temporary.clear()
        self._over.clear()
        self._base = self.active_id = ""

    def add_image(self, image: CaseImage) -> None:
        """Take an image of the case; the first, or the one chosen before, is the base."""
        self._images[image.key] = image
        if not self._base or self._bases.get(self._item_id) == image.key:
            self._base = image.key
        self.images_changed.emit()

    def set_maps(self, maps: Sequence[LabelMap]) -> None:
        """Take the label maps of the case as the project knows them now."""
        self._maps = {label_map.id: label_map for label_map in maps}
        self._volumes = {key: volume for key, volume in self._volumes.items() if key in self._maps}
        self.labels_changed.emit()

    def set_voxels(self, label_map_id: str, volume: Volume) -> None:
        """Take the array of a label map, which is drawn from now on."""
        if label_map_id in self._maps:
            self._volumes[label_map_id] = volume
            self.labels_changed.emit()

    def add_temporary(self, layer: LabelLayer) -> None:
        """Show something above the label maps, the difference of a proposal for example."""
        self._temporary[layer.key] = layer
        self.labels_changed.emit()

    def remove_temporary(self, key: str) -> None:
        """Stop showing it."""
        if self._temporary.pop(key, None) is not None:
            self.labels_changed.emit()

    # -- questions -----------------------------------------------------------------------------------

    @property
    def images(self) -> list[CaseImage]:
        """The images that were read."""
        return list(self._images.values())

    @property
    def maps(self) -> list[LabelMap]:
        """The label maps of the case."""
        return list(self._maps.values())

    @property
    def base(self) -> CaseImage | None:
        """The image at the bottom, which tools read."""
        return self._images.get(self._base)

    @property
    def active(self) -> LabelMap | None:
        """The label map that tools draw in."""
        return self._maps.get(self.active_id)

    def map_of(self, label_map_id: str) -> LabelMap | None:
        """Return a label map of the case."""
        return self._maps.get(label_map_id)

    def volume_of(self, label_map_id: str) -> Volume | None:
        """Return the array of a label map, or None until it is read."""
        return self._volumes.get(label_map_id)

    def look(self, label_map_id: str) -> MapLook:
        """Return how a label map is drawn."""
        return self._looks.setdefault(label_map_id, MapLook())

    @property
    def grid(self) -> VolumeGeometry | None:
        """The grid that is shown: that of the active label map, else of the base image."""
        if self.active is not None:
            return self.active.geometry
        return self.base.volume.geometry if self.base is not None else None

    def window(self, key: str) -> Window:
        """Return the grey-value window of an image."""
        image = self._images[key]
        chosen = self._windows.get(self._window_key(image))
        if chosen is not None:
            return chosen
        low, high = image.value_range
        # A CT that holds nothing of the usual window, a bone scan in other units for example, is fitted.
        usual = self._contrast_window if image.has_contrast else self._plain_window
        return usual if image.unit == HU and low < usual[1] and high > usual[0] else (low, high)

    def window_row(self, presets: Mapping[str, Window]) -> WindowRow:
        """Return the window of the base image, with the name of the preset that it is."""
        base = self.base
        if base is None:
            return WindowRow()
        low, high = self.window(base.key)
        names = [name for name, window in presets.items() if window == (low, high)]
        return WindowRow(low, high, base.unit, base.title, names[0] if names and base.unit else "")

    # -- choices -------------------------------------------------------------------------------------

    def set_base(self, key: str) -> None:
        """Choose the image at the bottom."""
        if key in self._images and key != self._base:
            self._base = self._bases[self._item_id] = key
            self.images_changed.emit()

    def set_over(self, key: str, opacity: float) -> None:
        """Lay another image over the base, so opaque."""
        if key in self._images and key != self._base:
            self._over[key] = min(1.0, max(0.0, opacity))
            self.images_changed.emit()

    def set_window(self, key: str, window: Window) -> None:
        """Choose the grey values that are black and white: for a role in HU, else for this image."""
        if key in self._images:
            low, high = window
            self._windows[self._window_key(self._images[key])] = (low, max(high, low + 1e-6))
            self.images_changed.emit()

    def fit_window(self, key: str) -> None:
        """Let the window follow the values of the image."""
        if key in self._images:
            self.set_window(key, self._images[key].value_range)

    def show_base_in(self, window: Window) -> None:
        """Choose the window of the base image."""
        self.set_window(self._base, window)

    def fit_base(self) -> None:
        """Let the window of the base image follow its values."""
        self.fit_window(self._base)

    def step_opacity(self, step: float) -> None:
        """Make the active label map more or less opaque; it never goes."""
        if self.active_id:
            opacity = self.look(self.active_id).opacity + step
            self.set_look(self.active_id, opacity=min(1.0, max(OPACITY_STEP, opacity)))

    def set_look(self, label_map_id: str, **changes: object) -> None:
        """Change how a label map is drawn; names as in `MapLook`."""
        self._looks[label_map_id] = replace(self.look(label_map_id), **changes)  # type: ignore[arg-type]
        self.labels_changed.emit()

    def set_style(self, style: LabelStyle) -> None:
        """Draw label maps filled or as outlines."""
        self.style = style
        self.labels_changed.emit()

    def set_masks(self, has_masks: bool) -> None:
        """Show label maps, or hide them all."""
        self.has_masks = has_masks
        self.labels_changed.emit()

    def set_overlays(self, has_overlays: bool) -> None:
        """Show everything above the base image, or nothing of it."""
        self.has_overlays = has_overlays
        self.images_changed.emit()
        self.labels_changed.emit()

    # -- what the view shows -------------------------------------------------------------------------

    def image_layers(self) -> list[ImageLayer]:
        """Return every image, the base first."""
        ordered = sorted(self._images.values(), key=lambda image: image.key != self._base)
        layers = []
        for image in ordered:
            is_base = image.key == self._base
            opacity = 1.0 if is_base else self._over.get(image.key, 0.0)
            is_visible = is_base or (self.has_overlays and opacity > 0)
            layers.append(
                ImageLayer(image.key, image.title, image.volume, self.window(image.key), opacity, is_visible)
            )
        return layers

    def label_layers(self) -> list[LabelLayer]:
        """Return every label map that was read, the active one on top, then what is shown for a moment."""
        is_shown = self.has_masks and self.has_overlays
        layers = []
        for key in sorted(self._volumes, key=lambda key: key == self.active_id):
            label_map, look, volume = self._maps[key], self.look(key), self._volumes[key]
            layers.append(
                LabelLayer(
                    key,
                    label_map.name,
                    volume.voxels,
                    volume.geometry,
                    {one.value: one.colour for one in label_map.classes},
                    look.opacity,
                    is_shown and look.is_visible,
                    self.style,
                    look.hidden,
                )
            )
        return [*layers, *(replace(layer, is_visible=is_shown) for layer in self._temporary.values())]

    def rows(self) -> list[LayerRow]:
        """Return the lines of the list of layers: images, then label maps."""
        found = [
            LayerRow(
                image.key,
                image.title,
                is_image=True,
                is_visible=True,
                opacity=1.0 if image.key == self._base else self._over.get(image.key, 0.0),
                is_active=image.key == self._base,
                detail=grid_text(image.volume.geometry),
            )
            for image in self._images.values()
        ]
        for label_map in self._maps.values():
            look = self.look(label_map.id)
            found.append(
                LayerRow(
                    label_map.id,
                    label_map.name,
                    is_image=False,
                    is_visible=look.is_visible,
                    opacity=look.opacity,
                    is_proposal=label_map.state is LabelMapState.PROPOSAL,
                    is_active=label_map.id == self.active_id,
                    detail="   ".join(
                        part
                        for part in (grid_text(label_map.geometry), label_map.source, label_map.annotator)
                        if part
                    ),
                )
            )
        return found

    def _window_key(self, image: CaseImage) -> tuple[str, str]:
        # HU mean the same in every case; other intensities do not.
        return ("" if image.unit == HU else self._item_id, image.key)


def grid_text(geometry: VolumeGeometry) -> str:
    """Return size, spacing and direction of a grid for people."""
    size = " × ".join(map(str, geometry.shape))
    spacing = " × ".join(f"{value:.3g}" for value in geometry.spacing_mm)
    return f"{size}   {spacing} mm   {''.join(geometry.axis_codes)}"
