"""Why an item is offered, in words made from its strongest path."""

from __future__ import annotations

from shared.knowledge.insight import Bought, Path, Via
from shared.knowledge.names import tidy

SEVERAL = 3  # people who must stand behind a path before a reason speaks of them
_DAY = 86_400_000
# Of one or two people, of several; each without and with the name of what it starts from.
_WORDS = {
    Via.BOUGHT_WITH: (
        ("Goes with things that you buy", "Goes with {source}, which you buy"),
        (
            "Often bought together with things that you buy",
            "Because you buy {source}, and people who do often pick this too",
        ),
    ),
    Via.SIMILAR_USER: (
        ("Close to what you usually buy",) * 2,
        ("People whose baskets look like yours buy it",) * 2,
    ),
    Via.POPULAR: (("From what the shop offers",) * 2, ("Popular in the shop right now",) * 2),
}
_NUMBERS = ("", "once", "twice", "three times", "four times", "five times", "six times", "seven times", "eight times")


def buy_again(bought: Bought, at: int) -> str:
    """Return why to buy it again: how often, and how long ago."""
    times = [time for time in bought.times if time <= at]
    ago = _ago(at - times[-1]) if times else "a while ago"
    if len(times) <= 1:
        return f"You bought it {ago}"
    return f"You bought it {_often(len(times))}, last {ago}"


def discover(path: Path) -> str:
    """Return why to try it: where the strongest path comes from.

    Others are spoken of only where there are several of them: what one or two people did is nobody's business.
    """
    source = tidy(path.source_name) if path.source_name else ""
    if path.via is Via.INTEREST and source:
        return f"Because you are interested in {source.lower() if source.isascii() else source}"
    words = _WORDS.get(path.via, _WORDS[Via.POPULAR])
    return words[path.support >= SEVERAL][bool(source)].format(source=source)


def by_shop(reason: str, action: str) -> str:
    """Return a reason that also says that a rule of the shop lifted it: by a boost or a pin."""
    said = "picked by the shop" if action == "pin" else "featured by the shop"
    return f"{reason} ({said})" if reason else said.capitalize()


def _often(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count} times"


def _ago(ms: int) -> str:
    days = max(0, ms // _DAY)
    for limit, words in (
        (1, "today"),
        (2, "yesterday"),
        (7, "a few days ago"),
        (11, "about a week ago"),
        (18, "about two weeks ago"),
        (25, "about three weeks ago"),
        (46, "about a month ago"),
    ):
        if days < limit:
            return words
    return f"about {round(days / 30.4)} months ago" if days < 700 else f"about {round(days / 365)} years ago"  # noqa: PLR2004
