"""At which sizes two images are compared: one common size, or two when one shows a small part of the eye.

An OCT or OCTA image covers a few millimetres. At the common size, where every field of view has one
diameter, it would be several times too large for the search and for the limits of plausibility. A frame
brings both to about one scale first, so search, limits and verification mean the same in every frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.imaging.field_of_view import FIELD_DIAMETER_PX

NARROW_MODALITIES = frozenset({"OCT", "OCTA"})
SURE_Z = 10.0
"""Agreement of the centre lines that needs no second sign: nothing wrong has come near it."""


@dataclass(frozen=True)
class SearchFrame:
    """Diameters of the fields of view at which a pair is compared, and what its agreement has to reach.

    Parameters
    ----------
    fixed_diameter_px, moving_diameter_px : float
        The search covers ratios of the two fields from 0.53 to 1.9 times fixed over moving diameter.
    num_candidates : int
        Poses that are refined at least; a small common area needs more.
    registered_z, uncertain_z : float
        Agreement of the centre lines from which a result may be registered, or is worth looking at.
    registered_sharpness, uncertain_sharpness : float
        Sharpness of the agreement of the line maps that says as much; see `verdict_for`.
    """

    fixed_diameter_px: float = FIELD_DIAMETER_PX
    moving_diameter_px: float = FIELD_DIAMETER_PX
    num_candidates: int = 1
    registered_z: float = 6.0
    uncertain_z: float = 4.5
    registered_sharpness: float = 12.0
    uncertain_sharpness: float = 10.0


COMMON_FRAME = SearchFrame()
_WIDE_PX, _NARROW_PX = 1280.0, 384.0
_NARROW_CANDIDATES = 8
# More candidates and fewer vessels raise what wrong poses reach; tests/benchmarks/registration_verdict.py.
_NARROW_REGISTERED_Z, _NARROW_UNCERTAIN_Z = 7.5, 5.5
_NARROW_REGISTERED_SHARPNESS, _NARROW_UNCERTAIN_SHARPNESS = 10.5, 9.0


def frames_for(fixed_modality: str | None, moving_modality: str | None) -> tuple[SearchFrame, ...]:
    """Return the frames to try for two modalities, in this order; the second covers 0.16 to 0.57.

    Parameters
    ----------
    fixed_modality, moving_modality : str or None
        ``"CF"``, ``"OCTA"``...; None is taken for a whole field.
    """
    is_narrow = [
        (modality or "").upper() in NARROW_MODALITIES for modality in (fixed_modality, moving_modality)
    ]
    if is_narrow[0] == is_narrow[1]:
        return (COMMON_FRAME,)
    diameters = (_NARROW_PX, _WIDE_PX) if is_narrow[0] else (_WIDE_PX, _NARROW_PX)
    narrow = SearchFrame(
        *diameters,
        _NARROW_CANDIDATES,
        _NARROW_REGISTERED_Z,
        _NARROW_UNCERTAIN_Z,
        _NARROW_REGISTERED_SHARPNESS,
        _NARROW_UNCERTAIN_SHARPNESS,
    )
    return (COMMON_FRAME, narrow)
