"""No text is cut off: at 1280 x 720, and at a scale of 150 %, in both themes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

WALK = """
import os, sys, tempfile, time
from pathlib import Path
home = Path(tempfile.mkdtemp(dir=sys.argv[1]))
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QSizePolicy
from workstation.app import build, prepare
from workstation.screens import SCREENS
from workstation.settings import Settings

application = QApplication(sys.argv[:1])
settings = Settings(theme=sys.argv[2])
prepare(application, settings)
window = build(settings, sample_folder=home / "sample")
window.resize(1280, 720)
window.show()

def wait(condition, seconds=90):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        application.processEvents()
        time.sleep(0.01)

def settle(seconds=0.6):
    until = time.monotonic() + seconds
    wait(lambda: time.monotonic() > until)

def is_seen(widget):
    # What lies in a scroll area is reached by scrolling, and what is narrower than its neighbours is not cut.
    return widget.isVisible() and not widget.visibleRegion().isEmpty()

def check(top, place):
    for widget in [*top.findChildren(QLabel), *top.findChildren(QAbstractButton)]:
        text = widget.text().strip()
        if not text or not is_seen(widget):
            continue
        hint = widget.sizeHint()
        if isinstance(widget, QLabel):
            if widget.sizePolicy().horizontalPolicy() is QSizePolicy.Policy.Ignored:
                continue
            if widget.wordWrap():
                need_width, need_height = 0, widget.heightForWidth(widget.width())
            else:
                need_width, need_height = hint.width(), hint.height()
        else:
            need_width, need_height = hint.width(), hint.height()
        # Style sheets round.
        if need_width > widget.width() + 2 or need_height > widget.height() + 3:
            print(
                f"{place}: {type(widget).__name__} {text[:40]!r} needs {need_width} x {need_height}, "
                f"has {widget.width()} x {widget.height()}"
            )

def check_window(place):
    if window.width() > 1280 or window.height() > 720:
        print(f"{place}: the window grew to {window.width()} x {window.height()}")
    check(window, place)

settle()
check_window("empty")
window.actions_.action("project.sample").trigger()
wait(lambda: window.screen("pairs") is not None)
wait(lambda: window.screen("pairs").controller.has_pair_of_images)
settle()
for spec in SCREENS:
    window.show_screen(spec.key)
    settle(1.2)
    check_window(spec.key)
    if len(sys.argv) > 3:
        window.grab().save(str(Path(sys.argv[3]) / f"{spec.key}.png"))
tools = window._commands._tools
for key, name in (("edit.history", "history"), ("edit.shortcuts", "shortcuts"), ("help.keys", "keys")):
    window.actions_.action(key).trigger()
    if name not in tools._dialogs:
        continue
    settle(0.4)
    dialog = tools._dialogs[name]
    if dialog.width() > 1280 or dialog.height() > 720:
        print(f"{name}: {dialog.width()} x {dialog.height()} is larger than the smallest window")
    check(dialog, name)
    dialog.close()
window.close()
print("done")
"""


@pytest.mark.parametrize(("theme", "scale"), [("dark", "1"), ("light", "1.5")])
def test_no_text_is_cut_off(qapp, tmp_path: Path, theme: str, scale: str) -> None:
    environment = {**os.environ, "QT_SCALE_FACTOR": scale, "PYTHONPATH": str(ROOT)}
    arguments = [str(tmp_path), theme]
    if os.environ.get("WORKSTATION_LAYOUT_PICTURES"):
        arguments.append(os.environ["WORKSTATION_LAYOUT_PICTURES"])
    result = subprocess.run(
        [sys.executable, "-c", WALK, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    lines = result.stdout.splitlines()
    assert lines[-1] == "done"
    assert not lines[:-1], "\n".join(lines[:-1])
