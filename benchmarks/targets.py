"""What the default preset was to reach and what it reached, line by line.

    python benchmarks/targets.py [RUN]

RUN is `benchmarks/results/full` when left out. Nothing is run: figures are of its rows
and of what `benchmarks/frontier.py` and `benchmarks/side_by_side.py` left in
`benchmarks/results`. The text between the
markers of `docs/explanation/targets.md` is replaced. The run may be unfinished; a line
whose peer has not finished says so.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import frontier
import pandas as pd
from field import OURS, PEERS, Field, Standing, standing
from pages import interval, replace_table

from qclmixnet.benchmark import BenchmarkRun, load_run
from qclmixnet.evaluation.pairwise import compare_with
from qclmixnet.report.scope import counted_rows, finished_rows
from qclmixnet.report.words import LABELS, listed

HERE = Path(__file__).parent
RESULTS = HERE / "results"
RUN = RESULTS / "full"
PAGE = HERE.parent / "docs" / "explanation" / "targets.md"

BETTER_THAN = 15
MORE_POINTS = {"macro_f1": 1.5, "rare_recall": 5.0}
FIT_LIMITS = {"8a": ("catboost", 1.0), "8b": ("realmlp", 0.2), "8c": ("tabm", 0.1)}
ONE_ROW_MS = 2.0
TIMES_NAME = "side_by_side.csv"

NOT_YET = "not yet"


def word(*, hit: bool | None, whole: bool = True) -> str:
    """Return the verdict; it is open until all that it is about has finished."""
    if hit is None:
        return NOT_YET
    verdict = "reached" if hit else "missed"
    return verdict if whole else f"{NOT_YET} (so far: {verdict})"


@dataclass(frozen=True)
class Line:
    """A row of the page's table, at first without a figure."""

    number: str
    what: str
    target: str
    reached: str = "-"
    verdict: str = NOT_YET

    def decided(self, reached: str, hit: bool | None, *, whole: bool = True) -> "Line":  # noqa: FBT001
        """Return the line with its figure and the word that follows it."""
        return replace(self, reached=reached, verdict=word(hit=hit, whole=whole))


def in_words(found: Standing, field: Field) -> str:
    """Return place and mean rank, with the next one's or the first one's."""
    which = "next" if found.place == 1 else "1st"
    place = ("shared " if found.shared else "") + ordinal(found.place)
    return (
        f"{place} of {found.n_methods}: {found.own:.2f}; {which} is "
        f"{field.title(found.rival)}, {found.rival_rank:.2f}"
    )


def ordinal(number: int) -> str:
    """Return a place as a word, up to that of the last of 21 methods."""
    return {1: "1st", 2: "2nd", 3: "3rd", 21: "21st"}.get(number, f"{number}th")


def first_rank(field: Field) -> tuple[str, bool]:
    """Line 1."""
    found = standing(field.ranks("macro_f1", "as_is"))
    return in_words(found, field), found.place == 1


def second_rank(field: Field) -> tuple[str, bool]:
    """Line 2: a leader that the corrected test does not call better is no miss."""
    found = standing(field.ranks("macro_recall", "as_is"))
    if found.place == 1:
        return in_words(found, field), True
    pairs = compare_with(field.scores("macro_recall", "as_is"), OURS)
    (leader,) = [pair for pair in pairs if pair.peer == found.rival]
    words = "" if leader.verdict == "not distinguishable" else "ours is "
    text = f"{words}{leader.verdict} (Holm p = {leader.p_holm:.3f})"
    return f"{in_words(found, field)}; {text}", leader.verdict != "worse"


def both_ranks(field: Field) -> tuple[str, bool]:
    """Line 3a."""
    ranks = field.both_ranks("as_is")
    found = standing(ranks)
    ahead = (ranks[found.rival] - ranks[OURS]).to_numpy()
    low, high = interval(ahead)
    text = f"distance {ahead.mean():+.2f} ({low:+.2f} to {high:+.2f})"
    return f"{in_words(found, field)}; {text}", found.place == 1 and low > 0


def tests(field: Field) -> tuple[str, bool | None]:
    """Line 3b; open as long as the missing peers can make up the number."""
    pairs = field.against_peers("as_is")
    better = sum(pair.verdict == "better" for pair in pairs)
    parts = [f"better than {better} of {len(pairs)}"]
    for verdict, than in (("not distinguishable", "from"), ("worse", "than")):
        names = [field.title(pair.peer) for pair in pairs if pair.verdict == verdict]
        parts += [f"{verdict} {than} {listed(names)}"] if names else []
    n_missing = len(field.peers) - len(pairs)
    is_open = n_missing and better < BETTER_THAN <= better + n_missing
    return "; ".join(parts), None if is_open else better >= BETTER_THAN


