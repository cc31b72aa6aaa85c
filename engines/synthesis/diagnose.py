"""Rules that know synthesis; those that hold for every pipeline are in `engines.core.diagnosis`.

Thresholds are first values: they were set by runs on phantoms and by logs of one earlier implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from engines.contract.events import Metric
from engines.contract.kinds import Severity
from engines.core.diagnosis import Finding, History, Rule, evidence_of

_RECENT = 40
"""Steps over which values of single steps are averaged."""
_AFTER_STEPS = 500
_STEPS_TO_LEARN = 200
_SMALL_SHARE = 0.2
_EQUAL = 0.02
_NO_AUC = 0.55
_COLLAPSED_POINTS = 3
_LEAST_UPDATE = 1e-6
_SPREAD = 0.3
_STRONG_AUC = 0.98
_DROWNED, _FEATURES_HEAVY, _OPPOSED = 0.10, 0.30, -0.5
_R1_HIGH, _R1_LOW = 5.0, 1e-3
_CLIPPED = 0.8
_BLUR, _TEXTURE = 0.5, 1.5
_UNDER = 0.6
_GAIN, _SHIFT_PX = 0.15, 2.0
_FOLDED = 0.001
_FAR_PX = 15.0
_PLATEAU_VALIDATIONS = 15
_LOST = 1.02
_DEAD_SSIM = 0.998
_OVERFIT = 1.30
_LSGAN_CONSTANT, _HINGE_CONSTANT = 0.25, 2.0
_WORSE = 1.1


def _recent(history: History, key: str, split: str = "train", count: int = _RECENT) -> list[Metric]:
    return [point for point in history.points(key, split) if point.value is not None][-count:]


def _mean(points: Sequence[Metric]) -> float:
    values = [float(point.value) for point in points if point.value is not None]
    return sum(values) / len(values)


def _last(history: History, key: str, count: int, split: str = "val") -> list[Metric] | None:
    """Return the newest points of a validation metric after training began, None when there are fewer."""
    points = [point for point in history.points(key, split) if point.value is not None and point.step > 0]
    return points[-count:] if len(points) >= count else None


def _always(
    key: str,
    is_wrong: Callable[[float], bool],
    finding: Finding,
    *,
    count: int = 3,
    split: str = "val",
) -> Callable[[History], Finding | None]:
    """Return a rule: the newest `count` values are all wrong; its cause may name ``{value}``."""

    def find(history: History) -> Finding | None:
        points = _last(history, key, count, split)
        if points is None or not all(is_wrong(float(point.value or 0.0)) for point in points):
            return None
        return _found(finding, points, {"value": points[-1].value})

    return find


def _found(finding: Finding, points: Sequence[Metric], parameters: dict[str, Any]) -> Finding:
    return Finding(
        finding.cause,
        parameters,
        evidence_of(points),
        finding.remedy,
        finding.config_patch,
        points[-1].step,
    )


def _looks_like_hinge(history: History) -> bool:
    """Tell the form of the loss from what D says: LSGAN pulls real patches to 1, hinge has no such place."""
    fact = history.facts.get("gan_loss_type")
    if fact:
        return str(fact) == "hinge"
    fake = _recent(history, "D_fake")
    return bool(fake) and _mean(fake) < -0.2


def _has_judged_long(history: History) -> bool:
    """Tell whether D had time to learn; an imported log counts epochs, and has no AUC."""
    points = history.points("D_real", "train")
    steps = points[-1].step - points[0].step if points else 0
    return steps >= _STEPS_TO_LEARN or not history.points("d_auc", "train")


def _judges_alike(history: History) -> list[Metric] | None:
    """Return the last points of D_real and D_fake when these are the same, time after time."""
    real, fake = _recent(history, "D_real"), _recent(history, "D_fake")
    count = min(len(real), len(fake))
    if count < _COLLAPSED_POINTS or not _has_judged_long(history):
        return None
    real, fake = real[-count:], fake[-count:]
    gaps = [abs(float(a.value or 0) - float(b.value or 0)) for a, b in zip(real, fake, strict=True)]
    limit = 0.05 if _looks_like_hinge(history) else _EQUAL
    if sum(gaps) / count >= limit or max(gaps[-_COLLAPSED_POINTS:]) >= limit:
        return None
    auc = _recent(history, "d_auc", count=_COLLAPSED_POINTS)
    # An imported log has no AUC; then equal means have to do.
    if auc and _mean(auc) >= _NO_AUC:
        return None
    return [*real[-_COLLAPSED_POINTS:], *fake[-_COLLAPSED_POINTS:], *auc]


def _pinned(history: History) -> Finding | None:
    """Fire when D judges alike and its weights do not move: it is not being trained."""
    alike = _judges_alike(history)
    ratios = _recent(history, "update_ratio_discriminator", count=_COLLAPSED_POINTS)
    if alike is None or not ratios or _mean(ratios) >= _LEAST_UPDATE:
        return None
    return Finding(
        "D judges real and generated patches alike, and its weights hardly move ({ratio:.1g} of their size "
        "in a step): it is not being trained.",
        {"ratio": _mean(ratios)},
        evidence_of([*alike, *ratios]),
        "Look at D's learning rate, its schedule and what is frozen; raise discriminator_rate.",
        {"discriminator_rate": 1.0, "gan_loss_type": "hinge"},
        alike[-1].step,
    )


def _stuck_in_a_log(history: History) -> Finding | None:
    """Fire when D's outputs are equal and constant while its gradient is not small."""
    alike = _judges_alike(history)
    norms = _recent(history, "gnorm_D", count=_COLLAPSED_POINTS)
    real = _recent(history, "D_real", count=8)
    if alike is None or len(norms) < _COLLAPSED_POINTS or len(real) < 5:
        return None
    values = [float(point.value or 0.0) for point in real]
    if max(values) - min(values) > 0.005 or _mean(norms) < 1.0:
        return None
    return Finding(
        "D says {value:.3f} of real and generated patches alike, and this does not change, although its "
        "gradient is {norm:.0f}: its steps have no effect.",
        {"value": values[-1], "norm": _mean(norms)},
        evidence_of([*real, *norms]),
        "Check first that D is stepped: learning rate, schedule from 0, gradient scaler, weights swapped "
        "by an average, gradients wiped. Only then try other losses.",
        {"d_cond_mode": "none", "gan_loss_type": "hinge", "r1_reduction": "per_logit"},
        real[-1].step,
    )


