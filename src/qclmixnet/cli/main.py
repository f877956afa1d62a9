"""The commands and their options; the work is done by the modules beside this one.

Nothing heavy is imported before a command runs, so that ``--help`` answers at once.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from qclmixnet.cli.console import user_errors

__all__ = ["app", "run"]

app = typer.Typer(
    name="qclmixnet",
    help="Classification of imbalanced tables with QCL-MixNet.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

TableFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV, Parquet, Arrow or JSON lines.")
]
ModelFolder = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Folder that `train` wrote.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same result.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Preset = Annotated[
    Literal["default", "paper"],
    typer.Option(help="'paper' is the published network, 'default' our recipe."),
]
MaxEpochs = Annotated[
    int | None, typer.Option(min=1, help="Passes over the rows at most.")
]


def _print_version(value: bool) -> bool:  # noqa: FBT001  (Typer's callback form)
    if value:
        import qclmixnet

        print(f"qclmixnet {qclmixnet.__version__}")
        raise typer.Exit
    return value


@app.callback()
def main(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show and exit."
        ),
    ] = False,
) -> None:
    """Classification of imbalanced tables with QCL-MixNet."""


@app.command()
@user_errors
def demo(
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the model and the picture.")
    ] = Path("qclmixnet-demo"),
    dataset: Annotated[str, typer.Option(help="One of `datasets`.")] = "page_blocks",
    preset: Preset = "default",
    max_epochs: MaxEpochs = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Learn a real imbalanced table and show how well it went, class by class."""
    from qclmixnet.cli.demo import run_demo

    run_demo(
        out=out,
        dataset=dataset,
        preset=preset,
        max_epochs=max_epochs,
        seed=seed,
        as_json=as_json,
    )


@app.command()
@user_errors
def train(
    file: TableFile,
    *,
    target: Annotated[str, typer.Option(help="Column that holds the class.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    drop: Annotated[
        list[str] | None, typer.Option(help="Column to leave out; may be repeated.")
    ] = None,
    preset: Preset = "default",
    test_fraction: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=0.9,
            help="Share of each class kept aside for the scores; 0 learns from all.",
        ),
    ] = 0.2,
    max_epochs: MaxEpochs = None,
    time_limit_s: Annotated[
        float | None, typer.Option("--time-limit", help="Seconds for the fit.")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fit a classifier on a file and save it as a folder."""
    from qclmixnet.cli.train import run_train

    run_train(
        file,
        target=target,
        out=out,
        drop=drop or [],
        test_fraction=test_fraction,
        settings={
            "preset": preset,
            "max_epochs": max_epochs,
            "time_limit_s": time_limit_s,
            "device": device,
            "random_state": seed,
        },
        as_json=as_json,
    )


@app.command()
@user_errors
def predict(
    model: ModelFolder,
    file: TableFile,
    *,
    out: Annotated[
        Path, typer.Option(help="Where to: .csv, .parquet, .arrow or .jsonl.")
    ],
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Column to copy into the result; may be repeated."),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write labels and probabilities for every row of a file, in its order."""
    from qclmixnet.cli.predict import run_predict

    run_predict(model, file, out=out, keep=keep or [], device=device, as_json=as_json)


@app.command()
@user_errors
def evaluate(
    model: ModelFolder,
    file: TableFile,
    *,
    target: Annotated[
        str | None,
        typer.Option(help="Column of the class; as in training if left out."),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Score a saved classifier on a file with known classes."""
    from qclmixnet.cli.evaluate import run_evaluate

    run_evaluate(model, file, target=target, device=device, as_json=as_json)


@app.command()
@user_errors
def datasets(
    name: Annotated[
        str | None, typer.Argument(help="Show this one in full; all when left out.")
    ] = None,
    *,
    out: Annotated[
        Path | None, typer.Option(help="Also write the table to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the real tables that come with the package, or write one to a file."""
    from qclmixnet.cli.datasets import run_datasets

    run_datasets(name, out=out, as_json=as_json)


Workers = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="Fits at a time; all cores when left out."),
]
FitLimit = Annotated[
    float, typer.Option("--time-limit", min=1.0, help="Seconds for one fit.")
]
Methods = Annotated[
    list[str] | None,
    typer.Option(help="Names with commas, or repeated; see the reference."),
]


@app.command()
@user_errors
def benchmark(
    *,
    suite: Annotated[
        Literal["quick", "full"],
        typer.Option(help="'full': 18 tables, 22 methods, hours. 'quick': minutes."),
    ] = "quick",
    methods: Methods = None,
    tables: Annotated[
        list[str] | None,
        typer.Option(help="Names with commas, or repeated; see `datasets`."),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="3 when quick, 5 when full.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Repeats with other folds and other seeds.")
    ] = 1,
    time_limit_s: FitLimit = 1200.0,
    jobs: Workers = None,
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
        n_workers=jobs,
        out=out,
        resume=resume,
        retry_failed=retry_failed,
        as_json=as_json,
    )


@app.command()
@user_errors
def report(
    run_folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a benchmark run.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the page; RUN/report if left out.")
    ] = None,
    ours: Annotated[
        str | None,
        typer.Option(help="Method that the others are tested against."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn the rows of a run into tables, pictures and one page to read."""
    from qclmixnet.cli.benchmark import run_report

    run_report(run_folder, out=out, ours=ours, as_json=as_json)


@app.command()
@user_errors
def compare(
    file: TableFile,
    *,
    target: Annotated[str, typer.Option(help="Column that holds the class.")],
    methods: Methods = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="Column to leave out; may be repeated.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the table.")] = 5,
    seeds: Annotated[
        int, typer.Option(min=1, help="Repeats with other folds and other seeds.")
    ] = 1,
    time_limit_s: FitLimit = 600.0,
    max_train_rows: Annotated[
        int,
        typer.Option(min=100, help="Larger training parts are cut to this, by class."),
    ] = 10_000,
    jobs: Workers = None,
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
        n_folds=folds,
        n_seeds=seeds,
        time_limit_s=time_limit_s,
        max_train_rows=max_train_rows,
        n_workers=jobs,
        out=out,
        save_winner=save_winner,
        as_json=as_json,
    )


@app.command()
@user_errors
def tune(
    file: TableFile,
    *,
    target: Annotated[str, typer.Option(help="Column that holds the class.")],
    methods: Annotated[
        list[str] | None,
        typer.Option(help="Names with commas, or repeated; qclmixnet if left out."),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="Column to leave out; may be repeated.")
    ] = None,
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
    jobs: Workers = None,
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
        n_jobs=jobs,
        seed=seed,
        out=out,
        save=save,
        as_json=as_json,
    )


def run() -> None:
    """Run the command line (the console script's entry point)."""
    app()
