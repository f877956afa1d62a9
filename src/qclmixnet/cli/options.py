"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "Alert",
    "Confidence",
    "Costs",
    "DecisionName",
    "Device",
    "Drop",
    "FitDevice",
    "FitLimit",
    "Jobs",
    "Json",
    "MaxAlerts",
    "MaxEpochs",
    "Methods",
    "MinRecall",
    "ModelFolder",
    "PerRows",
    "Preset",
    "Prevalence",
    "Seed",
    "Seeds",
    "TableFile",
    "Tables",
    "TimeColumn",
    "Top",
    "TrainSource",
]

TableFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV, Parquet, Arrow or JSON lines.")
]
TrainSource = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="CSV, Parquet, Arrow or JSON lines; or Parquet files as a folder, a glob "
        "in quotes or an address such as s3://bucket/rows.",
    ),
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
TimeColumn = Annotated[
    str | None,
    typer.Option(help="Column of times: test on what came later than was learned."),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="Fits at a time; all cores when left out."),
]
FitDevice = Annotated[
    str,
    typer.Option(
        "--device",
        help="Where deep networks are fitted: cpu, cuda, mps, or auto for a GPU if "
        "there is one.",
    ),
]
FitLimit = Annotated[
    float, typer.Option("--time-limit", min=1.0, help="Processor seconds for one fit.")
]
Methods = Annotated[
    list[str] | None,
    typer.Option(help="Names with commas, or repeated; see the reference."),
]
Tables = Annotated[
    list[str] | None,
    typer.Option(help="Names with commas, or repeated; see `datasets`."),
]
Seeds = Annotated[
    int, typer.Option(min=1, help="Repeats with other folds and other seeds.")
]
Drop = Annotated[
    list[str] | None, typer.Option(help="Column to leave out; may be repeated.")
]
DecisionName = Annotated[
    Literal["argmax", "balanced", "macro_f1", "macro_recall", "g_mean", "mcc"] | None,
    typer.Option("--decision", help="What to go for; as the model does if left out."),
]
Costs = Annotated[
    Path | None,
    typer.Option(
        help="File of costs: first column the true class, then one column with costs "
        "for each predicted class."
    ),
]
MinRecall = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS=SHARE",
        help="Find this share of a class, then with the best precision.",
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option(help="How sure --min-recall shall be; as estimated if left out."),
]
MaxAlerts = Annotated[
    int | None,
    typer.Option(min=1, help="So many of --per-rows rows get the class of --alert."),
]
PerRows = Annotated[
    int | None, typer.Option(min=1, help="See --max-alerts; or the size of a batch.")
]
Top = Annotated[
    int | None,
    typer.Option(min=1, help="So many rows of a file get the class of --alert."),
]
Alert = Annotated[
    str | None, typer.Option(help="That class; of two the rarer if left out.")
]
Prevalence = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CLASS=SHARE",
        help="How common a class is where the model is used; may be repeated.",
    ),
]
