"""The commands that use a saved model: predict, decide, export."""

from pathlib import Path
from typing import Annotated

import typer

from qclmixnet.cli.console import user_errors
from qclmixnet.cli.options import (
    Alert,
    Confidence,
    Costs,
    DecisionName,
    Device,
    Json,
    MaxAlerts,
    MinRecall,
    ModelFolder,
    PerRows,
    Prevalence,
    TableFile,
    Top,
)
from qclmixnet.cli.ray_option import Ray, cluster_of

__all__ = ["decide", "export", "predict"]


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
    decision: DecisionName = None,
    costs: Costs = None,
    min_recall: MinRecall = None,
    confidence: Confidence = None,
    max_alerts: MaxAlerts = None,
    per_rows: PerRows = None,
    top: Top = None,
    alert: Alert = None,
    prevalence: Prevalence = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            help="Also write the classes that cannot be ruled out: of each class this "
            "share of the rows has its own among them."
        ),
    ] = None,
    explain: Annotated[
        int,
        typer.Option(min=0, help="Also write so many reasons for each row."),
    ] = 0,
    device: Device = "auto",
    ray: Ray = None,
    as_json: Json = False,
) -> None:
    """Write labels and probabilities for every row of a file, in its order."""
    from qclmixnet.cli.decisions import Wish
    from qclmixnet.cli.predict import run_predict
    from qclmixnet.cli.predicted_columns import Extras

    run_predict(
        model,
        file,
        out=out,
        keep=keep or [],
        wish=Wish(
            decision=decision,
            costs=costs,
            min_recall=min_recall,
            confidence=confidence,
            max_alerts=max_alerts,
            per_rows=per_rows,
            top=top,
            alert=alert,
            prevalence=prevalence or (),
        ),
        extras=Extras(coverage=coverage, n_reasons=explain),
        device=device,
        cluster=cluster_of(ray),
        as_json=as_json,
    )


@user_errors
def decide(
    model: ModelFolder,
    *,
    decision: DecisionName = None,
    costs: Costs = None,
    min_recall: MinRecall = None,
    confidence: Confidence = None,
    max_alerts: MaxAlerts = None,
    per_rows: PerRows = None,
    top: Top = None,
    alert: Alert = None,
    prevalence: Prevalence = None,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the rule in the model's folder.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a model is expected to do when it goes for this or that."""
    from qclmixnet.cli.decide import run_decide
    from qclmixnet.cli.decisions import Wish

    run_decide(
        model,
        wish=Wish(
            decision=decision,
            costs=costs,
            min_recall=min_recall,
            confidence=confidence,
            max_alerts=max_alerts,
            per_rows=per_rows,
            top=top,
            alert=alert,
            prevalence=prevalence or (),
        ),
        save=save,
        as_json=as_json,
    )


@user_errors
def export(
    model: ModelFolder,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="An .onnx file.")],
    *,
    check: Annotated[
        Path | None,
        typer.Option(help="Also score the rows of this file both ways and compare."),
    ] = None,
    distil: Annotated[
        Path | None,
        typer.Option(
            help="Put one small network that learns from the rows of this file what "
            "the classifier says in place of networks and trees, for speed."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a saved classifier as one ONNX file that takes raw columns."""
    from qclmixnet.cli.export import run_export

    run_export(model, out, check=check, distil_from=distil, as_json=as_json)
