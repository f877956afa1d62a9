import pytest

from qclmixnet.core.errors import (
    InputError,
    InputTypeError,
    MissingExtraError,
    ModelFormatError,
    QCLMixNetError,
)


@pytest.mark.parametrize(
    ("error", "foreign"),
    [
        (InputError, ValueError),
        (InputTypeError, TypeError),
        (InputTypeError, ValueError),
        (ModelFormatError, ValueError),
        (MissingExtraError, ImportError),
    ],
)
def test_foreign_except_clauses_understand_our_errors(
    error: type[Exception], foreign: type[Exception]
) -> None:
    assert issubclass(error, foreign)
    assert issubclass(error, QCLMixNetError)


def test_a_missing_extra_names_the_command_that_brings_it() -> None:
    error = MissingExtraError("matplotlib", extra="report", purpose="Drawing")
    assert str(error) == (
        "Drawing needs matplotlib, which is not installed. "
        "Install it with: pip install 'qclmixnet[report]'"
    )