def _collapsed(history: History) -> Finding | None:
    """Fire when D judges real and generated patches alike."""
    alike = _judges_alike(history)
    if alike is None:
        return None
    return Finding(
        "D judges real and generated patches alike: it teaches nothing.",
        {},
        evidence_of(alike),
        "One change at a time: no NCCT beside the image, hinge, R1 on single logits, then the residual D.",
        {"d_cond_mode": "none", "gan_loss_type": "hinge", "r1_reduction": "per_logit"},
        alike[-1].step,
    )


def _worse_than_constant(history: History) -> Finding | None:
    """Fire when D pays more than one that says the same everywhere."""
    losses = _recent(history, "d_loss")
    is_log = not history.points("d_auc", "train")
    if len(losses) < 5 or (losses[-1].step < _AFTER_STEPS and not is_log):
        return None
    constant = _HINGE_CONSTANT if _looks_like_hinge(history) else _LSGAN_CONSTANT
    found = _mean(losses)
    if found <= _WORSE * constant:
        return None
    return Finding(
        "D's loss is {value:.3f}; a D that says the same everywhere would pay {constant:g}.",
        {"value": found, "constant": constant},
        evidence_of(losses[-5:]),
        "Lower D's learning rate; in a log of another program check whether its loss is halved.",
        {"discriminator_rate": 0.5},
        losses[-1].step,
    )


