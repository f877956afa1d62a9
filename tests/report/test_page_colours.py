"""Colours of the page meet WCAG 2.2 AA, in light and in dark."""

import re
from importlib.resources import files

import pytest

Colour = tuple[float, float, float]


def palettes() -> dict[str, dict[str, Colour]]:
    style = files("qclmixnet.report").joinpath("model_page.css").read_text("utf-8")
    light, dark, *_ = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    out: dict[str, dict[str, Colour]] = {}
    for name, block in (("light", light), ("dark", dark)):
        out[name] = {
            key: (int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16))
            for key, code in re.findall(r"--([\w-]+): #(\w{6});", block)
        }
        (shade,) = re.findall(r"--shade: (\d+), (\d+), (\d+);", block)
        out[name]["shade"] = (float(shade[0]), float(shade[1]), float(shade[2]))
    return out


def luminance(colour: Colour) -> float:
    parts = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in colour)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Colour, other: Colour) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_of_black_and_white_is_21() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_lines_can_be_told_from_their_ground(scheme: str) -> None:
    colours = palettes()[scheme]
    for text in ("ink", "quiet", "link", "accent"):
        for ground in ("paper", "card"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["tip-ink"], colours["tip"]) >= 4.5
    for mark in ("first", "second", "third", "bar", "minus", "quiet"):
        assert contrast(colours[mark], colours["paper"]) >= 3, mark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_can_be_read_on_the_darkest_shade(scheme: str) -> None:
    colours = palettes()[scheme]
    style = files("qclmixnet.report").joinpath("model_page.css").read_text("utf-8")
    strengths = re.findall(r"rgba\(var\(--shade\), (\.\d+)\)", style)
    assert len(strengths) == 10
    strength = max(map(float, strengths))
    mixed = [
        strength * over + (1 - strength) * under
        for over, under in zip(colours["shade"], colours["paper"], strict=True)
    ]
    assert contrast(colours["ink"], (mixed[0], mixed[1], mixed[2])) >= 4.5
