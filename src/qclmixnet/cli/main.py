"""The commands and their options; the work is done by the modules beside this one.

Nothing heavy is imported before a command runs, so that ``--help`` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from qclmixnet.cli.console import user_errors
from qclmixnet.cli.deciding import decide, export, predict
from qclmixnet.cli.options import (
    Device,
    Drop,
    Json,
    MaxEpochs,
    ModelFolder,
    Preset,
    Seed,
    TableFile,
    TimeColumn,
    TrainSource,
)
from qclmixnet.cli.ray_option import CommandWithRay, Ray, team_of
from qclmixnet.cli.studies import ablate, benchmark, compare, stress, tune
from qclmixnet.cli.studies import report as report_command

__all__ = ["app", "run"]

app = typer.Typer(
    name="qclmixnet",
    help="Classification of imbalanced tables with QCL-MixNet.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


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


@app.command(cls=CommandWithRay)
@user_errors
def train(
    file: TrainSource,
    *,
    target: Annotated[str, typer.Option(help="Column that holds the class.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    drop: Drop = None,
    time_column: TimeColumn = None,
    preset: Preset = "default",
    test_fraction: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=0.9,
            help="Share kept aside for the scores, of each class or of the last rows "
            "in time; 0 learns from all.",
        ),
    ] = 0.2,
    max_epochs: MaxEpochs = None,
    time_limit_s: Annotated[
        float | None, typer.Option("--time-limit", help="Seconds for the fit.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Also write the page on the rows kept aside, an .html."),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Read a Parquet file in parts; folders, globs and addresses always "
            "are.",
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Folder where the fit is written down, and taken up when stopped."
        ),
    ] = None,
    ray: Ray = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="With --ray: how many train together; 2 if left out."),
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fit a classifier on a file or on Parquet shards, and save it as a folder."""
    from qclmixnet.cli import train as work

    wanted = work.Wanted(
        target=target,
        out=out,
        drop=drop or [],
        time_column=time_column,
        test_fraction=test_fraction,
        report=report,
        checkpoint=checkpoint,
        workers=team_of(workers, ray),
        settings={
            "preset": preset,
            "max_epochs": max_epochs,
            "time_limit_s": time_limit_s,
            "device": device,
            "random_state": seed,
        },
        as_json=as_json,
    )
    if stream or ray is not None or work.is_streamed(file):
        work.run_train_streamed(file, wanted)
    else:
        work.run_train(Path(file), wanted)


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


for _command in (predict, decide, export, benchmark, stress, compare, ablate, tune):
    app.command(cls=CommandWithRay)(_command)
app.command()(report_command)


def run() -> None:
    """Run the command line (the console script's entry point)."""
    app()
