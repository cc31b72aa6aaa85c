"""Text for people, written in code that may not import Qt.

A message is an English template and its parameters. The template is the translation id: the window
looks it up in the catalogue and fills in the parameters afterwards, so every language sees the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _same(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Message:
    """An English sentence template with named parameters.

    Parameters
    ----------
    text : str
        Template with ``{name}`` fields, for example ``"{path} is truncated."``. It is the translation id.
    parameters : mapping of str to object
        Values of the fields; a message among them is translated with the sentence that holds it.
    """

    text: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    def render(self, translate: Callable[[str], str] = _same) -> str:
        """Return the sentence, translated and with its parameters filled in."""
        template = translate(self.text)
        if not self.parameters:
            return template
        values = {
            name: value.render(translate) if isinstance(value, Message) else value
            for name, value in self.parameters.items()
        }
        return template.format(**values)

    def __str__(self) -> str:
        return self.render()