def tuned_ranks(field: Field) -> tuple[str, bool | None]:
    """Line 4."""
    if not field.run.description.tuned:
        return "the run has no tuned rule", None
    found = {score: standing(field.ranks(score, "tuned")) for score in LABELS}
    parts = [f"{LABELS[score]} {in_words(at, field)}" for score, at in found.items()]
    averaged = standing(field.both_ranks("tuned"))
    pairs = field.against_peers("tuned")
    better = sum(pair.verdict == "better" for pair in pairs)
    parts.append(f"the two averaged {in_words(averaged, field)}")
    parts.append(f"better than {better} of {len(pairs)} (Wilcoxon, Holm)")
    return "; ".join(parts), all(at.place == 1 for at in found.values())


def rank_lines(field: Field) -> Iterator[Line]:
    """Yield the lines about ranks among ours and the peers."""
    margin = (
        "1st by a clear margin: the interval of the distance to the next one is above 0"
    )
    most = (
        f"better than at least {BETTER_THAN} of the {len(field.peers)} peers "
        "(Wilcoxon, Holm)"
    )
    second = "1st, or not distinguishable from the 1st"
    mean = "mean of macro-F1 and macro recall, as is"
    tuned = "the same with the rule tuned alike for all"
    found: dict[Line, Callable[[Field], tuple[str, bool | None]]] = {
        Line("1", "mean rank in macro-F1, as is", "1st"): first_rank,
        Line("2", "mean rank in macro recall, as is", second): second_rank,
        Line("3a", "the two ranks averaged, as is", margin): both_ranks,
        Line("3b", mean, most): tests,
        Line("4", tuned, "1st in both mean ranks"): tuned_ranks,
    }
    whole = field.has(OURS, *field.peers)
    can_rank = field.has(OURS) and len(field.scope.methods) > 1
    for line, compute in found.items():
        yield line.decided(*compute(field), whole=whole) if can_rank else line


def catboost_lines(field: Field) -> Iterator[Line]:
    """Yield the lines about means over tables, as is, against CatBoost."""
    names = {
        "macro_f1": ("5", "mean macro-F1, as is"),
        "rare_recall": ("6", "mean recall of the smallest class, as is"),
        "log_loss": ("7a", "mean log-loss"),
        "ece": ("7b", "mean calibration error (ECE)"),
    }
    peer = field.title("catboost")
    for score, head in names.items():
        least = MORE_POINTS.get(score)
        target = f"no more than {peer}'s"
        if least is not None:
            target = f"{least:g} points or more above {peer}'s"
        line = Line(*head, target)
        if field.has(OURS, "catboost"):
            line = line.decided(*difference(field, score, least))
        yield line


def difference(field: Field, score: str, least: float | None) -> tuple[str, bool]:
    """Return ours less CatBoost's with its interval, and whether it is enough."""
    # Without a finished fit a table has no log-loss and no calibration error.
    scores = field.scores(score, "as_is")[[OURS, "catboost"]].dropna()
    (pair,) = compare_with(scores, OURS)
    scale, digits = (1, 3) if least is None else (100, 2)
    ends = (pair.mean_difference, pair.low, pair.high)
    # Rounded, so that a difference of just the target is not lost in the last bit.
    mean, low, high = (round(scale * value, 9) for value in ends)
    own, theirs = (f"{scale * v:.{3 if least is None else 1}f}" for v in scores.mean())
    text = f"{mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"
    return (
        f"{own} against {theirs}: {text}",
        mean <= 0 if least is None else mean >= least,
    )


def cost_ratios(field: Field, column: str, peer: str) -> "pd.Series[float]":
    """Return ours over the peer's, each the median over the fits of a table.

    Only tables that both have finished are there, whatever the peer lacks elsewhere,
    and only fits on the same machine are compared: on another one, the same fit may
    take half as much memory again.
    """
    rows, pair = finished_rows(field.run), [OURS, peer]
    wide = rows.pivot_table(column, ["table", "machine"], "method", aggfunc="median")
    wide = wide.reindex(columns=pair).dropna()
    ratios = (wide[OURS] / wide[peer]).groupby("table").median()
    done = (field.fits[pair] >= field.n_fits).all(axis=1)
    return ratios.reindex(field.fits.index[done]).dropna()


