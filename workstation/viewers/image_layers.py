"""The layers of one canvas: an image in grey or colour, or a pyramid of one, and the vessels above it.

Layers are kept and given other pixels instead of being removed: napari searches the whole memory for
garbage whenever a layer goes, which the window would feel at every change of the item.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engines.contract.geometry import Size
from engines.imaging.enhancement import full_window
from engines.imaging.pyramid import ImagePyramid
from workstation.viewers.napari_compat import quiet_import

with quiet_import():
    from napari.components import ViewerModel
    from napari.utils import Colormap

Picture = npt.NDArray[Any] | ImagePyramid
Window = tuple[float, float]
"""The values that are shown black and white."""
_EMPTY = (2, 2)
_PYRAMID = "pyramid"
_VESSELS = "vessels"


class ImageLayers:
    """Layers of a `ViewerModel`; world coordinates are ``(y, x)`` pixels of the whole image.

    Parameters
    ----------
    model : ViewerModel
    """

    def __init__(self, model: ViewerModel) -> None:
        self._model = model
        self._layers: dict[str, Any] = {}
        self._size: Size | None = None
        self._shown = ""

    @property
    def size(self) -> Size | None:
        """Width and height of the image in px, or None."""
        return self._size

    @property
    def shown(self) -> Any:
        """The layer of the image that is shown, or None."""
        return self._layers.get(self._shown)

    @property
    def vessels(self) -> Any:
        """The layer of the vessels, or None while none was ever shown."""
        return self._layers.get(_VESSELS)

    def show(self, picture: Picture | None) -> None:
        """Show an image, or nothing; grey values are shown over the whole range of the image."""
        if picture is None:
            self._leave("")
            self._size = None
            self.show_vessels(None)
            return
        size = (int(picture.shape[1]), int(picture.shape[0]))
        if size != self._size:
            self.show_vessels(None)
        self._size = size
        if isinstance(picture, ImagePyramid) and len(picture.levels) > 1:
            self._show_pyramid(picture)
        else:
            self._show_array(picture.levels[0] if isinstance(picture, ImagePyramid) else picture)
        self._model.layers.selection.clear()

    def set_window(self, window: Window) -> None:
        """Choose the values shown black and white; of colour images the pixels hold them already."""
        layer = self.shown
        if layer is None or layer.rgb:
            return
        low, high = window
        high = max(high, low + 1e-6)
        if tuple(layer.contrast_limits) != (low, high):
            layer.contrast_limits = (low, high)

    def show_vessels(self, strength: npt.NDArray[np.float32] | None, *, colour: str = "", opacity: float = 0):
        """Lay a map of vessels over the image, or nothing.

        Parameters
        ----------
        strength : ndarray of float32, (h, w), or None
            0 to 1; it may be smaller than the image and covers all of it.
        colour : "#rrggbb"
        opacity : float
            0 to 1.
        """
        layer = self._layers.get(_VESSELS)
        if strength is None or self._size is None:
            if layer is not None and layer.visible:
                layer.visible = False
                layer.data = np.zeros(_EMPTY, np.float32)
            return
        scale, shift = self._placement(strength.shape)
        if layer is None:
            layer = self._model.add_image(
                strength, contrast_limits=(0.0, 1.0), blending="translucent", name=_VESSELS
            )
            self._layers[_VESSELS] = layer
            self._model.layers.selection.clear()
        elif layer.data is not strength:
            layer.data = strength
        layer.scale, layer.translate = scale, shift
        ink = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        layer.colormap = Colormap([[*ink, 0.0], [*ink, 1.0]], name=f"vessels {colour}")
        layer.opacity = opacity
        layer.visible = True
        self._raise_vessels()

    def clear(self) -> None:
        """Let go of every layer."""
        self._layers.clear()
        self._shown, self._size = "", None
        self._model.layers.clear()

    def _show_array(self, image: npt.NDArray[Any]) -> None:
        kind = "colour" if image.ndim == 3 else "grey"
        self._leave(kind)
        layer = self._layers.get(kind)
        limits = {} if image.ndim == 3 else {"contrast_limits": full_window(image)}
        if layer is None:
            layer = self._model.add_image(
                image, rgb=image.ndim == 3, interpolation2d="linear", name=kind, **limits
            )
            self._layers[kind] = layer
            self._raise_vessels()
        else:
            layer.data = image
            if limits:
                layer.contrast_limits = limits["contrast_limits"]
        layer.scale, layer.translate = self._placement(image.shape[:2])
        layer.visible = True

    def _show_pyramid(self, pyramid: ImagePyramid) -> None:
        self._leave(_PYRAMID)
        is_rgb = len(pyramid.shape) == 3
        limits = {} if is_rgb else {"contrast_limits": full_window(pyramid.levels[-1])}
        self._layers[_PYRAMID] = self._model.add_image(
            list(pyramid.levels),
            multiscale=True,
            rgb=is_rgb,
            interpolation2d="linear",
            name=_PYRAMID,
            **limits,
        )
        self._raise_vessels()

    def _leave(self, kind: str) -> None:
        """Let go of what is shown, as far as the next picture does not use it."""
        shown = self.shown
        self._shown, before = kind, self._shown
        if shown is None or (before == kind and kind != _PYRAMID):
            return
        if before == _PYRAMID:
            # Its levels are files that stay open as long as the layer lives.
            self._layers.pop(_PYRAMID)
            self._model.layers.remove(shown)
            return
        shown.visible = False
        shown.data = np.zeros((*_EMPTY, 3) if shown.rgb else _EMPTY, shown.data.dtype)

    def _placement(self, shape: tuple[int, ...]) -> tuple[list[float], list[float]]:
        """Return scale and shift that lay an array over the whole image, pixel areas on pixel areas."""
        assert self._size is not None
        scale = [self._size[1] / shape[0], self._size[0] / shape[1]]
        return scale, [(factor - 1) / 2 for factor in scale]

    def _raise_vessels(self) -> None:
        layers, vessels = self._model.layers, self._layers.get(_VESSELS)
        if vessels is not None and layers[-1] is not vessels:
            layers.move(layers.index(vessels), len(layers))
