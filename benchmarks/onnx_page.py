"""Draw the tables of `docs/how-to/export.md` from the stored rows.

python benchmarks/onnx_page.py
"""

from pathlib import Path

import pandas as pd
from onnx_parity import ROWS as PARITY_ROWS
from onnx_speed import ROWS as SPEED_ROWS
from pages import replace_table

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "export.md"
NAMES = {
    "qclmixnet": "default preset",
    "qclmixnet_paper": "published network",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
}


def render_parity(rows: pd.DataFrame) -> str:
    lines = [
        "| table | rows scored | columns | classes | other labels | at most apart |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.table} | {row.n_test:,} | {row.n_columns} | {row.n_classes} | "
        f"{row.n_other_labels} | {row.largest_difference:.1e} |"
        for row in rows.itertuples()
    ]
    total = (
        f"{len(rows)} tables, {rows['n_test'].sum():,} rows: "
        f"{rows['n_other_labels'].sum()} other labels, probabilities within "
        f"{rows['largest_difference'].max():.1e}."
    )
    notes = [f"Scored with {rows['environment'][0]}."]
    cut = rows.dropna(subset="max_epochs")
    if len(cut):
        notes.append(
            f"Fits were cut to {int(cut['max_epochs'].max())} epochs for "
            f"{', '.join(cut['table'])}: other weights, the same graph."
        )
    return "\n".join([*lines, "", total, "", " ".join(notes)])


def render_speed(rows: pd.DataFrame) -> str:
    lines = [
        "| what scores | single row, p50 / p99 | the same in processor time | "
        "rows/s | rows per processor second |",
        "|---|---|---|---|---|",
    ]
    for row in rows.itertuples():
        wall = f"{row.single_p50_ms:.2f} / {row.single_p99_ms:.2f} ms"
        cpu = f"{row.single_p50_cpu_ms:.2f} / {row.single_p99_cpu_ms:.2f} ms"
        lines.append(
            f"| {NAMES[str(row.method)]} | {wall} | {cpu} | "
            f"{row.batch_rows_per_s:,.0f} | {row.batch_rows_per_cpu_s:,.0f} |"
        )
    first = rows.iloc[0]
    note = (
        f"{first['machine']}, {first['n_repeats']} repeats. The machine was busy: "
        f"{first['mean_load']} processes wanted its cores on average."
    )
    return "\n".join([*lines, "", note])


def main() -> None:
    replace_table(PAGE, render_parity(pd.read_csv(PARITY_ROWS)), name="parity")
    replace_table(PAGE, render_speed(pd.read_csv(SPEED_ROWS)), name="speed")


if __name__ == "__main__":
    main()
