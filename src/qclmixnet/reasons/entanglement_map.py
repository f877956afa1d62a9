"""What the entanglement layer couples, as a matrix of the caller's columns."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from qclmixnet.core.errors import InputError
from qclmixnet.nn import MemberInput, MemberNetwork, OneHotInput, QCLMixNet
from qclmixnet.nn.couplings import VectorEntanglement
from qclmixnet.nn.entanglement import EntanglementLayer
from qclmixnet.nn.member_network import StackedEntanglement
from qclmixnet.preprocessing import ColumnGroup, EncodedTable

__all__ = ["entanglement_map"]

FloatArray = npt.NDArray[np.float64]


@torch.no_grad()
def entanglement_map(
    network: QCLMixNet | MemberNetwork,
    inputs: OneHotInput | MemberInput,
    rows: EncodedTable,
    groups: Sequence[ColumnGroup],
    cardinalities: Sequence[int],
) -> FloatArray:
    """Turn the learned angles and couplings into a matrix of columns by columns.

    The published layer makes of input i ``x_i cos(t_i) sigmoid(sum_j x_j sin(t_j))``:
    the cosine lets a column through, the sine lets it move the gate of the others. The
    entry of columns a and b is ``sum |s_i cos(t_i)| |s_j sin(t_j)|`` over the inputs i
    of a and j of b, plus the same with a and b swapped, where s is the standard
    deviation of the input in `rows`. The variant with a gate for each input has its
    own sine for each i and j.

    Members with gated waves couple channels of their first linear map, not inputs. With
    ``A`` the way from inputs to angles (linear map, scale of the norm, map to angles)
    the entry is ``sum_k w_k |A_ak| |c_k A_b(k-1)|``, plus the same swapped: c the
    learned couplings, w the length of channel k's way out; averaged over members. What
    the binned columns add to the channels is not in it.

    It says what the layer could couple, not what the model uses: other layers come
    after it. On tables of six columns with one planted pair the published layer's map
    does not name that pair (first of 15 in 5 of 32 fits, hardly better than guessing),
    nor that of a gate for each input (5 of 32); that of gated waves does (28 of 32).
    With one gate for each row the matrix has rank 2 before its diagonal is cleared, so
    it can single out columns, but hardly a pair. `interactions` named it in 85 of all
    96 (``benchmarks/couplings.py``).

    Args:
        network: a trained network of the paper's preset or of the default's, with its
            entanglement.
        inputs: what makes its inputs of encoded rows.
        rows: rows to take the spread of the inputs from.
        groups: which inputs come from which column.
        cardinalities: codes of each category column.

    Returns:
        A symmetric matrix with zeros on the diagonal, its largest entry 1.

    Raises:
        InputError: the network has no layer with angles.
    """
    plain = inputs.plain if isinstance(inputs, MemberInput) else inputs
    like = next(network.parameters())
    x_num = torch.from_numpy(rows.x_num).to(like)
    x_cat = torch.from_numpy(rows.x_cat).to(like.device)
    spread = plain(x_num, x_cat).double().std(dim=0, correction=0)
    if isinstance(network, MemberNetwork):
        by_input = _of_members(network, spread)
    else:
        by_input = _of_layer(network.encoder.entanglement_1, spread)
    owner = _owner(groups, rows.x_num.shape[1], cardinalities)
    one_hot = np.eye(len(groups))[owner]  # (inputs, columns)
    matrix: FloatArray = one_hot.T @ by_input.cpu().numpy() @ one_hot
    matrix = matrix + matrix.T
    np.fill_diagonal(matrix, 0)
    return matrix / max(float(matrix.max()), np.finfo(float).tiny)


def _of_layer(layer: torch.nn.Module, spread: Tensor) -> Tensor:
    """How strongly input i passes where input j moves its gate, inputs by inputs."""
    if isinstance(layer, EntanglementLayer):
        sines = torch.sin(layer.theta)[None]
    elif isinstance(layer, VectorEntanglement):
        sines = torch.sin(layer.phi).T  # (through, gate)
    else:
        raise InputError(
            "This network has no entanglement layer with angles, so there is no map "
            "of them; look at `interactions` instead."
        )
    passes = (spread * torch.cos(layer.theta.double())).abs()
    return passes[:, None] * (spread * sines.double()).abs()


def _of_members(network: MemberNetwork, spread: Tensor) -> Tensor:
    layer = network.entanglement
    if not isinstance(layer, StackedEntanglement):
        raise InputError(
            "These members have no entanglement (`entangle` is off in the default "
            "preset), so there is no map of angles; look at `interactions` instead."
        )
    first = network.plain.weight.double() * spread[None, :, None]
    to_angles = layer.norm.scale.double().transpose(1, 2) * layer.angles.weight.double()
    reach = (first @ to_angles).abs()  # (members, inputs, channels)
    width = reach.shape[-1]
    way_out = layer.out.weight.double()[:, 2 * width :].norm(dim=-1)[:, None]
    neighbour = reach.roll(1, -1) * layer.coupling.double().abs()
    by_member: Tensor = (reach * way_out) @ neighbour.transpose(1, 2)
    return by_member.mean(dim=0)


def _owner(
    groups: Sequence[ColumnGroup], n_num: int, cardinalities: Sequence[int]
) -> npt.NDArray[np.int64]:
    """The column that each input of a network belongs to: numbers, then levels."""
    starts = n_num + np.concatenate([[0], np.cumsum(cardinalities)]).astype(np.int64)
    owner = np.full(int(starts[-1]), -1, dtype=np.int64)
    for position, group in enumerate(groups):
        owner[list(group.numbers)] = position
        for category in group.categories:
            owner[starts[category] : starts[category + 1]] = position
    return owner
