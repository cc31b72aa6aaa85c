"""The installed Qt binding keeps its hands off the references of None, True and False.

A release that does not aborts the interpreter after some thousand calls ("none_dealloc"); Python 3.12
and newer never count these references.
"""

from __future__ import annotations

import subprocess
import sys

CHECK = """
import sys
from PySide6.QtCore import QCoreApplication, QObject, Signal

class Sender(QObject):
    sent = Signal()

application = QCoreApplication([])
sender = Sender()
sender.sent.connect(lambda: None)

def references():
    return [sys.getrefcount(value) for value in (None, True, False)]

before = references()
for _ in range(500):
    QCoreApplication.processEvents()
    sender.sent.emit()
lost = [old - new for old, new in zip(before, references())]
print(max(lost))
"""


def test_calls_of_the_qt_binding_lose_no_reference() -> None:
    result = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 50
