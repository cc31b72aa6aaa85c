"""What training will see: every look and some pairs, none of them black, drawn anew by seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engines.contract.training_preview import PreviewRequest
from engines.imaging.retina_modalities import LOOKS
from engines.registration.config import TrainConfig
from engines.registration.training.preview import draw


def _request(eyes: Path, seed: int = 0, **files: Path) -> PreviewRequest:
    given = {"image": eyes / "eye_0.png", "vessel_mask": eyes / "mask_0.png", **files}
    return PreviewRequest(given, {"image": "CF"}, TrainConfig.from_values({"image_size_px": 128}), seed)


def test_every_look_and_some_pairs_are_drawn(eyes: Path) -> None:
    pictures = draw(_request(eyes))
    assert len(pictures) >= 1 + len(LOOKS) + 2
    for picture in pictures:
        assert picture.image.dtype == np.uint8
        assert picture.image.std() > 5, picture.title
    again, other = draw(_request(eyes)), draw(_request(eyes, seed=1))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(pictures, again, strict=True))
    assert any(not np.array_equal(a.image, b.image) for a, b in zip(pictures, other, strict=True))


def test_an_item_without_a_mask_has_no_pictures(eyes: Path) -> None:
    request = _request(eyes)
    bare = PreviewRequest({"image": request.files["image"]}, {}, request.config)
    assert draw(bare) == ()
    config = request.config.model_copy(update={"bifurcations": "vesselness"})
    titles = {picture.title for picture in draw(PreviewRequest(bare.files, {}, config))}
    assert titles == {"Bifurcations to learn", "A training pair"}
