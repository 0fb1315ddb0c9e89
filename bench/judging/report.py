"""How bench/quality.py shows what it measured: a table, a plot, and their place in a page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A method's figures on one kind of list; `difference`: ours minus its NDCG@10, 95 %, empty for our own."""

    list: str
    method: str
    recall: float
    gain: float
    hit: float
    coverage: int
    difference: Sequence[float]


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    head = "| list | method | Recall@10 | NDCG@10 | HR@10 | coverage | ours minus it, NDCG@10, 95 % |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *map(_line, rows)])


def _line(row):
    told = f"{row.difference[0]:+.4f} … {row.difference[1]:+.4f}" if row.difference else ""
    figures = f"{row.recall:.4f} | {row.gain:.4f} | {row.hit:.3f} | {row.coverage:,}"
    return f"| {row.list} | {row.method} | {figures} | {told} |"


def plot(rows: Sequence[Row], title: str, folder: Path) -> Path:
    """Draw NDCG@10 of every method, a panel for each kind of list."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "tastegraph"  # the same figures make the same file
    from matplotlib import pyplot as plt

    lists = list(dict.fromkeys(row.list for row in rows))
    figure, axes = plt.subplots(1, len(lists), figsize=(5 * len(lists), 3.4), squeeze=False, layout="constrained")
    for axis, name in zip(axes[0], lists, strict=True):
        some = sorted((row for row in rows if row.list == name), key=lambda row: row.gain)
        colours = ["#999999" if row.difference else "#0b6e4f" for row in some]
        bars = axis.barh(
            [row.method.replace("*", "").replace("`", "") for row in some], [r.gain for r in some], color=colours
        )
        axis.bar_label(bars, fmt="%.4f", padding=3, fontsize=8)
        axis.set(title=f"{name}, NDCG@10", xlim=(0, max(row.gain for row in some) * 1.2 or 1))
        axis.spines[["top", "right"]].set_visible(False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"quality-{re.sub('[^a-z0-9]+', '-', title.casefold()).strip('-')}.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


def filed(page: Path, title: str, rows: Sequence[Row], facts: Mapping[str, object], picture: Path) -> None:
    """Put the table and the plot into a page, in the place of those of the same title, or at its end."""
    seconds = ", ".join(f"{name} {facts[name]} s" for name in ("import", "refresh", "read", "total"))
    told = f"{facts['users']:,} users judged, {facts['with_new']:,} on something new; {seconds}."
    body = f"### {title}\n\n{told}\n\n{table(rows)}\n\n![NDCG@10 of every method: {title}](pictures/{picture.name})\n"
    begin, end = f"<!-- measured: {title} -->\n", "<!-- end -->\n"
    text = page.read_text() if page.exists() else "# Quality of recommendations\n"
    found = re.search(re.escape(begin) + ".*?" + re.escape(end), text, re.DOTALL)
    block = f"{begin}{body}{end}"
    page.write_text(text.replace(found[0], block) if found else f"{text.rstrip()}\n\n{block}")