def _too_strong(history: History) -> Finding | None:
    """Fire when D tells every patch and the generator no longer feels it."""
    auc = _last(history, "val_d_auc", 3)
    shares = _recent(history, "grad_share_gan", count=3)
    if auc is None or _mean(auc) < _STRONG_AUC or len(shares) < 3 or _mean(shares) >= 0.05:
        return None
    return Finding(
        "D tells every patch (AUC {auc:.3f}) and its pull at the image is {percent:.0f} % of all.",
        {"auc": _mean(auc), "percent": 100 * _mean(shares)},
        evidence_of([*auc, *shares]),
        "Raise r1_gamma, or lower discriminator_rate.",
        {"r1_gamma": 30.0, "discriminator_rate": 0.5},
        auc[-1].step,
    )


def _by_place_only(history: History) -> Finding | None:
    """Fire when D varies over positions but not between real and generated."""
    spread = _recent(history, "d_real_std", count=_COLLAPSED_POINTS)
    alike = _judges_alike(history)
    if alike is None or len(spread) < _COLLAPSED_POINTS or _mean(spread) <= _SPREAD:
        return None
    return Finding(
        "D's scores vary by {spread:.2f} over positions and are equal for real and generated: it looks at "
        "anatomy, not at realism.",
        {"spread": _mean(spread)},
        evidence_of([*spread, *alike]),
        "Take the NCCT from D, and train on random crops.",
        {"d_cond_mode": "none", "crop_px": 256},
        spread[-1].step,
    )


def _small_share(history: History) -> Finding | None:
    """Fire when little of the loss is adversarial, where nobody measured the pull itself."""
    parts = {key: _recent(history, key) for key in ("w_recon", "w_gan", "w_fm")}
    if history.points("grad_share_gan", "train") or len(parts["w_gan"]) < 3 or not parts["w_recon"]:
        return None
    # Hinge losses of G are negative at times: sizes count.
    sizes = {key: abs(_mean(points)) for key, points in parts.items() if points}
    share = sizes["w_gan"] / max(sum(sizes.values()), 1e-12)
    if share >= _SMALL_SHARE:
        return None
    return Finding(
        "The adversarial loss is {percent:.0f} % of all losses by value.",
        {"percent": 100 * share},
        evidence_of([points[-1] for points in parts.values() if points]),
        "Values say little; measure the pull at the image. Weigh feature matching less, then this more.",
        {"feat_match_weight": 0.5, "gan_weight": 2.0},
        parts["w_gan"][-1].step,
    )


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
    points = _last(history, "val_loss", 2)
    start = _recent(history, "val_loss_at_start", "val", 1)
    if points is None or not start or not start[0].value:
        return None
    if min(float(point.value or 0.0) for point in points) <= _LOST * float(start[0].value):
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
    gain, shift = _last(history, "registrar_gain", 2), _last(history, "mean_shift_px", 2)
    if gain is None or shift is None or (_mean(gain) <= _GAIN and _mean(shift) <= _SHIFT_PX):
        return None
    return Finding(
        "R moves images by {shift:.1f} px on average and takes {percent:.0f} % of the difference away: the "
        "pairs are not aligned.",
        {"shift": _mean(shift), "percent": 100 * _mean(gain)},
        evidence_of([*gain, *shift]),
        "Align the pairs better before, and leave out the worst grades.",
        {"alignment": "deformable", "grades": "a"},
        gain[-1].step,
    )


def _cheating(history: History) -> Finding | None:
    """Fire when the moved image gets better while the image itself gets worse."""
    moved, own = _last(history, "l1_warped", 4), _last(history, "l1_vs_cta", 4)
    far = _last(history, "p99_shift_px", 1)
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
    train = _recent(history, "l1_vs_cta")
    held_out = _last(history, "l1_vs_cta", 3)
    if len(train) < _RECENT or held_out is None or _mean(train) <= 0:
        return None
    # Crops of the middle of the body differ more than whole slices with air around: only a gap the other
    # way round says something.
    if _mean(held_out) <= _OVERFIT * _mean(train):
        return None
    return Finding(
        "The difference to the CTA is {train:.4f} on slices trained on and {val:.4f} on new ones.",
        {"train": _mean(train), "val": _mean(held_out)},
        evidence_of([*train[-3:], *held_out]),
        "Mirror slices, add patients, or stop earlier.",
        {"is_mirrored": True, "early_stopping_patience": 5},
        held_out[-1].step,
    )


