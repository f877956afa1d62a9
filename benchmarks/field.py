"""Ours among the peers that have finished a run, and where it stands by rank."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from qclmixnet.baselines import baseline_card, list_baselines
from qclmixnet.benchmark import BenchmarkRun
from qclmixnet.evaluation.pairwise import Comparison, compare_with
from qclmixnet.evaluation.score_frame import DECIMALS
from qclmixnet.report.scope import Scope, finished_fits, report_scope, titles_of
from qclmixnet.report.summary import compared_scores

__all__ = ["OURS", "PEERS", "Field", "Standing", "standing"]

OURS = "qclmixnet"
PEERS = list_baselines()
_TIE = 1e-9  # mean ranks that differ by rounding only


@dataclass(frozen=True)
class Field:
    """Ours and those peers that have finished all tables of the run.

    The published network is no peer here, so it has no rank and no share in Holm's
    correction.
    """

    run: BenchmarkRun
    peers: tuple[str, ...]

    @cached_property
    def scope(self) -> Scope:
        """All tables, and the methods that have every fit on them."""
        found = report_scope(self.run)
        asked = (OURS, *self.peers)
        methods = tuple(name for name in asked if name in found.methods)
        missing = tuple(name for name in asked if name not in found.methods)
        return Scope(found.tables, methods, missing)

    @cached_property
    def fits(self) -> pd.DataFrame:
        """Finished fits, tables by methods; 0 of those that have not begun."""
        fits = finished_fits(self.run).reindex(columns=[OURS, *PEERS])
        return fits.fillna(0).astype(int)

    @property
    def n_fits(self) -> int:
        """How many fits a method has of a table."""
        return self.run.description.n_folds * self.run.description.n_seeds

    def has(self, *names: str) -> bool:
        """Return whether these methods have finished all tables."""
        return all(name in self.scope.methods for name in names)

    def title(self, name: str) -> str:
        """Return the name for people, also of a method that has not begun."""
        return titles_of(self.run).get(name) or baseline_card(name).title

    def scores(self, score: str, rule: str) -> pd.DataFrame:
        """Return tables by finished methods."""
        return compared_scores(self.run, score, rule, scope=self.scope)

    def ranks(self, score: str, rule: str) -> pd.DataFrame:
        """Return each table's ranks, 1 is best, as `mean_ranks` takes them."""
        scores = self.scores(score, rule).round(DECIMALS)
        return scores.rank(axis=1, ascending=False)

    def both_ranks(self, rule: str) -> pd.DataFrame:
        """Return each table's mean of the ranks in macro-F1 and in macro recall."""
        return (self.ranks("macro_f1", rule) + self.ranks("macro_recall", rule)) / 2

    def against_peers(self, rule: str) -> tuple[Comparison, ...]:
        """Test the mean of macro-F1 and macro recall over tables."""
        total = self.scores("macro_f1", rule) + self.scores("macro_recall", rule)
        return compare_with(total / 2, OURS)


@dataclass(frozen=True)
class Standing:
    """Where ours is by mean rank, and the best of the others.

    A place is shared when another one has the same mean rank.
    """

    place: int
    shared: bool
    n_methods: int
    own: float
    rival: str
    rival_rank: float


def standing(ranks: pd.DataFrame) -> Standing:
    """Return the place of ours in a frame of ranks, tables by methods."""
    means = ranks.mean()
    others = means.drop(OURS)
    ahead = means[OURS] - others
    place, shared = 1 + int((ahead > _TIE).sum()), bool((ahead.abs() <= _TIE).any())
    rival = str(others.idxmin())
    own, first = float(means[OURS]), float(others[rival])
    return Standing(place, shared, len(means), own, rival, first)
