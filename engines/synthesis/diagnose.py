"""Rules that know synthesis; those that hold for every pipeline are in `engines.core.diagnosis`.

Thresholds are first values: they were set by runs on phantoms and by logs of one earlier implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from engines.contract.events import Metric
from engines.contract.kinds import Severity
from engines.core.diagnosis import Finding, History, Rule, evidence_of
from engines.synthesis.adversarial_rules import ADVERSARIAL_RULES
from engines.synthesis.series import RECENT, always, last, mean, recent

_UNDER = 0.6
_FOLDED = 0.001
_FAR_PX = 15.0
_PLATEAU_VALIDATIONS = 15
_LOST, _LOST_TO_D = 1.02, 1.25
_DEAD_SSIM = 0.998
_OVERFIT = 1.30
_BLUR, _TEXTURE = 0.5, 1.5
_GAIN, _SHIFT_PX = 0.15, 2.0


def _plateau(history: History) -> Finding | None:
    """Fire when validation has not improved for long."""
    points = [point for point in history.points("val_loss", "val") if point.value is not None]
    if len(points) <= _PLATEAU_VALIDATIONS:
        return None
    best = min(range(len(points)), key=lambda number: float(points[number].value or 0.0))
    waited = len(points) - 1 - best
    if waited < _PLATEAU_VALIDATIONS:
        return None
    return Finding(
        "The validation loss was best {waited} validations ago, in epoch {epoch}: L1 and SSIM have reached "
        "their floor.",
        {"waited": waited, "epoch": points[best].epoch},
        evidence_of([points[best], points[-1]]),
        "Go on to the next phase instead of training longer: R, then G2, then D.",
        {"early_stopping_patience": _PLATEAU_VALIDATIONS},
        points[-1].step,
    )


def _baseline_lost(history: History) -> Finding | None:
    """Fire when a phase with loaded weights is worse than what it loaded, time after time."""
    points = last(history, "val_loss", 2)
    start = recent(history, "val_loss_at_start", "val", 1)
    if points is None or not start or not start[0].value:
        return None
    # D pays for L1 + SSIM with fine detail, on purpose.
    limit = _LOST_TO_D if history.points("w_gan", "train") else _LOST
    if min(float(point.value or 0.0) for point in points) <= limit * float(start[0].value):
        return None
    return Finding(
        "Validation is {value:.3f}, and was {start:.3f} before the first step: training lost what it began "
        "with.",
        {"value": points[-1].value, "start": start[0].value},
        evidence_of([*start, *points]),
        "Check window and weights of the run before; lower the learning rate, and skip the warm-up.",
        {"skip_warmup": True, "learning_rate": 5e-5},
        points[-1].step,
    )


def _misaligned(history: History) -> Finding | None:
    """Fire when R finds much to correct."""
    gain, shift = last(history, "registrar_gain", 2), last(history, "mean_shift_px", 2)
    if gain is None or shift is None or (mean(gain) <= _GAIN and mean(shift) <= _SHIFT_PX):
        return None
    return Finding(
        "R moves images by {shift:.1f} px on average and takes {percent:.0f} % of the difference away: the "
        "pairs are not aligned.",
        {"shift": mean(shift), "percent": 100 * mean(gain)},
        evidence_of([*gain, *shift]),
        "Align the pairs better before, and leave out the worst grades.",
        {"alignment": "deformable", "grades": "a"},
        gain[-1].step,
    )


def _cheating(history: History) -> Finding | None:
    """Fire when the moved image gets better while the image itself gets worse."""
    moved, own = last(history, "l1_warped", 4), last(history, "l1_vs_cta", 4)
    far = last(history, "p99_shift_px", 1)
    if far is not None and float(far[0].value or 0.0) > _FAR_PX:
        points = list(far)
    elif moved and own and _falls(moved) and _falls(own, sign=-1):
        points = [*moved, *own]
    else:
        return None
    return Finding(
        "R makes up for what G does not do: the moved image gets better, the image itself does not.",
        {},
        evidence_of(points),
        "Raise smoothness_weight, or lower R's learning rate.",
        {"smoothness_weight": 1.5, "registrar_rate": 0.1},
        points[-1].step,
    )


def _falls(points: Sequence[Metric], sign: int = 1) -> bool:
    values = [sign * float(point.value or 0.0) for point in points]
    return all(later < earlier for earlier, later in pairwise(values))


def _overfitting(history: History) -> Finding | None:
    """Fire when new slices are much worse than those trained on."""
    train = recent(history, "l1_vs_cta")
    held_out = last(history, "l1_vs_cta", 3)
    if len(train) < RECENT or held_out is None or mean(train) <= 0:
        return None
    # Crops of the middle of the body differ more than whole slices with air around: only a gap the other
    # way round says something.
    if mean(held_out) <= _OVERFIT * mean(train):
        return None
    return Finding(
        "The difference to the CTA is {train:.4f} on slices trained on and {val:.4f} on new ones.",
        {"train": mean(train), "val": mean(held_out)},
        evidence_of([*train[-3:], *held_out]),
        "Mirror slices, add patients, or stop earlier.",
        {"is_mirrored": True, "early_stopping_patience": 5},
        held_out[-1].step,
    )


RULES = (
    *ADVERSARIAL_RULES,
    Rule("plateau", Severity.WARNING, _plateau),
    Rule("baseline_lost", Severity.WARNING, _baseline_lost),
    Rule(
        "blur",
        Severity.WARNING,
        always(
            "hf_ratio",
            lambda value: value < _BLUR,
            Finding(
                "Fine detail is {value:.2f} of that of the real CTA: the image is blurred. Part of it "
                "is noise, which no generator can foresee.",
                remedy="Check the alignment of the pairs first; then go on with G2 and D.",
            ),
        ),
    ),
    Rule(
        "invented_texture",
        Severity.WARNING,
        always(
            "hf_ratio",
            lambda value: value > _TEXTURE,
            Finding(
                "Fine detail is {value:.2f} of that of the real CTA: texture is invented.",
                remedy="Give the adversarial loss a smaller share of the pull.",
                config_patch={"gan_share": 0.2},
            ),
        ),
    ),
    Rule(
        "under_enhanced",
        Severity.WARNING,
        always(
            "residual_ratio",
            lambda value: value < _UNDER,
            Finding(
                "The change is {value:.2f} of the real one: contrast is too weak.",
                remedy="Weigh vessels and lungs more, and let G change values by more.",
                config_patch={"vessel_weight": 1.0, "residual_scale": 2.0},
            ),
        ),
    ),
    Rule("misaligned_pairs", Severity.WARNING, _misaligned),
    Rule(
        "folding",
        Severity.WARNING,
        always(
            "folded_share",
            lambda value: value > _FOLDED,
            Finding(
                "R folds {value:.2%} of the image.",
                remedy="Raise smoothness_weight three times.",
                config_patch={"smoothness_weight": 1.5},
            ),
            count=2,
        ),
    ),
    Rule("registrar_cheats", Severity.WARNING, _cheating),
    Rule(
        "ssim_dead",
        Severity.ERROR,
        always(
            "val_ssim",
            lambda value: value > _DEAD_SSIM,
            Finding(
                "Structural similarity is {value:.4f} from the beginning: both scans are equal, or its range "
                "is wrong.",
                remedy="Check that NCCT and CTA are different scans.",
            ),
            count=1,
        ),
    ),
    Rule("slices_by_heart", Severity.WARNING, _overfitting),
)