RULES = (
    Rule("d_pinned", Severity.ERROR, _pinned),
    Rule("d_not_stepping", Severity.ERROR, _stuck_in_a_log),
    Rule("d_collapsed", Severity.WARNING, _collapsed),
    Rule("d_worse_than_constant", Severity.WARNING, _worse_than_constant),
    Rule("d_too_strong", Severity.WARNING, _too_strong),
    Rule("d_by_place_only", Severity.WARNING, _by_place_only),
    Rule(
        "gan_drowned",
        Severity.WARNING,
        _always(
            "grad_share_gan",
            lambda value: value < _DROWNED,
            Finding(
                "The adversarial loss has {value:.0%} of the pull at the image.",
                remedy="Weigh feature matching less, then the adversarial loss more.",
                config_patch={"feat_match_weight": 0.5, "gan_weight": 2.0},
            ),
            split="train",
        ),
    ),
    Rule("gan_share_small", Severity.NOTE, _small_share),
    Rule(
        "features_heavy",
        Severity.NOTE,
        _always(
            "grad_share_fm",
            lambda value: value > _FEATURES_HEAVY,
            Finding(
                "Feature matching has {value:.0%} of the pull at the image; shifted pairs get blurred by it.",
                remedy="Weigh it less, or let R align the images.",
                config_patch={"feat_match_weight": 0.5},
            ),
            split="train",
        ),
    ),
    Rule(
        "losses_opposed",
        Severity.NOTE,
        _always(
            "recon_gan_cosine",
            lambda value: value < _OPPOSED,
            Finding(
                "Reconstruction and the adversarial loss pull against each other (cosine {value:.2f}).",
                remedy="Partly normal; let R align the images where pairs are shifted.",
                config_patch={"with_registrar": True},
            ),
            split="train",
        ),
    ),
    Rule(
        "d_clipped",
        Severity.NOTE,
        _always(
            "d_clip_share",
            lambda value: value > _CLIPPED,
            Finding(
                "D's gradient is clipped in nearly every step; with spectral norm this matters little.",
                remedy="Do not clip D, or lower its learning rate.",
                config_patch={"grad_clip_norm_d": 0.0},
            ),
            count=20,
            split="train",
        ),
    ),
    Rule(
        "r1_too_strong",
        Severity.WARNING,
        _always(
            "r1_share",
            lambda value: value > _R1_HIGH,
            Finding(
                "R1 is {value:.1f} times D's own loss: it flattens D.",
                remedy="Check r1_reduction first; then divide r1_gamma by ten.",
                config_patch={"r1_reduction": "per_logit", "r1_gamma": 1.0},
            ),
            split="train",
        ),
    ),
    Rule(
        "r1_no_effect",
        Severity.NOTE,
        _always(
            "r1_share",
            lambda value: value < _R1_LOW,
            Finding(
                "R1 is {value:.1g} of D's own loss: it has no effect.",
                remedy="Check r1_reduction, or raise r1_gamma.",
                config_patch={"r1_reduction": "per_logit"},
            ),
            count=8,
            split="train",
        ),
    ),
    Rule("plateau", Severity.WARNING, _plateau),
    Rule("baseline_lost", Severity.WARNING, _baseline_lost),
    Rule(
        "blur",
        Severity.WARNING,
        _always(
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
        _always(
            "hf_ratio",
            lambda value: value > _TEXTURE,
            Finding(
                "Fine detail is {value:.2f} of that of the real CTA: texture is invented.",
                remedy="Weigh the adversarial loss less.",
                config_patch={"gan_weight": 0.5},
            ),
        ),
    ),
    Rule(
        "under_enhanced",
        Severity.WARNING,
        _always(
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
        _always(
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
        _always(
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
