"""The commands that fit many models: to compare, to take apart, to stress, to tune."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from qclmixnet.cli.console import user_errors
from qclmixnet.cli.options import (
    Drop,
    FitDevice,
    FitLimit,
    Jobs,
    Json,
    Methods,
    Seed,
    Seeds,
    TableFile,
    Tables,
    TimeColumn,
)
from qclmixnet.cli.ray_option import Ray, workers_of

__all__ = ["ablate", "benchmark", "compare", "report", "stress", "tune"]


@user_errors
def benchmark(
    *,
    suite: Annotated[
        Literal["quick", "full"],
        typer.Option(help="'full': 18 tables, 22 methods, hours. 'quick': minutes."),
    ] = "quick",
    methods: Methods = None,
    tables: Tables = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="3 when quick, 5 when full.")
    ] = None,
    seeds: Seeds = 1,
    time_limit_s: FitLimit = 1200.0,
    jobs: Jobs = None,
    device: FitDevice = "cpu",
    ray: Ray = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; named after the suite.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(help="Go on with the run in the folder, or insist on a new one."),
    ] = True,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run failures and time-outs again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare QCL-MixNet with its peers on real tables; stop and go on at will."""
    from qclmixnet.cli.benchmark import run_benchmark_command

    run_benchmark_command(
        suite=suite,
        methods=methods or [],
        tables=tables or [],
        n_folds=folds,
        n_seeds=seeds,
        time_limit_s=time_limit_s,
        workers=workers_of(jobs, ray),
        device=device,
        out=out,
        resume=resume,
        retry_failed=retry_failed,
        as_json=as_json,
    )


