"""Stress: levels do what they say, by counting; names; nothing done to the truth."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.evaluation import (
    STRESS_KINDS,
    LabelledSplit,
    Stress,
    read_stressed_name,
)

SEED = (0, 1)
HARDEST = {
    "imbalance": 50,
    "label_noise": 0.4,
    "missing": 0.6,
    "rows": 50,
    "noise_columns": 1000,
    "duplicates": 0.75,
    "sparse": 300,
    "drift": 1,
}


def mixed(n_rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "height": generator.normal(size=n_rows),
            "age": generator.integers(0, 90, size=n_rows),
            "town": pd.Categorical(generator.choice(list("abcdef"), size=n_rows)),
            "flag": generator.random(n_rows) < 0.5,
            "when": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(generator.integers(0, 400, size=n_rows), unit="D"),
        }
    )


@pytest.fixture(scope="module")
def split() -> LabelledSplit:
    """600 rows in classes of 400, 150 and 50 to learn, half as many to test."""
    codes = np.repeat([0, 1, 2], [400, 150, 50])
    order = np.random.default_rng(5).permutation(600)
    return LabelledSplit(
        mixed(600, 0), codes[order], mixed(300, 1), np.repeat([0, 1, 2], [200, 75, 25])
    )


def same(first: LabelledSplit, second: LabelledSplit) -> None:
    pd.testing.assert_frame_equal(first.X_train, second.X_train)
    pd.testing.assert_frame_equal(first.X_test, second.X_test)
    assert first.codes_train.tolist() == second.codes_train.tolist()
    assert first.codes_test.tolist() == second.codes_test.tolist()


@pytest.mark.parametrize("kind", STRESS_KINDS)
def test_level_zero_is_the_split_itself(kind: str, split: LabelledSplit) -> None:
    assert Stress(kind, 0).apply(split, seed=SEED) is split


@pytest.mark.parametrize("kind", STRESS_KINDS)
def test_the_same_seed_gives_the_same_split(kind: str, split: LabelledSplit) -> None:
    stress = Stress(kind, HARDEST[kind])
    before = split.X_train.copy(), split.X_test.copy(), split.codes_train.copy()
    first, second = (stress.apply(split, seed=SEED) for _ in range(2))
    same(first, second)
    # What came in is as it was.
    pd.testing.assert_frame_equal(split.X_train, before[0])
    pd.testing.assert_frame_equal(split.X_test, before[1])
    assert split.codes_train.tolist() == before[2].tolist()


@pytest.mark.parametrize("kind", sorted(set(STRESS_KINDS) - {"sparse", "drift"}))
def test_another_seed_gives_another_draw(kind: str, split: LabelledSplit) -> None:
    stress = Stress(kind, HARDEST[kind])
    first, second = (stress.apply(split, seed=(seed, 1)) for seed in range(2))
    assert not (
        first.X_train.equals(second.X_train)
        and first.codes_train.tolist() == second.codes_train.tolist()
    )


@pytest.mark.parametrize("kind", STRESS_KINDS)
def test_the_truth_of_test_rows_is_never_touched(
    kind: str, split: LabelledSplit
) -> None:
    found = Stress(kind, HARDEST[kind]).apply(split, seed=SEED)
    truth = pd.Series(split.codes_test, index=split.X_test.index)
    assert found.codes_test.tolist() == truth.loc[found.X_test.index].tolist()
    if kind != "drift":
        assert len(found.codes_test) == len(split.codes_test)


@pytest.mark.parametrize("level", [10, 20, 50, 200])
def test_imbalance_thins_the_smallest_class_and_nothing_else(
    level: float, split: LabelledSplit
) -> None:
    found = Stress("imbalance", level).apply(split, seed=SEED)
    counts = np.bincount(found.codes_train)
    assert counts.tolist() == [400, 150, 400 // level]
    kept = set(found.X_train.index)
    others = split.X_train.index[split.codes_train != 2]
    assert set(others) <= kept
    assert len(kept) == len(found.X_train)
    truth = pd.Series(split.codes_train, index=split.X_train.index)
    assert found.codes_train.tolist() == truth.loc[found.X_train.index].tolist()


def test_rows_of_a_higher_imbalance_are_among_those_of_a_lower(
    split: LabelledSplit,
) -> None:
    kept = [
        set(Stress("imbalance", level).apply(split, seed=SEED).X_train.index)
        for level in (10, 40, 200)
    ]
    assert kept[2] < kept[1] < kept[0]


@pytest.mark.parametrize(
    ("level", "words"),
    [(8, "8 rows of its largest class .* higher ratio"), (250, "would leave 1 of")],
)
def test_an_imbalance_that_cannot_be_made_is_refused(
    level: float, words: str, split: LabelledSplit
) -> None:
    with pytest.raises(InputError, match=words):
        Stress("imbalance", level).apply(split, seed=SEED)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
def test_label_noise_flips_that_share_to_other_classes(
    share: float, split: LabelledSplit
) -> None:
    found = Stress("label_noise", share).apply(split, seed=SEED)
    flipped = found.codes_train != split.codes_train
    assert flipped.sum() == round(600 * share)
    pd.testing.assert_frame_equal(found.X_train, split.X_train)


def test_flipped_labels_stay_flipped_and_spread_evenly(split: LabelledSplit) -> None:
    few, many = (
        Stress("label_noise", share).apply(split, seed=SEED).codes_train
        for share in (0.2, 0.4)
    )
    was = few != split.codes_train
    assert (few[was] == many[was]).all()
    moved = Counter(
        (int(a), int(b)) for a, b in zip(split.codes_train, many, strict=True) if a != b
    )
    # Each of the two wrong classes of the 160 or so flipped rows of class 0.
    assert abs(moved[0, 1] - moved[0, 2]) < 4 * (moved[0, 1] + moved[0, 2]) ** 0.5


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_missing_takes_that_share_of_cells_of_both_parts(
    share: float, split: LabelledSplit
) -> None:
    found = Stress("missing", share).apply(split, seed=SEED)
    for before, after in (
        (split.X_train, found.X_train),
        (split.X_test, found.X_test),
    ):
        error = 4 * (share * (1 - share) / len(before)) ** 0.5
        assert (abs(after.isna().mean() - share) < error).all()
        for name in before:
            known = after[name].notna()
            assert (after[name][known] == before[name][known]).all()


def test_cells_missing_at_a_low_share_are_missing_at_a_higher(
    split: LabelledSplit,
) -> None:
    few, many = (
        Stress("missing", share).apply(split, seed=SEED).X_train.isna().to_numpy()
        for share in (0.1, 0.5)
    )
    assert (many | ~few).all()


@pytest.mark.parametrize("n_rows", [3, 50, 599])
def test_rows_keeps_so_many_in_their_shares(n_rows: int, split: LabelledSplit) -> None:
    found = Stress("rows", n_rows).apply(split, seed=SEED)
    assert len(found.X_train) == len(set(found.X_train.index)) == n_rows
    counts = np.bincount(found.codes_train, minlength=3)
    quota = n_rows * np.array([400, 150, 50]) / 600
    assert (counts >= 1).all()
    assert (np.abs(counts - quota) <= 2).all()
    assert found.X_test is split.X_test


@pytest.mark.parametrize("n_rows", [2, 600])
def test_rows_that_cannot_be_drawn_are_refused(
    n_rows: int, split: LabelledSplit
) -> None:
    with pytest.raises(InputError, match=f"{n_rows} training rows cannot be drawn"):
        Stress("rows", n_rows).apply(split, seed=SEED)


def test_noise_columns_are_added_to_both_parts(split: LabelledSplit) -> None:
    found = Stress("noise_columns", 100).apply(split, seed=SEED)
    for before, after in (
        (split.X_train, found.X_train),
        (split.X_test, found.X_test),
    ):
        assert after.columns[5] == "irrelevant_1"
        assert after.shape == (len(before), 105)
        pd.testing.assert_frame_equal(after.iloc[:, :5], before)
    noise = found.X_train.iloc[:, 5:].to_numpy()
    centred = (found.codes_train == 0) - 400 / 600
    # Means of 600 standard normal numbers, alone and against the class.
    assert np.abs(noise.mean(axis=0)).max() < 5 / 600**0.5
    assert np.abs(centred @ noise).max() < 5 * (400 / 600 * 200) ** 0.5


def test_noise_columns_take_no_name_that_is_there(split: LabelledSplit) -> None:
    taken = LabelledSplit(
        split.X_train.rename(columns={"age": "irrelevant_2"}),
        split.codes_train,
        split.X_test.rename(columns={"age": "irrelevant_2"}),
        split.codes_test,
    )
    found = Stress("noise_columns", 2).apply(taken, seed=SEED)
    assert found.X_train.columns.is_unique
    assert list(found.X_train.columns[5:]) == ["irrelevant_1", "irrelevant_3"]


def test_duplicates_are_copies_of_a_tenth_half_of_them_near(
    split: LabelledSplit,
) -> None:
    found = Stress("duplicates", 0.75).apply(split, seed=SEED)
    assert len(found.X_train) == 4 * 600
    numbers = ["height", "age"]
    first, copies = found.X_train.iloc[:600], found.X_train.iloc[600:]
    np.testing.assert_array_equal(first[numbers], split.X_train[numbers])
    whole = {
        (*row[:4], code): number
        for number, (row, code) in enumerate(
            zip(split.X_train.itertuples(index=False), split.codes_train, strict=True)
        )
    }
    exact = [
        whole[*row[:4], code]
        for row, code in zip(
            copies.iloc[::2].itertuples(index=False),
            found.codes_train[600::2],
            strict=True,
        )
    ]
    assert len(exact) == 900
    assert len(set(exact)) <= 60
    # A near copy differs from its row by hundredths of the spread.
    near = copies.iloc[1::2]
    gaps = np.abs(
        near["height"].to_numpy()[:, None] - split.X_train["height"].to_numpy()
    ).min(axis=1)
    assert (gaps > 0).all()
    assert gaps.max() < 0.06 * split.X_train["height"].std()
    same_codes = Counter(found.codes_train[:600].tolist())
    assert same_codes == Counter(split.codes_train.tolist())


def test_sparse_rows_have_one_piece_of_each_column(split: LabelledSplit) -> None:
    found = Stress("sparse", 300).apply(split, seed=SEED)
    assert set(np.unique(found.X_train)) == {0, 1}
    assert list(found.X_train) == list(found.X_test)
    for name in split.X_train:
        pieces = [c for c in found.X_train if str(c).startswith(f"{name}=")]
        assert (found.X_train[pieces].sum(axis=1) == 1).all()
        assert (found.X_test[pieces].sum(axis=1) <= 1).all()
    heights = [c for c in found.X_train if str(c).startswith("height=")]
    # 600 different numbers in 60 pieces of the same size.
    assert len(heights) == 60
    assert set(found.X_train[heights].sum()) == {10}


def test_finer_pieces_leave_two_rows_less_in_common(split: LabelledSplit) -> None:
    shared = []
    for level in (50, 300, 1000):
        code = Stress("sparse", level).apply(split, seed=SEED).X_train
        numbers = code.filter(regex="^(height|when)=").to_numpy(dtype=float)
        product = numbers @ numbers.T
        shared.append(product[~np.eye(len(product), dtype=bool)].mean())
    assert shared[0] > 4 * shared[1] > 8 * shared[2]


def test_holes_are_a_piece_of_their_own() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, None, 4.0], "b": ["x", None, "y", "x"]})
    codes = np.array([0, 1, 0, 1])
    split = LabelledSplit(frame, codes, frame, codes)
    found = Stress("sparse", 4).apply(split, seed=SEED).X_train
    assert found["a=-1"].tolist() == [0, 0, 1, 0]
    assert found["b=-1"].tolist() == [0, 1, 0, 0]


def test_drift_learns_the_lower_and_tests_the_upper_half_of_each_class() -> None:
    along = np.linspace(-1, 1, 100)
    frame = pd.DataFrame({"a": along, "b": 3 * along + 7, "town": list("xy") * 50})
    codes = np.arange(100) % 4 // 2
    split = LabelledSplit(frame, codes, frame, codes)
    whole = Stress("drift", 1).apply(split, seed=SEED)
    assert whole.X_train["a"].max() < whole.X_test["a"].min() + 0.05
    assert np.bincount(whole.codes_train).tolist() == [25, 25]
    assert np.bincount(whole.codes_test).tolist() == [25, 25]
    half = Stress("drift", 0.5).apply(split, seed=SEED)
    for label in range(2):
        kept = half.X_train["a"][half.codes_train == label]
        assert kept.tolist() == along[codes == label][:38].tolist()
        kept = half.X_test["a"][half.codes_test == label]
        assert kept.tolist() == along[codes == label][-38:].tolist()


def test_drift_keeps_a_row_of_a_class_of_one() -> None:
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, 9.0]})
    codes = np.array([0, 0, 0, 1])
    found = Stress("drift", 1).apply(
        LabelledSplit(frame, codes, frame, codes), seed=SEED
    )
    assert set(found.codes_train) == set(found.codes_test) == {0, 1}


def test_drift_needs_numbers() -> None:
    frame = pd.DataFrame({"town": list("abab")})
    split = LabelledSplit(frame, np.arange(4) % 2, frame, np.arange(4) % 2)
    with pytest.raises(InputError, match="columns of numbers and this table has none"):
        Stress("drift", 0.5).apply(split, seed=SEED)


@pytest.mark.parametrize("kind", STRESS_KINDS)
def test_names_are_read_back(kind: str) -> None:
    for level in (0, *STRESS_KINDS[kind].levels):
        stress = Stress(kind, level)
        assert read_stressed_name(f"page_blocks{stress.suffix}") == (
            "page_blocks",
            stress,
        )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a~missing", "no name of a stressed table"),
        ("a~missing~much", "no name of a stressed table"),
        ("~missing~0.1", "no name of a stressed table"),
        ("a~missing~0.1~b", "no name of a stressed table"),
        ("a~hunger~1", "`kind` must be one of 'imbalance'"),
        ("a~missing~1", "`level` must be a number at least 0 and at most 0.95"),
        ("a~rows~nan", "`level` must be a number"),
    ],
)
def test_a_bad_name_is_told(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_stressed_name(name)


@pytest.mark.parametrize("kind", STRESS_KINDS.values(), ids=lambda kind: kind.name)
def test_levels_are_listed_mildest_first(kind: object) -> None:
    assert hasattr(kind, "levels")
    levels = [0, *kind.levels]
    assert levels == sorted(levels, key=STRESS_KINDS[getattr(kind, "name")].hardness)  # noqa: B009


def test_levels_are_written_for_people() -> None:
    assert STRESS_KINDS["label_noise"].level_text(0.15) == "15 %"
    assert STRESS_KINDS["imbalance"].level_text(3000) == "3,000:1"
    assert STRESS_KINDS["rows"].level_text(100_000) == "100,000"
