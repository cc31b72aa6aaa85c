"""CTA onto NCCT before training: copies without contrast, rigid, then optional B-spline; and a grade.

The NCCT is fixed, for only it is there at inference. The CTA is resampled once, by all transforms together.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from engines.contract.errors import GeometryError, WorkstationError
from engines.imaging.volumes.label_metrics import Mask, Spacing, surface
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import itk_image
from engines.synthesis.volumes.masks import body_mask, lung_mask

_NEUTRAL_HU = (-1000.0, 150.0)
_BONE_HU = 300.0
_OUTSIDE_HU = -1024.0
_GRADE_A = (0.97, 2.0, 0.95)
_GRADE_B = (0.93, 4.0, 0.85)
"""Least Dice of the lungs, largest 95 % distance of bone edges in mm, least correlation."""
_CONTROL_MM = (60.0, 30.0)
_LEAST_BONE = 50


@dataclass(frozen=True)
class AlignmentRecord:
    """How well a CTA lies on its NCCT.

    Parameters
    ----------
    kind : str
        What was done.
    grade : "A", "B" or "C"
        C also when something folds.
    correlation : float
        Of both copies without contrast, in the body.
    lung_dice, bone_p95_mm : float or None
        None without lungs or bone.
    shift_mm : float
        Length of the rigid translation.
    smallest_jacobian, folded_share : float or None
        Of the deformable part; None without one.
    """

    kind: str
    grade: str
    correlation: float
    lung_dice: float | None
    bone_p95_mm: float | None
    shift_mm: float = 0.0
    smallest_jacobian: float | None = None
    folded_share: float | None = None

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def aligned(ncct: Volume, cta: Volume, kind: str, seed: int = 0) -> tuple[Volume, AlignmentRecord]:
    """Return the CTA on the grid of the NCCT, int16 HU, and how well it lies there.

    Parameters
    ----------
    ncct, cta : Volume
        HU.
    kind : "none", "grid", "rigid" or "deformable"
        ``none`` refuses different grids, ``grid`` trusts the positions in the headers.

    Raises
    ------
    GeometryError
        If grids differ and nothing may be done, or the volumes do not overlap.
    WorkstationError
        If the registration fails.
    """
    difference = ncct.geometry.difference(cta.geometry)
    if difference is not None and kind == "none":
        raise GeometryError(
            "NCCT and CTA lie on different grids: {difference}.",
            remedy='Set alignment to "grid", or to "rigid" when the patient moved.',
            difference=difference,
        )
    shift, smallest, folded = 0.0, None, None
    voxels = cta.voxels
    if kind in ("rigid", "deformable"):
        transform, shift = _rigid(ncct, cta, seed)
        if kind == "deformable":
            transform, smallest, folded = _deformable(ncct, cta, transform)
        voxels = _resampled(ncct, cta, transform)
    elif difference is not None:
        voxels = _resampled(ncct, cta, sitk.Transform(3, sitk.sitkIdentity))
        if float((voxels > _OUTSIDE_HU).mean()) < 0.2:
            raise GeometryError(
                "NCCT and CTA hardly overlap in the patient.",
                remedy='Check that both are of one patient, or set alignment to "rigid".',
            )
    on_grid = Volume(_as_hu(voxels), ncct.geometry, ncct.header)
    return on_grid, _graded(ncct, on_grid, kind, shift, smallest, folded)


def _as_hu(voxels: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    return np.clip(np.round(np.asarray(voxels, dtype=np.float32)), -1024, 3071).astype(np.int16)


def _neutral(volume: Volume) -> sitk.Image:
    """Return a copy clipped so that neither contrast nor hard bone matters."""
    clipped = np.clip(np.asarray(volume.voxels, dtype=np.float32), *_NEUTRAL_HU)
    return itk_image(Volume(clipped, volume.geometry))


def _method(seed: int) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.15, seed + 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 1.0, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _rigid(ncct: Volume, cta: Volume, seed: int) -> tuple[sitk.Transform, float]:
    fixed, moving = _neutral(ncct), _neutral(cta)
    start = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    if ncct.geometry.difference(cta.geometry) is None:
        # One table, one session: the header's position is the better guess than both middles.
        start = sitk.Euler3DTransform(start)
        start.SetTranslation((0.0, 0.0, 0.0))
    method = _method(seed)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    found = sitk.Euler3DTransform(
        sitk.CompositeTransform(_executed(method, fixed, moving)).GetBackTransform()
    )
    return found, float(np.linalg.norm(found.GetTranslation()))


def _executed(method: sitk.ImageRegistrationMethod, fixed: sitk.Image, moving: sitk.Image) -> sitk.Transform:
    try:
        return method.Execute(fixed, moving)
    except RuntimeError as error:
        raise WorkstationError(
            "NCCT and CTA could not be registered: {reason}.",
            remedy='Check that both show the same part of the body, or set alignment to "grid".',
            reason=str(error).strip().splitlines()[-1].rstrip("."),
        ) from error


def _deformable(ncct: Volume, cta: Volume, rigid: sitk.Transform) -> tuple[sitk.Transform, float, float]:
    fixed, moving = _neutral(ncct), _neutral(cta)
    extent = np.array(ncct.geometry.shape) * np.array(ncct.geometry.spacing_mm)
    mesh = [max(1, round(float(side) / _CONTROL_MM[0])) for side in extent]
    spline = sitk.BSplineTransformInitializer(fixed, mesh, 3)
    method = _method(0)
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([2.0, 1.0])
    method.SetMovingInitialTransform(rigid)
    method.SetInitialTransformAsBSpline(
        spline, inPlace=True, scaleFactors=[1, round(_CONTROL_MM[0] / _CONTROL_MM[1])]
    )
    method.SetOptimizerAsGradientDescentLineSearch(5.0, 50, 1e-4, 5)
    _executed(method, fixed, moving)
    field = sitk.TransformToDisplacementField(
        spline,
        sitk.sitkVectorFloat64,
        fixed.GetSize(),
        fixed.GetOrigin(),
        fixed.GetSpacing(),
        fixed.GetDirection(),
    )
    jacobian = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))
    both = sitk.CompositeTransform([rigid, spline])
    return both, float(jacobian.min()), float((jacobian <= 0).mean())


def _resampled(ncct: Volume, cta: Volume, transform: sitk.Transform) -> npt.NDArray[Any]:
    empty = itk_image(Volume(np.zeros(ncct.geometry.shape, dtype=np.uint8), ncct.geometry))
    moving = itk_image(Volume(np.asarray(cta.voxels, dtype=np.float32), cta.geometry))
    found = sitk.Resample(moving, empty, transform, sitk.sitkLinear, _OUTSIDE_HU)
    return np.asarray(sitk.GetArrayFromImage(found).T)


def _graded(
    ncct: Volume, cta: Volume, kind: str, shift: float, smallest: float | None, folded: float | None
) -> AlignmentRecord:
    spacing = ncct.geometry.spacing_mm
    plain, contrast = (np.asarray(volume.voxels, dtype=np.float32) for volume in (ncct, cta))
    body = body_mask(plain)
    a, b = (np.clip(voxels, *_NEUTRAL_HU)[body] for voxels in (plain, contrast))
    correlation = float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
    lungs = _lung_dice(plain, contrast, body, spacing)
    bone = _bone_p95_mm(plain, contrast, body, spacing)
    found = (lungs, bone, correlation)
    voxel = max(spacing)
    grade = "A" if _reaches(found, _GRADE_A, voxel) else "B" if _reaches(found, _GRADE_B, voxel) else "C"
    if folded:
        grade = "C"
    return AlignmentRecord(kind, grade, correlation, lungs, bone, shift, smallest, folded)


def _reaches(
    found: tuple[float | None, float | None, float], least: tuple[float, float, float], voxel_mm: float
) -> bool:
    """Tell whether numbers reach a grade; edges are known to a voxel at best."""
    lungs, bone, correlation = found
    if lungs is None and bone is None:
        return correlation >= least[2]
    return (lungs is None or lungs >= least[0]) and (bone is None or bone <= max(least[1], voxel_mm))


def _lung_dice(
    plain: npt.NDArray[np.float32], contrast: npt.NDArray[np.float32], body: Mask, spacing: Spacing
) -> float | None:
    before, after = (lung_mask(voxels, body, spacing).mask for voxels in (plain, contrast))
    total = int(before.sum()) + int(after.sum())
    if not before.any() or not total:
        return None
    return 2.0 * float((before & after).sum()) / total


def _bone_p95_mm(
    plain: npt.NDArray[np.float32], contrast: npt.NDArray[np.float32], body: Mask, spacing: Spacing
) -> float | None:
    """Return how far bone edges of the NCCT lie from such of the CTA; contrast adds edges and hides none."""
    before, after = (plain > _BONE_HU) & body, contrast > _BONE_HU
    if before.sum() < _LEAST_BONE or after.sum() < _LEAST_BONE:
        return None
    distance = ndimage.distance_transform_edt(~surface(after), sampling=spacing)
    return float(np.percentile(distance[surface(before)], 95))