def side_ratios(times: pd.DataFrame, column: str, peer: str) -> "pd.Series[float]":
    """Return ours over the peer's on each table, the median over the rounds.

    A ratio is of one round, in which both were timed.
    """
    wide = times.pivot_table(column, ["table", "began"], "method")
    if peer not in wide:
        return pd.Series(dtype=float)
    return (wide[OURS] / wide[peer]).dropna().groupby("table").median()


def cost_line(
    field: Field, line: Line, ratios: "pd.Series[float]", peer: str, limit: float
) -> Line:
    """Return the line about one ratio by table; it is whole with all tables."""
    name = field.title(peer)
    line = replace(line, target=f"at most {limit:g} x {name}'s")
    if not len(ratios):
        return line
    middle, n_tables = float(ratios.median()), len(field.fits)
    reached = f"{middle:.{2 if middle >= 1 else 3}f} x {name}'s"
    if len(ratios) < n_tables:
        reached += f", on {len(ratios)} of {n_tables} tables"
    return line.decided(reached, middle <= limit, whole=len(ratios) == n_tables)


def cost_lines(
    field: Field, one_row: pd.DataFrame | None, times: pd.DataFrame | None
) -> Iterator[Line]:
    """Yield the lines about time and memory; times are those of one hour if there are.

    The run's own times stand in while nothing was timed side by side.
    """
    columns = {"fit_cpu_s": "fit_cpu_s", "predict_s_per_1k": "predict_ms_per_1k"}
    limits = [
        *((n, "fit_cpu_s", *limit) for n, limit in FIT_LIMITS.items()),
        ("9a", "predict_s_per_1k", "lightgbm", 2.0),
    ]
    for number, column, peer, limit in limits:
        what = "prediction time per 1,000 rows"
        what = "fit time, processor" if column == "fit_cpu_s" else what
        if times is None:
            ratios = cost_ratios(field, column, peer)
        else:
            ratios = side_ratios(times, columns[column], peer)
        yield cost_line(field, Line(number, what, ""), ratios, peer, limit)
    yield one_row_line(field, one_row)
    ratios = cost_ratios(field, "peak_mb", "realmlp")
    yield cost_line(field, Line("10", "peak memory", ""), ratios, "realmlp", 2.0)


def one_row_line(field: Field, one_row: pd.DataFrame | None) -> Line:
    """Return the line about the prediction of a single row."""
    line = Line("9b", "prediction time for one row", f"under {ONE_ROW_MS:g} ms")
    if one_row is None:
        return line
    times = one_row.set_index("method")["median_ms"]
    own, others = float(times[OURS]), times.drop(OURS)
    beside = listed([f"{field.title(str(k))} {ms:.2f} ms" for k, ms in others.items()])
    table = one_row["table"].iloc[0]
    reached = f"{own:.2f} ms on `{table}` ({beside} in the same loop)"
    return line.decided(reached, own < ONE_ROW_MS)


def peer_means(field: Field) -> pd.DataFrame:
    """Return both mean scores, as is, of the finished peers."""
    scores = {score: field.scores(score, "as_is").mean() for score in frontier.SCORES}
    return pd.DataFrame(scores).drop(index=OURS, errors="ignore")


def frontier_line(field: Field, rows: pd.DataFrame | None) -> Line:
    """Return the line about other rules; only rows of all folds may speak."""
    what = "mean macro-F1 and mean macro recall at once, by one of our rules"
    line = Line("11", what, "a rule above each peer, as is")
    if rows is None or not len(peer_means(field)):
        return line
    rules = frontier.first_rules(frontier.rule_means(rows), peer_means(field))
    none = [field.title(peer) for peer, rule in rules.items() if rule is None]
    by_default = sum(rule == frontier.DEFAULT_RULE for rule in rules.values())
    reached = (
        f"a rule for {len(rules) - len(none)} of {len(rules)} peers, for {by_default} "
        "the default rule"
    )
    if none:
        reached += f"; none for {listed(none)}"
    return line.decided(reached, not none, whole=field.has(*field.peers))


