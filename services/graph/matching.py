"""Free words meet the shop's own categories: which category a tag means, by likeness of words."""

from __future__ import annotations

from collections.abc import Mapping

from rapidfuzz import fuzz, process, utils

_LEAST = 84.0  # below this, a likeness is a coincidence more often than not (tried on a grocer's 2,400 categories)


def match_tags(tags: Mapping[str, str], categories: Mapping[str, str]) -> list[tuple[str, str, float]]:
    """Return (tag id, category id, likeness 0–1) for each tag that means a category; the best one only.

    Args:
        tags: interest ids of tags and their words.
        categories: interest ids of categories and their names.
    """
    choices = {key: words for key, name in sorted(categories.items()) if (words := _words(name))}
    matches = []
    for tag_id, name in sorted(tags.items()):
        found = process.extractOne(_words(name), choices, scorer=fuzz.token_sort_ratio, score_cutoff=_LEAST)
        if found is not None:
            matches.append((tag_id, str(found[2]), round(found[1] / 100, 4)))
    return matches


def _words(name: str) -> str:
    """Fold case, punctuation and a plural's s, so that `Cheeses` meets `CHEESE`."""
    return " ".join(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _plain(name).split())  # noqa: PLR2004


def _plain(name: str) -> str:
    return str(utils.default_process(name))
