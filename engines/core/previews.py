"""Write the pictures of fixed validation items into the run folder and announce them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engines.contract.events import Preview
from engines.contract.run_context import RunContext
from engines.core.task import PreviewImage
from engines.imaging.images import write_image


def write_previews(run: RunContext, previews: Iterable[PreviewImage], step: int) -> None:
    """Write ``previews/<name>/<item>/<step>.png`` for each picture."""
    for preview in previews:
        folder = run.folder.previews_dir / _file_name(preview.name) / _file_name(preview.item)
        path = folder / f"{step:08d}.png"
        write_image(path, preview.image)
        run.emit(
            Preview(
                path=path.relative_to(run.folder.path).as_posix(),
                name=preview.name,
                item=preview.item,
                step=step,
            )
        )


def _file_name(text: str) -> str:
    """Return a text without the characters that some file system refuses."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", text).strip(" .") or "_"
