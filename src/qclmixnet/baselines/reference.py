"""The reference page of the baselines, written from their cards.

``python -m qclmixnet.baselines.reference > docs/reference/baselines.md`` renews it.
"""

import re
import sys

from qclmixnet.baselines.peer import BaselineCard
from qclmixnet.baselines.registry import baseline_card, list_baselines

__all__ = ["render_reference"]

_INTRODUCTION = """\
# Baselines

The peers that QCL-MixNet is compared with, behind `qclmixnet.baselines.make_baseline`
and the option `--methods` of the command line. Each is a library's own model with its
own defaults, except for what the column of settings says;
[the protocol](../explanation/protocol.md) says why. Everything is fitted on the
training part alone. The extra `baselines` installs every library.

Beside them, `qclmixnet` is our preset `default` and `qclmixnet_paper` the published
network; see [presets](../explanation/presets.md).
"""

_HEAD = ("name", "title", "family", "class and settings", "libraries")

_CALL = re.compile(r"\b\w+\((?:[^()]|\([^()]*\))*\)")


def render_reference() -> str:
    """Write the page in Markdown, a row for each baseline.

    >>> render_reference().splitlines()[0]
    '# Baselines'
    """
    cards = [baseline_card(name) for name in list_baselines()]
    lines = [list(_HEAD), ["---"] * len(_HEAD), *map(_row, cards)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{_INTRODUCTION}\n{table}"


def _row(card: BaselineCard) -> list[str]:
    return [
        f"`{card.name}`",
        card.title,
        card.family,
        _CALL.sub(lambda call: f"`{call[0]}`", card.description),
        ", ".join(library.distribution for library in card.needs),
    ]


if __name__ == "__main__":
    sys.stdout.write(render_reference())
