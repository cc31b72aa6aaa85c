"""What an HU window does to the contrast of vessels in ``n * |g|``, as data: a card, a table, warnings.

Pure arithmetic on typical values, nothing is measured: blood of 40 HU that contrast raises to 350 HU beside
muscle of 50 HU that becomes 60 HU.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from engines.synthesis.volumes.windows import WINDOWS, HuWindow

BLOOD_HU, ENHANCED_HU = 40.0, 350.0
MUSCLE_HU, ENHANCED_MUSCLE_HU = 50.0, 60.0
_LEAST_BLOOD = 0.1
_LEAST_KEPT = 0.25


@dataclass(frozen=True)
class FusionCard:
    """Normalised values in one window.

    Parameters
    ----------
    blood : float
        Of unenhanced blood.
    product_vessel, product_muscle : float
        Of ``n * |g|`` with a perfect g.
    real_contrast, product_contrast : float
        Vessel minus muscle, in the real image and in the product.
    kept : float
        The second over the first; negative when the contrast is inverted.
    hu_per_hundredth : float
        HU of 0.01.
    verdict : "kept", "weak", "erased" or "inverted"
    """

    low_hu: float
    high_hu: float
    blood: float
    product_vessel: float
    product_muscle: float
    real_contrast: float
    product_contrast: float
    kept: float
    hu_per_hundredth: float
    verdict: str

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @property
    def is_warning(self) -> bool:
        """Whether the product suppresses vessels: unenhanced blood is near or below the middle."""
        return self.blood < _LEAST_BLOOD


def fusion_card(window: HuWindow) -> FusionCard:
    """Return what a window does to vessels when NCCT and G's image are multiplied."""
    blood, vessel, muscle, muscle_after = (
        float(window.normalised(hu)) for hu in (BLOOD_HU, ENHANCED_HU, MUSCLE_HU, ENHANCED_MUSCLE_HU)
    )
    product_vessel, product_muscle = blood * abs(vessel), muscle * abs(muscle_after)
    real, product = vessel - muscle_after, product_vessel - product_muscle
    kept = product / real
    verdict = (
        "inverted" if kept < -0.02 else "erased" if kept < 0.02 else "weak" if kept < _LEAST_KEPT else "kept"
    )
    return FusionCard(
        window.low_hu,
        window.high_hu,
        blood,
        product_vessel,
        product_muscle,
        real,
        product,
        kept,
        window.width_hu / 200.0,
        verdict,
    )


def fusion_table() -> dict[str, FusionCard]:
    """Return the card of every preset window."""
    return {name: fusion_card(window) for name, window in WINDOWS.items()}
