"""What is wrong with a shop's template: where in it, and why."""

from __future__ import annotations


class TemplateFaultError(Exception):
    """A template cannot be rendered; `part` is subject, preheader, mjml or text, `line` counts from 1 where known."""

    def __init__(self, part: str, detail: str, line: int | None = None) -> None:
        super().__init__(detail)
        self.part, self.detail, self.line = part, detail, line
