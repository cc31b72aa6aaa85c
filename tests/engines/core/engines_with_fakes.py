"""``python -m engines`` with the pipelines of `fake_pipelines` beside the real ones."""

from __future__ import annotations

import sys
from pathlib import Path

import engines

engines.__path__.append(str(Path(__file__).parent / "fake_pipelines"))

from engines.__main__ import main  # noqa: E402  the path comes first

if __name__ == "__main__":
    sys.exit(main())
