from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.datasets.keel import parse_keel_header, read_keel

SMALL = """\
@relation small
@attribute Size real [0.0, 2.5]
@attribute Kind (of thing) {a, b c}
@attribute Grade{low,high}
@attribute Count integer [0, 9]
@inputs Size, Kind (of thing), Count
@outputs Grade
@data
0.5, b c , high,3
1e-1,a,low,<null>

?, ? ,low,7
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "table.dat"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_small_file_is_read_as_written(tmp_path: Path, ending: str) -> None:
    frame, target = read_keel(write(tmp_path, SMALL.replace("\n", ending)))
    expected = pd.DataFrame(
        {
            "Size": [0.5, 0.1, np.nan],
            "Kind (of thing)": pd.Series(["b c", "a", np.nan], dtype=object),
            "Grade": pd.Series(["high", "low", "low"], dtype=object),
            "Count": [3.0, np.nan, 7.0],
        }
    )
    assert target == "Grade"
    pd.testing.assert_frame_equal(frame, expected)


def test_whole_numbers_without_gaps_stay_whole(tmp_path: Path) -> None:
    text = "@attribute n integer\n@attribute y {0, 1}\n@data\n1,0\n2,1\n"
    frame, _ = read_keel(write(tmp_path, text))
    assert frame["n"].dtype == np.int64
    assert frame["y"].tolist() == ["0", "1"]


def test_decimals_are_read_to_the_last_bit(tmp_path: Path) -> None:
    written = "0.1000000000000000055511151231257827"
    text = f"@attribute n real\n@attribute y {{0}}\n@data\n{written},0\n"
    frame, _ = read_keel(write(tmp_path, text))
    assert frame["n"].tolist() == [0.1]


def test_target_is_the_last_attribute_without_an_output() -> None:
    header = "@attribute a real\n@attribute b {x}\n"
    assert parse_keel_header(header).target == "b"
    assert parse_keel_header(header + "@output a\n").target == "a"
    assert parse_keel_header(header).categories == frozenset({"b"})


def test_word_none_is_a_level_and_not_missing(tmp_path: Path) -> None:
    text = "@attribute a {None, NA}\n@attribute y {0}\n@data\nNone,0\nNA,0\n"
    frame, _ = read_keel(write(tmp_path, text))
    assert frame["a"].tolist() == ["None", "NA"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", r"table\.dat' has no `@data` line"),
        ("@relation x\n@data\n1\n", "at least one `@attribute`"),
        ("@attribute a real\n@outputs b\n@data\n1\n", "got 'b'; declared are a"),
        ("@attribute a real\n@attribute b real\n@outputs a, b\n@data\n", "got 'a, b'"),
        (
            "@attribute a real\n@attribute b real\n@data\n1,2\n1,2,3\n",
            "line 5: expected 2 values, got 3",
        ),
        (
            "@attribute a real\n@attribute b {0}\n@data\nmany,0\n",
            "'a' is declared as a number, but .*'many'",
        ),
    ],
)
def test_broken_files_are_refused_by_name_and_line(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_keel(write(tmp_path, text))
    assert "table.dat" in str(caught.value)
