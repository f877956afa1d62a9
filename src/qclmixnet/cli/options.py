"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "Device",
    "Drop",
    "FitLimit",
    "Json",
    "MaxEpochs",
    "Methods",
    "ModelFolder",
    "Preset",
    "Seed",
    "Seeds",
    "TableFile",
    "Tables",
    "TimeColumn",
    "Workers",
]

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
TimeColumn = Annotated[
    str | None,
    typer.Option(help="Column of times: test on what came later than was learned."),
]
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
