"""The one way an unexpected error takes: the log file, then a card in the window with its traceback."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler

from engines.contract.errors import WorkstationError
from engines.contract.kinds import Severity
from engines.contract.messages import Message
from workstation.views.protocols.cards import Card

_LOG = logging.getLogger(__name__)
_LOG_BYTES = 1_000_000
_LOG_FILES = 4
_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class ExceptionPath(QObject):
    """Catches what nobody caught, in every thread, while it is installed.

    Parameters
    ----------
    log_file : Path

    Signals
    -------
    caught : Card
    """

    caught = Signal(object)

    def __init__(self, log_file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._log_file = log_file
        self._handler: logging.Handler | None = None
        self._is_posting = False
        self._before: tuple[Callable[..., object], Callable[..., object]] | None = None

    def install(self) -> None:
        """Write the log file from now on, and take every uncaught exception."""
        self._handler = _log_handler(self._log_file)
        logging.getLogger().addHandler(self._handler)
        logging.getLogger().setLevel(min(logging.getLogger().level or logging.INFO, logging.INFO))
        self._before = (sys.excepthook, threading.excepthook)
        sys.excepthook = self.handle
        threading.excepthook = self._handle_in_thread
        qInstallMessageHandler(_log_qt_message)

    def remove(self) -> None:
        """Leave everything as it was."""
        if self._before is not None:
            sys.excepthook, threading.excepthook = self._before
            self._before = None
            qInstallMessageHandler(None)
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler.close()
            self._handler = None

    def handle(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Log an exception and post its card."""
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        _LOG.error("Uncaught exception", exc_info=(kind, error, trace))
        text = "".join(traceback.format_exception(kind, error, trace))
        if self._is_posting:
            # The card itself cannot be shown: another one would end here again, and again.
            return
        self._is_posting = True
        try:
            self.caught.emit(card_of_exception(error, text, self._log_file))
        finally:
            self._is_posting = False

    def _handle_in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and not issubclass(arguments.exc_type, SystemExit):
            self.handle(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)


def card_of_exception(error: BaseException, trace: str, log_file: Path) -> Card:
    """Return the card of an exception: an error that advises speaks for itself."""
    if isinstance(error, WorkstationError):
        return Card.of_error(error, details=trace)
    return Card(
        Severity.ERROR,
        Message("Something went wrong inside the program."),
        why=Message("{kind}: {text}", {"kind": type(error).__name__, "text": str(error) or "no message"}),
        kept=Message("Every edit up to now is on disk, and runs go on."),
        remedy=Message(
            "Go on working. If it happens again, copy this card into a report; the log is {path}.",
            {"path": log_file},
        ),
        details=trace,
    )


def _log_handler(log_file: Path) -> logging.Handler:
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(
            log_file, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8", delay=True
        )
    except OSError as error:
        # No place for a log must not keep anybody from working.
        handler = logging.StreamHandler()
        _LOG.warning("The log file %s cannot be written: %s", log_file, error)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler


def _log_qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    logging.getLogger("qt").log(_QT_LEVELS.get(kind, logging.INFO), "%s", text)
