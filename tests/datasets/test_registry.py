"""The registry's numbers, retyped by hand, against the tables as loaded."""

from dataclasses import astuple
from typing import Any

import pandas as pd
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.datasets import list_datasets, load_dataset
from qclmixnet.datasets.integrity import measure_table, table_checksum
from qclmixnet.datasets.registry import CARDS, find_card
from qclmixnet.datasets.sources import READERS

# name, group, target, rows, numeric, categorical, date, classes, imbalance, smallest,
# missing cells, repeated rows
NUMBERS = [
    ("german", "suite", "credit_risk", 1000, 7, 13, 0, 2, 2.3, 300, 0, 0),
    ("spectf", "suite", "diagnosis", 267, 44, 0, 0, 2, 3.9, 55, 0, 0),
    ("hmda", "suite", "deny", 2380, 6, 7, 0, 2, 7.4, 285, 0, 3),
    ("us_crime", "suite", "violent_crime", 1994, 122, 0, 0, 2, 12.3, 150, 36851, 0),
    ("sylva", "suite", "cover", 13086, 216, 0, 0, 2, 15.3, 805, 0, 0),
    ("caravan", "suite", "Purchase", 5822, 85, 0, 0, 2, 15.7, 348, 0, 602),
    ("hypothyroid", "suite", "diagnosis", 3163, 7, 18, 0, 2, 19.9, 151, 5329, 77),
    ("nass_cds", "suite", "dead", 26217, 3, 7, 0, 2, 21.2, 1180, 1, 1882),
    ("abalone19", "suite", "class", 4174, 7, 1, 0, 2, 129.4, 32, 0, 0),
    ("satimage", "suite", "soil", 6435, 36, 0, 0, 6, 2.4, 626, 0, 0),
    ("newthyroid", "suite", "class", 215, 5, 0, 0, 3, 5.0, 30, 0, 0),
    ("glass", "suite", "type", 214, 9, 0, 0, 6, 8.4, 9, 0, 1),
    ("hpc_jobs", "suite", "class", 4331, 5, 2, 0, 4, 8.5, 259, 0, 0),
    ("car", "suite", "class", 1728, 0, 6, 0, 4, 18.6, 65, 0, 0),
    ("wine_red", "suite", "quality", 1599, 11, 0, 0, 6, 68.1, 10, 0, 240),
    ("yeast", "suite", "site", 1484, 8, 0, 0, 10, 92.6, 5, 0, 31),
    ("kr_vs_k", "suite", "class", 28056, 0, 6, 0, 18, 168.6, 27, 0, 0),
    ("page_blocks", "suite", "class", 5472, 10, 0, 0, 5, 175.5, 28, 0, 66),
    ("fars", "extreme", "class", 100968, 5, 22, 0, 8, 4679.6, 9, 0, 8176),
    ("nursery", "extreme", "class", 12960, 0, 8, 0, 5, 2160.0, 2, 0, 0),
    (
        "portal_surveys",
        "extreme",
        "species_id",
        34786,
        2,
        2,
        1,
        48,
        10596,
        1,
        7599,
        759,
    ),
    ("nycflights", "large", "status", 336776, 3, 3, 1, 2, 39.8, 8255, 0, 16),
    ("covid_testing", "large", "result", 15524, 4, 6, 0, 3, 47.7, 301, 14164, 6199),
    ("email_spam", "large", "spam", 3921, 17, 2, 1, 2, 9.7, 367, 0, 5),
]


def test_every_dataset_is_in_the_list_of_numbers() -> None:
    assert [row[0] for row in NUMBERS] == list(CARDS) == list(READERS)
    assert sum(row[1] == "suite" for row in NUMBERS) == 18


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row[0])
def test_loaded_table_has_the_stated_numbers_and_the_stored_checksum(
    row: tuple[Any, ...],
) -> None:
    name, group, target, *numbers = row
    data = load_dataset(name)
    card = data.description
    assert astuple(measure_table(data.frame, data.target)) == tuple(numbers)
    assert astuple(card.numbers) == tuple(numbers)
    assert (card.name, card.group, card.target) == (name, group, target)
    assert data.target.name == target
    assert table_checksum(data.frame, data.target) == card.checksum


@pytest.mark.parametrize("name", CARDS)
def test_columns_are_numbers_dates_or_categories_of_text(name: str) -> None:
    X, y = load_dataset(name, return_X_y=True)
    for column in X.columns:
        dtype = X[column].dtype
        if isinstance(dtype, pd.CategoricalDtype):
            assert list(dtype.categories) == sorted(map(str, dtype.categories))
            assert set(dtype.categories) == set(X[column].dropna())
        else:
            assert dtype in ("int64", "float64") or dtype.kind == "M"
    assert X.columns.is_unique
    assert y.notna().all()
    assert all(isinstance(label, str) for label in y.unique())
    assert list(X.index) == list(y.index) == list(range(len(X)))


