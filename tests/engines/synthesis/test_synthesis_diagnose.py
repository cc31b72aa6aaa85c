"""Each rule fires on a run that has what it names, and stays silent on a healthy one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from engines.contract.events import Event, Metric, Started
from engines.core.diagnosis import diagnose
from engines.synthesis.diagnose import RULES

Course = Mapping[str, Callable[[int], float]]
_STEPS = 900
_EVERY = 10


def _wave(step: int, size: float) -> float:
    return size * float(np.sin(step / 7.0))


HEALTHY: Course = {
    "D_real": lambda step: 0.05 + min(1.0, step / 200) + _wave(step, 0.05),
    "D_fake": lambda step: 0.04 - min(0.8, step / 250) + _wave(step, 0.05),
    "d_auc": lambda step: min(0.9, 0.5 + step / 300),
    "d_loss": lambda step: 2.0 - min(1.0, step / 300),
    "d_real_std": lambda step: 0.2,
    "gnorm_D": lambda step: 8.0 + _wave(step, 2.0),
    "update_ratio_discriminator": lambda step: 1e-3,
    "r1_share": lambda step: 0.1,
    "d_clip_share": lambda step: 0.2,
    "w_recon": lambda step: 0.5,
    "w_gan": lambda step: 0.3,
    "w_fm": lambda step: 0.1,
    "grad_share_gan": lambda step: 0.3,
    "grad_share_fm": lambda step: 0.1,
    "recon_gan_cosine": lambda step: 0.1,
    "l1_vs_cta": lambda step: 0.05,
}
HEALTHY_VAL: Course = {
    "val_loss": lambda step: 0.3 - 0.1 * step / _STEPS,
    "val_loss_at_start": lambda step: 0.3,
    "l1_vs_cta": lambda step: 0.05 - 0.01 * step / _STEPS,
    "l1_warped": lambda step: 0.045 - 0.01 * step / _STEPS,
    "val_ssim": lambda step: 0.9,
    "hf_ratio": lambda step: 0.8,
    "residual_ratio": lambda step: 0.9,
    "val_d_auc": lambda step: 0.85,
    "registrar_gain": lambda step: 0.03,
    "mean_shift_px": lambda step: 0.3,
    "p99_shift_px": lambda step: 2.0,
    "folded_share": lambda step: 0.0,
}


def _names(train: Course, val: Course, kind: str = "hinge", steps: int = _STEPS) -> set[str]:
    events: list[Event] = [Started(time=0.0, facts={"gan_loss_type": kind}, **_started())]
    for step in range(1, steps + 1, _EVERY):
        events += [
            Metric(time=float(step), key=key, value=value(step), split="train", step=step, epoch=step // 50)
            for key, value in train.items()
        ]
        if step % 50 == 1:
            events += [
                Metric(time=float(step), key=key, value=value(step), split="val", step=step, epoch=step // 50)
                for key, value in val.items()
            ]
    return {found.name for found in diagnose(events, RULES)}


def _started() -> dict[str, object]:
    known = {name: field for name, field in Started.model_fields.items() if field.is_required()}
    return {name: "" for name in known if name not in ("time", "facts", "event")}


def test_a_healthy_run_raises_nothing() -> None:
    assert _names(HEALTHY, HEALTHY_VAL) == set()


def test_a_young_run_raises_nothing() -> None:
    assert _names(HEALTHY, HEALTHY_VAL, steps=60) == set()


_ALIKE: Course = {
    "D_real": lambda step: 0.1 + _wave(step, 0.01),
    "D_fake": lambda step: 0.1 + _wave(step, 0.01),
    "d_auc": lambda step: 0.51,
}


@pytest.mark.parametrize(
    ("name", "train", "val"),
    [
        ("d_collapsed", _ALIKE, {}),
        ("d_pinned", {**_ALIKE, "update_ratio_discriminator": lambda step: 1e-8}, {}),
        ("d_by_place_only", {**_ALIKE, "d_real_std": lambda step: 0.37}, {}),
        ("d_worse_than_constant", {"d_loss": lambda step: 3.0}, {}),
        ("d_too_strong", {"grad_share_gan": lambda step: 0.02}, {"val_d_auc": lambda step: 0.995}),
        ("gan_drowned", {"grad_share_gan": lambda step: 0.04}, {}),
        ("features_heavy", {"grad_share_fm": lambda step: 0.5}, {}),
        ("losses_opposed", {"recon_gan_cosine": lambda step: -0.8}, {}),
        ("d_clipped", {"d_clip_share": lambda step: 1.0}, {}),
        ("r1_too_strong", {"r1_share": lambda step: 30.0}, {}),
        ("r1_no_effect", {"r1_share": lambda step: 1e-5}, {}),
        ("plateau", {}, {"val_loss": lambda step: 0.2 if step == 51 else 0.21}),
        ("baseline_lost", {}, {"val_loss": lambda step: 0.5 - 0.05 * step / _STEPS}),
        ("blur", {}, {"hf_ratio": lambda step: 0.2}),
        ("invented_texture", {}, {"hf_ratio": lambda step: 2.0}),
        ("under_enhanced", {}, {"residual_ratio": lambda step: 0.3}),
        ("misaligned_pairs", {}, {"mean_shift_px": lambda step: 3.0}),
        ("folding", {}, {"folded_share": lambda step: 0.02}),
        ("registrar_cheats", {}, {"l1_vs_cta": lambda step: 0.04 + 0.01 * step / _STEPS}),
        ("registrar_cheats", {}, {"p99_shift_px": lambda step: 20.0}),
        ("ssim_dead", {}, {"val_ssim": lambda step: 0.9999}),
        ("slices_by_heart", {"l1_vs_cta": lambda step: 0.02}, {}),
    ],
)
def test_a_rule_fires_on_what_it_names(name: str, train: Course, val: Course) -> None:
    assert name in _names({**HEALTHY, **train}, {**HEALTHY_VAL, **val})


def test_a_loss_that_fine_detail_is_paid_with_is_no_lost_baseline() -> None:
    paid: Course = {**HEALTHY_VAL, "val_loss": lambda step: 0.34}
    assert "baseline_lost" not in _names(HEALTHY, paid)
    assert "baseline_lost" in _names({"l1_vs_cta": HEALTHY["l1_vs_cta"]}, paid)


def test_every_rule_is_tested_to_fire() -> None:
    (mark,) = test_a_rule_fires_on_what_it_names.pytestmark  # type: ignore[attr-defined]
    of_logs = {"d_not_stepping", "gan_share_small"}
    assert {rule.name for rule in RULES} == {row[0] for row in mark.args[1]} | of_logs


def _log(**courses: Callable[[int], float]) -> set[str]:
    """Diagnose a log that has one point an epoch and nothing measured beside."""
    events: list[Event] = [
        Metric(
            time=float(epoch),
            key=key,
            value=value(epoch),
            split="val" if key == "val_loss" else "train",
            step=epoch,
            epoch=epoch,
        )
        for epoch in range(1, 88)
        for key, value in courses.items()
    ]
    return {found.name for found in diagnose(events, RULES)}


def test_the_known_log_of_a_stuck_discriminator_is_named() -> None:
    names = _log(
        D_real=lambda epoch: 0.675 if epoch == 1 else 0.749,
        D_fake=lambda epoch: 0.675 if epoch == 1 else 0.749,
        d_loss=lambda epoch: 0.945,
        gan_g=lambda epoch: 0.198,
        gnorm_D=lambda epoch: 10.0 + 27.0 * (epoch % 2),
        l1_vs_cta=lambda epoch: 0.14,
    )
    assert {"d_not_stepping", "d_collapsed", "d_worse_than_constant"} <= names


def test_the_known_log_of_a_plateau_is_named() -> None:
    assert "plateau" in _log(val_loss=lambda epoch: 0.635 if epoch == 8 else 0.66)


def test_the_known_shares_of_losses_are_noted() -> None:
    names = _log(
        w_recon=lambda epoch: 0.67,
        w_gan=lambda epoch: 0.26,
        w_fm=lambda epoch: 0.50,
        D_real=lambda epoch: 0.9,
        D_fake=lambda epoch: 0.3,
    )
    assert "gan_share_small" in names
    assert "d_collapsed" not in names
