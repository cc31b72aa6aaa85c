"""Rules about the discriminator and the balance of the losses.

Thresholds are first values: they were set by runs on phantoms and by logs of one earlier implementation.
"""

from __future__ import annotations

from engines.contract.events import Metric
from engines.contract.kinds import Severity
from engines.core.diagnosis import Finding, History, Rule, evidence_of
from engines.synthesis.series import always, last, mean, recent

_AFTER_STEPS = 500
_STEPS_TO_LEARN = 200
_SMALL_SHARE = 0.2
_EQUAL = 0.02
_NO_AUC = 0.55
_COLLAPSED_POINTS = 3
_LEAST_UPDATE = 1e-6
_SPREAD = 0.3
_STRONG_AUC = 0.98
_CLIPPED = 0.8
_WORSE = 1.1
_DROWNED, _FEATURES_HEAVY, _OPPOSED = 0.10, 0.30, -0.5
_R1_HIGH, _R1_LOW = 5.0, 1e-3
_LSGAN_CONSTANT, _HINGE_CONSTANT = 0.25, 2.0


def _looks_like_hinge(history: History) -> bool:
    """Tell the form of the loss from what D says: LSGAN pulls real patches to 1, hinge has no such place."""
    fact = history.facts.get("gan_loss_type")
    if fact:
        return str(fact) == "hinge"
    fake = recent(history, "D_fake")
    return bool(fake) and mean(fake) < -0.2


def _has_judged_long(history: History) -> bool:
    """Tell whether D had time to learn; an imported log counts epochs, and has no AUC."""
    points = history.points("D_real", "train")
    steps = points[-1].step - points[0].step if points else 0
    return steps >= _STEPS_TO_LEARN or not history.points("d_auc", "train")


def _judges_alike(history: History) -> list[Metric] | None:
    """Return the last points of D_real and D_fake when these are the same, time after time."""
    real, fake = recent(history, "D_real"), recent(history, "D_fake")
    count = min(len(real), len(fake))
    if count < _COLLAPSED_POINTS or not _has_judged_long(history):
        return None
    real, fake = real[-count:], fake[-count:]
    gaps = [abs(float(a.value or 0) - float(b.value or 0)) for a, b in zip(real, fake, strict=True)]
    limit = 0.05 if _looks_like_hinge(history) else _EQUAL
    if sum(gaps) / count >= limit or max(gaps[-_COLLAPSED_POINTS:]) >= limit:
        return None
    auc = recent(history, "d_auc", count=_COLLAPSED_POINTS)
    # An imported log has no AUC; then equal means have to do.
    if auc and mean(auc) >= _NO_AUC:
        return None
    return [*real[-_COLLAPSED_POINTS:], *fake[-_COLLAPSED_POINTS:], *auc]


def _pinned(history: History) -> Finding | None:
    """Fire when D judges alike and its weights do not move: it is not being trained."""
    alike = _judges_alike(history)
    ratios = recent(history, "update_ratio_discriminator", count=_COLLAPSED_POINTS)
    if alike is None or not ratios or mean(ratios) >= _LEAST_UPDATE:
        return None
    return Finding(
        "D judges real and generated patches alike, and its weights hardly move ({ratio:.1g} of their size "
        "in a step): it is not being trained.",
        {"ratio": mean(ratios)},
        evidence_of([*alike, *ratios]),
        "Look at D's learning rate, its schedule and what is frozen; raise discriminator_rate.",
        {"discriminator_rate": 1.0, "gan_loss_type": "hinge"},
        alike[-1].step,
    )


