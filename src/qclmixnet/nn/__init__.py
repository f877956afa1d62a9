"""Networks as plain PyTorch modules, usable in anyone's training loop.

`QCLMixNet` is the published network; `MemberNetwork` is the default preset's, many
members in one module.

Each module that has parameters takes a ``torch.Generator`` and draws its initial
weights from that alone; building a model never touches torch's global random state.
An argument out of its stated range and an input of another width than the module was
built for both raise ``InputError``.
"""

from qclmixnet.nn.attention import FeatureAttention
from qclmixnet.nn.bins import PiecewiseLinearEncoding, StackedBinEmbedding
from qclmixnet.nn.boosted_trees import BoostedTrees
from qclmixnet.nn.couplings import (
    Coupling,
    GatedScaling,
    Scaling,
    VectorEntanglement,
    make_coupling,
)
from qclmixnet.nn.embeddings import FeatureTokens, OneHotInput
from qclmixnet.nn.encoder import Encoder
from qclmixnet.nn.entanglement import EntanglementLayer
from qclmixnet.nn.heads import ClassifierHead, ProjectionHead
from qclmixnet.nn.member_input import MemberInput
from qclmixnet.nn.member_network import (
    MemberNetwork,
    MemberOutput,
    StackedEntanglement,
)
from qclmixnet.nn.model import ModelOutput, QCLMixNet
from qclmixnet.nn.stacked import (
    RowShare,
    StackedDropout,
    StackedLinear,
    StackedNorm,
)

__all__ = [
    "BoostedTrees",
    "ClassifierHead",
    "Coupling",
    "Encoder",
    "EntanglementLayer",
    "FeatureAttention",
    "FeatureTokens",
    "GatedScaling",
    "MemberInput",
    "MemberNetwork",
    "MemberOutput",
    "ModelOutput",
    "OneHotInput",
    "PiecewiseLinearEncoding",
    "ProjectionHead",
    "QCLMixNet",
    "RowShare",
    "Scaling",
    "StackedBinEmbedding",
    "StackedDropout",
    "StackedEntanglement",
    "StackedLinear",
    "StackedNorm",
    "VectorEntanglement",
    "make_coupling",
]