@user_errors
def stress(
    *,
    suite: Annotated[
        Literal["quick", "full", "large"],
        typer.Option(help="'quick': minutes. 'full': an hour. 'large': 100,000 rows."),
    ] = "quick",
    kinds: Annotated[
        list[str] | None,
        typer.Option(help="Kinds of stress, with commas, or repeated."),
    ] = None,
    tables: Tables = None,
    methods: Methods = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of each table.")] = 2,
    seeds: Annotated[
        int, typer.Option(min=1, help="Repeats with other folds and other draws.")
    ] = 1,
    time_limit_s: FitLimit = 1200.0,
    max_train_rows: Annotated[
        int | None,
        typer.Option(min=100, help="Larger training parts are cut to this, by class."),
    ] = None,
    jobs: Jobs = None,
    ray: Ray = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; named after the suite.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make real tables harder step by step and see where methods stop working."""
    from qclmixnet.cli.stress import run_stress_command

    run_stress_command(
        suite=suite,
        kinds=kinds or [],
        tables=tables or [],
        methods=methods or [],
        n_folds=folds,
        n_seeds=seeds,
        time_limit_s=time_limit_s,
        max_train_rows=max_train_rows,
        workers=workers_of(jobs, ray),
        out=out,
        as_json=as_json,
    )


@user_errors
def report(
    folder: Annotated[
        Path, typer.Argument(metavar="MODEL|RUN", help="Folder of a model or of a run.")
    ],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="For a model: rows to look at."),
    ] = None,
    *,
    target: Annotated[
        str | None,
        typer.Option(help="For a model: column of the class; as in training."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The page of a model, MODEL-report.html; RUN/report."),
    ] = None,
    ours: Annotated[
        str | None,
        typer.Option(help="For a run: method that the others are tested against."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one page to read: on a model and a table, or on a benchmark run."""
    from qclmixnet.cli.model_report import run_any_report

    run_any_report(folder, file, target=target, out=out, ours=ours, as_json=as_json)


@user_errors
def compare(
    file: TableFile,
    *,
    target: Annotated[str, typer.Option(help="Column that holds the class.")],
    methods: Methods = None,
    drop: Drop = None,
    time_column: TimeColumn = None,
    gap: Annotated[
        str,
        typer.Option(
            help="Time before a test part that is not learned from, such as '7 days'; "
            "a number where times are numbers."
        ),
    ] = "",
    group_column: Annotated[
        str | None,
        typer.Option(help="Column of owners: test on others than were learned."),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the table.")] = 5,
    seeds: Seeds = 1,
    time_limit_s: FitLimit = 600.0,
    max_train_rows: Annotated[
        int,
        typer.Option(min=100, help="Larger training parts are cut to this, by class."),
    ] = 10_000,
    jobs: Jobs = None,
    device: FitDevice = "cpu",
    ray: Ray = None,
    out: Annotated[Path, typer.Option(help="Folder for rows and report.")] = Path(
        "qclmixnet-compare"
    ),
    save_winner: Annotated[
        Path | None,
        typer.Option(help="Fit the winner on the whole file and save it here."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Cross-validate QCL-MixNet and its peers on your own table and say who wins."""
    from qclmixnet.cli.compare import run_compare

    run_compare(
        file,
        target=target,
        methods=methods or [],
        drop=drop or [],
        time_column=time_column,
        gap=gap,
        group_column=group_column,
        n_folds=folds,
        n_seeds=seeds,
        time_limit_s=time_limit_s,
        max_train_rows=max_train_rows,
        workers=workers_of(jobs, ray),
        device=device,
        out=out,
        save_winner=save_winner,
        as_json=as_json,
    )


@user_errors
def ablate(
    *,
    subject: Annotated[
        Literal["paper", "default"],
        typer.Option("--preset", help="What is taken apart."),
    ] = "paper",
    suite: Annotated[
        Literal["quick", "full"],
        typer.Option(help="'quick': 3 small tables. 'full': 8 tables, an hour."),
    ] = "quick",
    variants: Annotated[
        list[str] | None,
        typer.Option(help="Names with commas, or repeated; all when left out."),
    ] = None,
    tables: Tables = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Parts of each table; 2 if 'quick', 3 if 'full'."),
    ] = None,
    seeds: Seeds = 1,
    time_limit_s: FitLimit = 1200.0,
    jobs: Jobs = None,
    ray: Ray = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; named after the preset.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what each part of QCL-MixNet brings: take it away and fit again."""
    from qclmixnet.cli.ablate import run_ablate

    run_ablate(
        subject=subject,
        suite=suite,
        variants=variants or [],
        tables=tables or [],
        n_folds=folds,
        n_seeds=seeds,
        time_limit_s=time_limit_s,
        workers=workers_of(jobs, ray),
        out=out,
        as_json=as_json,
    )


@user_errors
def tune(
    file: TableFile,
    *,
    target: Annotated[str, typer.Option(help="Column that holds the class.")],
    methods: Annotated[
        list[str] | None,
        typer.Option(help="Names with commas, or repeated; qclmixnet if left out."),
    ] = None,
    drop: Drop = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Trials of a search, the default among them.")
    ] = 6,
    time_limit_s: Annotated[
        float | None,
        typer.Option("--time-limit", min=1.0, help="Seconds for one search."),
    ] = None,
    folds: Annotated[
        int, typer.Option(min=2, help="Parts of the table that score the searches.")
    ] = 3,
    inner_folds: Annotated[
        int, typer.Option(min=2, help="Parts of the training rows that a search uses.")
    ] = 2,
    scoring: Annotated[
        Literal["balanced", "macro_f1", "macro_recall"],
        typer.Option(help="What to go for; 'balanced' is the mean of the others."),
    ] = "balanced",
    min_gain: Annotated[
        float,
        typer.Option(
            min=0.0, help="Keep the default unless a search sees so much more, as 0.02."
        ),
    ] = 0.0,
    jobs: Jobs = None,
    ray: Ray = None,
    seed: Seed = 0,
    out: Annotated[
        Path, typer.Option(help="Folder for trials, rows and report.")
    ] = Path("qclmixnet-tune"),
    save: Annotated[
        Path | None,
        typer.Option(help="Fit the best tuned method on the whole file, save it here."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Search hyper-parameters, and say honestly whether that beats the default."""
    from qclmixnet.cli.tune import run_tune

    run_tune(
        file,
        target=target,
        methods=methods or [],
        drop=drop or [],
        n_trials=trials,
        time_limit_s=time_limit_s,
        n_folds=folds,
        n_inner_folds=inner_folds,
        scoring=scoring,
        min_gain=min_gain,
        workers=workers_of(jobs, ray),
        seed=seed,
        out=out,
        save=save,
        as_json=as_json,
    )