def frontier_tables(field: Field, rows: pd.DataFrame) -> list[str]:
    """Return our rules with their means, and the rule for each peer."""
    of_run = counted_rows(field.run)
    of_run = of_run[(of_run["method"] == OURS) & (of_run["rule"] == "as_is")]
    same, compared = frontier.n_repeated(rows, of_run)
    text = (
        "The fits behind line 11 are made anew; by the default rule they have the "
        f"run's scores on {same} of {compared} folds."
    )
    means, peers = frontier.rule_means(rows), peer_means(field)
    lines = ["| our rule | mean macro-F1 | mean macro recall |", "|---|---|---|"]
    for rule, f1, recall in (100 * means).itertuples():
        name = f"{rule} (the default)" if rule == frontier.DEFAULT_RULE else rule
        lines.append(f"| {name} | {f1:.2f} | {recall:.2f} |")
    lines += [
        "",
        "| peer, as is | mean macro-F1 | mean macro recall | rule of ours above both |",
        "|---|---|---|---|",
    ]
    rules = frontier.first_rules(means, peers)
    for peer, f1, recall in (100 * peers).itertuples():
        above = rules[peer] or "none"
        lines.append(f"| {field.title(peer)} | {f1:.2f} | {recall:.2f} | {above} |")
    return [text, "\n".join(lines)]


def compared_in_words(field: Field) -> str:
    """Name the methods that are compared and those that are missing."""
    n_tables = len(field.fits)
    done = [name for name in field.scope.methods if name != OURS]
    text = (
        f"{len(done)} of {len(field.peers)} peers have finished all {n_tables} tables."
    )
    if not field.has(OURS):
        text += f" {field.title(OURS)} itself has not."
    if not field.scope.incomplete:
        return text
    fits = field.fits.clip(upper=field.n_fits).sum()
    missing = [
        f"{field.title(name)} "
        + (
            f"({fits[name]} of {n_tables * field.n_fits} fits)"
            if fits[name]
            else "(not begun)"
        )
        for name in field.scope.incomplete
    ]
    return f"**The run is unfinished.** {text} Missing: {listed(missing)}."


def verdicts_in_words(lines: Sequence[Line]) -> str:
    """Say which lines are reached, missed and open."""
    kinds = {
        "Reached": word(hit=True),
        "Missed": word(hit=False),
        "Not yet decided, so far reached": word(hit=True, whole=False),
        "Not yet decided, so far missed": word(hit=False, whole=False),
        "Open": NOT_YET,
    }
    parts = []
    for kind, verdict in kinds.items():
        numbers = [line.number for line in lines if line.verdict == verdict]
        parts.append(f"{kind}: {listed(numbers) or 'none'}.")
    return " ".join(parts)


def render(
    run: BenchmarkRun,
    rule_rows: pd.DataFrame | None,
    one_row: pd.DataFrame | None,
    times: pd.DataFrame | None = None,
    *,
    peers: tuple[str, ...] = PEERS,
) -> str:
    """Return the text between the markers.

    Args:
        run: the run, finished or not.
        rule_rows: what `frontier.py` scored; None while there is nothing.
        one_row: what it timed; None while there is nothing.
        times: what `side_by_side.py` timed; None while there is nothing.
        peers: the methods to compare with.

    Returns:
        Markdown: who is compared, the lines, and the rules once all folds have them.
    """
    field, asked = Field(run, peers), run.description
    if rule_rows is not None:
        whole = frontier.is_whole(rule_rows, asked.tables, asked.n_folds)
        rule_rows = rule_rows if whole else None
    lines = [
        *rank_lines(field),
        *catboost_lines(field),
        *cost_lines(field, one_row, times),
        frontier_line(field, rule_rows),
        Line(
            "12",
            "the same order on held-out tables that this project never used",
            "the same order",
            "not checked here; it needs tables chosen by somebody else",
        ),
    ]
    table = ["| line | what | target | reached | verdict |", "|---|---|---|---|---|"]
    for line in lines:
        cells = (line.number, line.what, line.target, line.reached, line.verdict)
        table.append(f"| {' | '.join(cells)} |")
    parts = [compared_in_words(field), verdicts_in_words(lines), "\n".join(table)]
    if rule_rows is not None:
        parts += frontier_tables(field, rule_rows)
    return "\n\n".join(parts)


def draw(folder: Path) -> str:
    """Return the text for a run's folder and the rows beside it."""
    names = (frontier.ROWS_NAME, frontier.ONE_ROW_NAME, TIMES_NAME)
    files = (RESULTS / name for name in names)
    found = [pd.read_csv(file) if file.exists() else None for file in files]
    return render(load_run(folder), *found)


def main() -> None:
    """Read the rows and draw the page."""
    replace_table(PAGE, draw(Path(sys.argv[1]) if len(sys.argv) > 1 else RUN))


if __name__ == "__main__":
    main()
