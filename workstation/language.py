"""The language of the window: English source text, catalogues from ``resources/translations``."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from engines.contract.resources import resource_path


def install_language(application: QCoreApplication, language: str = "") -> QTranslator | None:
    """Load the catalogue of a language, or of the system's; None when there is none.

    Parameters
    ----------
    application : QCoreApplication
    language : str
        Locale name, for example ``"zh_CN"``; empty follows the system.
    """
    locale = QLocale(language) if language else QLocale.system()
    translator = QTranslator(application)
    folder = resource_path("translations")
    if translator.load(locale, "workstation", "_", str(folder)):
        application.installTranslator(translator)
        return translator
    return None