def _stuck_in_a_log(history: History) -> Finding | None:
    """Fire when D's outputs are equal and constant while its gradient is not small."""
    alike = _judges_alike(history)
    norms = recent(history, "gnorm_D", count=_COLLAPSED_POINTS)
    real = recent(history, "D_real", count=8)
    if alike is None or len(norms) < _COLLAPSED_POINTS or len(real) < 5:
        return None
    values = [float(point.value or 0.0) for point in real]
    if max(values) - min(values) > 0.005 or mean(norms) < 1.0:
        return None
    return Finding(
        "D says {value:.3f} of real and generated patches alike, and this does not change, although its "
        "gradient is {norm:.0f}: its steps have no effect.",
        {"value": values[-1], "norm": mean(norms)},
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
        "One change at a time: no NCCT beside the image, hinge, R1 on single logits, fine detail alone, then "
        "the residual D.",
        {"d_cond_mode": "none", "gan_loss_type": "hinge", "r1_reduction": "per_logit"},
        alike[-1].step,
    )


def _worse_than_constant(history: History) -> Finding | None:
    """Fire when D pays more than one that says the same everywhere."""
    losses = recent(history, "d_loss")
    is_log = not history.points("d_auc", "train")
    if len(losses) < 5 or (losses[-1].step < _AFTER_STEPS and not is_log):
        return None
    constant = _HINGE_CONSTANT if _looks_like_hinge(history) else _LSGAN_CONSTANT
    found = mean(losses)
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
    auc = last(history, "val_d_auc", 3)
    shares = recent(history, "grad_share_gan", count=3)
    if auc is None or mean(auc) < _STRONG_AUC or len(shares) < 3 or mean(shares) >= 0.05:
        return None
    return Finding(
        "D tells every patch (AUC {auc:.3f}) and its pull at the image is {percent:.0f} % of all.",
        {"auc": mean(auc), "percent": 100 * mean(shares)},
        evidence_of([*auc, *shares]),
        "Raise r1_gamma, or lower discriminator_rate.",
        {"r1_gamma": 30.0, "discriminator_rate": 0.5},
        auc[-1].step,
    )


def _by_place_only(history: History) -> Finding | None:
    """Fire when D varies over positions but not between real and generated."""
    spread = recent(history, "d_real_std", count=_COLLAPSED_POINTS)
    alike = _judges_alike(history)
    if alike is None or len(spread) < _COLLAPSED_POINTS or mean(spread) <= _SPREAD:
        return None
    return Finding(
        "D's scores vary by {spread:.2f} over positions and are equal for real and generated: it looks at "
        "anatomy, not at realism.",
        {"spread": mean(spread)},
        evidence_of([*spread, *alike]),
        "Take the NCCT from D, and train on random crops.",
        {"d_cond_mode": "none", "crop_px": 256},
        spread[-1].step,
    )


def _small_share(history: History) -> Finding | None:
    """Fire when little of the loss is adversarial, where nobody measured the pull itself."""
    parts = {key: recent(history, key) for key in ("w_recon", "w_gan", "w_fm")}
    if history.points("grad_share_gan", "train") or len(parts["w_gan"]) < 3 or not parts["w_recon"]:
        return None
    # Hinge losses of G are negative at times: sizes count.
    sizes = {key: abs(mean(points)) for key, points in parts.items() if points}
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


ADVERSARIAL_RULES = (
    Rule("d_pinned", Severity.ERROR, _pinned),
    Rule("d_not_stepping", Severity.ERROR, _stuck_in_a_log),
    Rule("d_collapsed", Severity.WARNING, _collapsed),
    Rule("d_worse_than_constant", Severity.WARNING, _worse_than_constant),
    Rule("d_too_strong", Severity.WARNING, _too_strong),
    Rule("d_by_place_only", Severity.WARNING, _by_place_only),
    Rule(
        "gan_drowned",
        Severity.WARNING,
        always(
            "grad_share_gan",
            lambda value: value < _DROWNED,
            Finding(
                "The adversarial loss has {value:.0%} of the pull at the image.",
                remedy="Weigh feature matching less, then give the adversarial loss a share of the pull.",
                config_patch={"feat_match_weight": 0.5, "gan_share": 0.3},
            ),
            split="train",
        ),
    ),
    Rule("gan_share_small", Severity.NOTE, _small_share),
    Rule(
        "features_heavy",
        Severity.NOTE,
        always(
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
        always(
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
        always(
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
        always(
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
        always(
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
)
