"""Fitted models: encoded rows in, probabilities and representations out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from qclmixnet.decision import ProbabilityScaling, defer
from qclmixnet.nn import (
    BoostedTrees,
    MemberInput,
    MemberNetwork,
    OneHotInput,
    QCLMixNet,
)
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.training import forward_in_parts, member_outputs
from qclmixnet.training.threads import in_blocks

__all__ = ["FittedModel", "MemberModel", "SingleModel", "for_inference"]


@runtime_checkable
class FittedModel(Protocol):
    """What the classifier needs of a fitted model."""

    def proba(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        """Return the probability of each class, rows by classes."""

    def embed(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        """Return the representation of each row."""


@dataclass(frozen=True)
class SingleModel:
    """The published network.

    Attributes:
        network: in evaluation mode.
        inputs: turns encoded rows into its inputs.
    """

    network: QCLMixNet
    inputs: OneHotInput

    def proba(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        """Return the softmax of the logits."""
        return _in_blocks(self._proba, encoded, self.network)

    def embed(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        """Return the representation that classifier and projection share."""
        return _in_blocks(self._embed, encoded, self.network)

    def _proba(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        x_num, x_cat = _tensors(encoded)
        logits = forward_in_parts(
            self.network, self.inputs, x_num, x_cat, output="logits"
        )
        return _softmax(logits).numpy()

    def _embed(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        x_num, x_cat = _tensors(encoded)
        out = forward_in_parts(
            self.network, self.inputs, x_num, x_cat, output="representation"
        )
        representation: npt.NDArray[np.float64] = out.cpu().double().numpy()
        return representation


@dataclass(frozen=True)
class MemberModel:
    """An ensemble of cross-fitted members, and trees beside it.

    Attributes:
        network: all members, in evaluation mode.
        inputs: turns encoded rows into their inputs.
        trees: sets of boosted trees, on the CPU; None if there are none.
        tree_share: how much of the probabilities is theirs, 0 to 1.
        unknown_to_trees: numbers of classes with too few rows for a leaf.
        scaling: what left-out rows say about the probabilities.
    """

    network: MemberNetwork
    inputs: MemberInput
    trees: BoostedTrees | None
    tree_share: float
    unknown_to_trees: tuple[int, ...]
    scaling: ProbabilityScaling

    def proba(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        """Return the scaled mean of the members' and the trees' probabilities."""
        return _in_blocks(self._proba, encoded, self.network)

    def embed(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        """Return the members' representations side by side."""
        return _in_blocks(self._embed, encoded, self.network)

    def _proba(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        tensors = _tensors(encoded)
        logits = member_outputs(self.network, self.inputs, *tensors, output="logits")
        mean = _softmax(logits).mean(dim=0).numpy()
        if self.trees is not None:
            by_trees = _softmax(self.trees(*tensors)).mean(dim=0).numpy()
            by_trees = defer(by_trees, mean, self.unknown_to_trees)
            mean = (1 - self.tree_share) * mean + self.tree_share * by_trees
        return self.scaling(mean)

    def _embed(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        out = member_outputs(
            self.network, self.inputs, *_tensors(encoded), output="representation"
        )
        side_by_side = out.transpose(0, 1).flatten(1).cpu().double().numpy()
        representation: npt.NDArray[np.float64] = side_by_side
        return representation


def for_inference(module: nn.Module) -> nn.Module:
    """Freeze a network, in double precision where the device has it.

    A float32 matrix product gives a row slightly different results in batches of
    different size; in float64 a prediction does not depend on its neighbours to any
    digit that matters, and the weights, being float32 numbers, lose nothing.
    """
    module.requires_grad_(requires_grad=False).eval()
    on_mps = any(p.device.type == "mps" for p in module.parameters())
    return module if on_mps else module.double()


def _in_blocks(
    compute: Callable[[EncodedTable], npt.NDArray[np.float64]],
    encoded: EncodedTable,
    network: nn.Module,
) -> npt.NDArray[np.float64]:
    """Share the rows among the processor's threads; a device has threads of its own."""
    if next(network.parameters()).device.type != "cpu":
        return compute(encoded)
    return in_blocks(lambda rows: compute(encoded.take(rows)), encoded.n_rows)


def _tensors(encoded: EncodedTable) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(encoded.x_num), torch.from_numpy(encoded.x_cat)


def _softmax(logits: Tensor) -> Tensor:
    """Return probabilities whose rows sum to 1 in float64."""
    proba = torch.softmax(logits.cpu().double(), dim=-1)
    return proba / proba.sum(dim=-1, keepdim=True)
