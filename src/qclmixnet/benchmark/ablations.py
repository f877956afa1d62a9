"""Variants of our method with a part taken away, exchanged or added.

Each is a method of the benchmark under a name such as ``paper.no_mixup``, so that an
ablation is a benchmark run like any other: the same folds and seeds for all variants,
rows that survive a killed run, the same report.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from qclmixnet.training import CrossFitRecipe, Recipe

__all__ = ["ABLATIONS", "Ablation", "Subject", "ablations_of", "full_of"]

Subject = Literal["paper", "default"]
"""What is taken apart: a preset."""


@dataclass(frozen=True)
class Ablation:
    """One variant of a preset.

    Attributes:
        name: its name among the methods.
        subject: the preset that it is a variant of.
        part: the part of the method that differs, for headings; empty for the whole.
        title: what differs, in a few words.
        changes: fields of the recipe's parts that differ, by "part.field"; a field
            without a part is one of the recipe itself.
        decision: the rule of ``predict``; None for the preset's own.
    """

    name: str
    subject: Subject
    part: str
    title: str
    changes: Mapping[str, object]
    decision: Literal["argmax"] | None = None

    def recipe(self) -> "Recipe | CrossFitRecipe":
        """Return the preset's recipe with the changes put in."""
        from qclmixnet.training import recipe

        out: Any = recipe(self.subject)
        for place, value in self.changes.items():
            part, _, field = place.rpartition(".")
            changed = replace(getattr(out, part), **{field: value}) if part else value
            out = replace(out, **{part or field: changed})
        whole: Recipe | CrossFitRecipe = out
        return whole


_ENTANGLEMENT, _MIXUP, _LOSS = "entanglement", "mixup", "loss"
_CONTRASTIVE = {"loss.classification_weight": 1.0}
_VARIANCE = {"loss.intra_weight": 0.0, "loss.inter_weight": 0.0}

# Part, key, title, changes. The loss terms are dropped one by one, and then kept one by
# one beside the focal term, since no other term teaches the classifier.
_Rows = tuple[tuple[str, str, str, dict[str, object]], ...]
_OF_PAPER: _Rows = (
    ("", "full", "as published", {}),
    (
        _ENTANGLEMENT,
        "no_entanglement",
        "without entanglement",
        {"network.entanglement": "none"},
    ),
    (
        _ENTANGLEMENT,
        "no_sinusoid",
        "gate without sine and cosine",
        {"network.entanglement": "no_sinusoid"},
    ),
    (
        _ENTANGLEMENT,
        "scaling",
        "linear map of as many parameters",
        {"network.entanglement": "scaling"},
    ),
    (
        _ENTANGLEMENT,
        "vector_gate",
        "one gate per feature",
        {"network.entanglement": "vector"},
    ),
    (_MIXUP, "no_mixup", "without mixup", {"mixup.mixed_fraction": 0.0}),
    (_MIXUP, "random_partners", "random partners", {"mixup.partners": "random"}),
    (_MIXUP, "any_class", "neighbours of any class", {"mixup.same_class": False}),
    (
        _MIXUP,
        "random_any_class",
        "random partners of any class",
        {"mixup.partners": "random", "mixup.same_class": False},
    ),
    (_MIXUP, "smote", "interpolation as in SMOTE", {"mixup.shares": "uniform"}),
    (
        _MIXUP,
        "mixed_representation",
        "mixing representations",
        {"mixup.space": "representation"},
    ),
    (_LOSS, "no_focusing", "cross-entropy for focal loss", {"loss.gamma": 0.0}),
    (_LOSS, "no_intra", "without pull to centres", {"loss.intra_weight": 0.0}),
    (_LOSS, "no_inter", "without push from centres", {"loss.inter_weight": 0.0}),
    (_LOSS, "no_supcon", "without contrastive term", {"loss.supcon_weight": 0.0}),
    (_LOSS, "no_triplet", "without triplet term", {"loss.triplet_weight": 0.0}),
    (_LOSS, "no_contrastive", "without both of them", dict(_CONTRASTIVE)),
    (
        _LOSS,
        "learned_weights",
        "weights learned by uncertainty",
        {"loss.balance": "uncertainty"},
    ),
    (_LOSS, "focal_only", "focal term alone", {**_CONTRASTIVE, **_VARIANCE}),
    (
        _LOSS,
        "focal_supcon",
        "focal and contrastive term alone",
        {**_VARIANCE, "loss.triplet_weight": 0.0},
    ),
    (
        _LOSS,
        "focal_triplet",
        "focal and triplet term alone",
        {**_VARIANCE, "loss.supcon_weight": 0.0},
    ),
)
_MIXED: dict[str, object] = {"mixup.mixed_fraction": 0.5}
_OF_DEFAULT: _Rows = (
    ("", "full", "as it is", {}),
    ("trees", "no_trees", "without trees", {"trees.n_rounds": 0}),
    ("members", "no_cross_fitting", "without cross-fitting", {"n_folds": 1}),
    ("members", "one_fold_each", "one member per fold", {"members.n_members": 4}),
    ("members", "no_bins", "without bins", {"members.binned_share": 0.0}),
    (_LOSS, "no_focusing", "cross-entropy for focal loss", {"loss.gamma": 0.0}),
    (_LOSS, "no_weights", "without class weights", {"loss.class_weight_power": 0.0}),
    (_LOSS, "contrastive", "with contrastive terms", {"contrast.weight": 0.1}),
    (
        _ENTANGLEMENT,
        "entanglement",
        "with entanglement",
        {"members.entangle": True},
    ),
    (
        _MIXUP,
        "mixup",
        "with mixup of neighbours",
        {**_MIXED, "mixup.same_class": True},
    ),
    (_MIXUP, "mixup_any_class", "with mixup of any class", dict(_MIXED)),
    (
        _MIXUP,
        "mixup_random",
        "with mixup of random partners",
        {**_MIXED, "mixup.same_class": True, "mixup.partners": "random"},
    ),
    (
        "all three",
        "all_three",
        "with entanglement, mixup and contrastive terms",
        {
            **_MIXED,
            "mixup.same_class": True,
            "members.entangle": True,
            "contrast.weight": 0.1,
        },
    ),
)


def _catalogue() -> dict[str, Ablation]:
    subjects: dict[Subject, _Rows] = {"paper": _OF_PAPER, "default": _OF_DEFAULT}
    found = [
        Ablation(f"{subject}.{key}", subject, part, title, changes)
        for subject, rows in subjects.items()
        for part, key, title, changes in rows
    ]
    found.append(
        Ablation(
            "default.argmax", "default", "decision", "without tuned rule", {}, "argmax"
        )
    )
    return {ablation.name: ablation for ablation in found}


ABLATIONS: Mapping[str, Ablation] = _catalogue()
"""All variants by name."""


def full_of(subject: Subject) -> str:
    """Return the variant of a preset that changes nothing.

    >>> full_of("paper")
    'paper.full'
    """
    return f"{subject}.full"


def ablations_of(subject: Subject) -> tuple[str, ...]:
    """Return the names of all variants of a preset, the unchanged one first.

    >>> ablations_of("paper")[:2]
    ('paper.full', 'paper.no_entanglement')
    """
    return tuple(name for name, a in ABLATIONS.items() if a.subject == subject)