@pytest.mark.parametrize("name", CARDS)
def test_dropped_columns_are_absent_and_explained(name: str) -> None:
    frame = load_dataset(name).frame
    for dropped in CARDS[name].dropped:
        assert not set(dropped.names.split(", ")) & set(frame.columns)
        assert dropped.reason.endswith(".")


@pytest.mark.parametrize(
    ("name", "leaks"),
    [
        ("nass_cds", {"injSeverity", "weight", "deploy", "caseid"}),
        ("fars", {"RACE", "HISPANIC_ORIGIN"}),
        ("nycflights", {"dep_time", "dep_delay", "arr_time", "air_time", "tailnum"}),
        ("covid_testing", {"ct_result", "col_rec_tat", "rec_ver_tat"}),
        ("glass", {"id"}),
        ("us_crime", {"ViolentCrimesPerPop", "state", "fold"}),
    ],
)
def test_leaking_columns_are_dropped(name: str, leaks: set[str]) -> None:
    assert not leaks & set(load_dataset(name).frame.columns)
    assert leaks - {"ViolentCrimesPerPop"} <= {
        column for d in CARDS[name].dropped for column in d.names.split(", ")
    }


@pytest.mark.parametrize("name", [n for n, card in CARDS.items() if card.time_column])
def test_rows_are_in_time_order(name: str) -> None:
    times = load_dataset(name).frame[str(CARDS[name].time_column)]
    assert times.is_monotonic_increasing
    assert times.notna().all()
    assert times.dtype.kind == ("i" if name == "covid_testing" else "M")


def test_cancelled_flights_do_not_stand_last_within_their_moment() -> None:
    data = load_dataset("nycflights")
    cancelled = data.target.eq("cancelled")
    moment = data.frame["scheduled_departure"]
    last = moment.ne(moment.shift(-1))
    crowded = moment.map(moment.value_counts()).ge(2)
    at_end = cancelled[last & crowded].mean()
    elsewhere = cancelled[~last & crowded].mean()
    assert at_end < 2 * elsewhere


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("german", {"good": 700, "bad": 300}),
        ("spectf", {"abnormal": 212, "normal": 55}),
        ("sylva", {"other": 12281, "ponderosa_pine": 805}),
        ("us_crime", {"low": 1844, "high": 150}),
        ("newthyroid", {"1": 150, "2": 35, "3": 30}),
        ("email_spam", {"not spam": 3554, "spam": 367}),
        ("nycflights", {"departed": 328521, "cancelled": 8255}),
    ],
)
def test_labels_are_readable_and_counted(name: str, counts: dict[str, int]) -> None:
    assert load_dataset(name).target.value_counts().to_dict() == counts


def test_first_row_of_german_is_the_first_line_of_the_file() -> None:
    row = load_dataset("german").frame.iloc[0]
    assert row["checking_status"] == "A11"
    assert row["duration"] == 6
    assert row["credit_amount"] == 1169
    assert row["foreign_worker"] == "A201"


def test_every_card_says_where_the_data_is_from() -> None:
    for card in CARDS.values():
        assert card.source
        assert card.location
        assert card.licence
        assert card.citation
        assert card.task.endswith(".")
        assert all(note.endswith(".") for note in card.notes)
        assert len(card.checksum) == 64


def test_rule_determined_tables_say_so() -> None:
    for name in ("car", "kr_vs_k", "nursery"):
        assert "Rule-determined" in CARDS[name].notes[0]


def test_list_datasets_shows_the_numbers_of_each_group() -> None:
    table = list_datasets()
    assert table["name"].tolist() == list(CARDS)
    car = table.set_index("name").loc["car"]
    assert car["rows"] == 1728
    assert car["imbalance_ratio"] == 18.6
    assert list_datasets("large")["name"].tolist() == [
        "nycflights",
        "covid_testing",
        "email_spam",
    ]
    assert len(list_datasets("suite")) == 18


def test_unknown_group_is_refused() -> None:
    with pytest.raises(InputError, match="`group` must be one of 'suite', 'extreme'"):
        list_datasets("small")


@pytest.mark.parametrize(
    ("wrong", "offer"),
    [("page-blocks", "'page_blocks'"), ("Glas", "'glass'"), ("kr-vs-k", "'kr_vs_k'")],
)
def test_unknown_name_offers_the_close_ones(wrong: str, offer: str) -> None:
    with pytest.raises(
        InputError, match=rf"Did you mean .*{offer}.*`list_datasets"
    ) as e:
        find_card(wrong)
    assert repr(wrong) in str(e.value)


def test_unknown_name_without_a_close_one_offers_the_list() -> None:
    with pytest.raises(InputError, match=r"no dataset 'zzzz'\. `list_datasets\(\)`"):
        load_dataset("zzzz")
