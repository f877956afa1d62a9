"""The whole network: encoder and heads."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qclmixnet.nn.couplings import Coupling
from qclmixnet.nn.encoder import Encoder
from qclmixnet.nn.heads import ClassifierHead, ProjectionHead
from qclmixnet.nn.initialisation import own_generator

__all__ = ["ModelOutput", "QCLMixNet"]


@dataclass(frozen=True, eq=False)
class ModelOutput:
    """What the network says about a batch of rows.

    Attributes:
        logits: one number per class; a softmax makes them probabilities.
        representation: what the encoder made of each row.
        projection: the representation as the contrastive losses compare it, not
            normalised.
    """

    logits: Float[Tensor, "batch classes"]
    representation: Float[Tensor, "batch d_repr"]
    projection: Float[Tensor, "batch d_projection"]


class QCLMixNet(nn.Module):
    """The published network, for dense rows such as ``OneHotInput`` makes them.

    "Quantum" means cosines and sines of learned angles in its two entanglement
    layers: classical arithmetic, no qubits.

    Args:
        n_features: width of the rows, >= 1.
        n_classes: number of classes, >= 2.
        d_hidden: width between the encoder's two blocks, >= 1.
        d_repr: width of the representation, >= 1.
        d_projection: width of the projection, >= 1.
        d_token: length of a feature's token, a multiple of ``n_heads``.
        n_heads: number of attention heads, >= 1.
        max_keys: most keys a feature looks at; see ``FeatureAttention``.
        entanglement: what stands in the place of the entanglement layers; "scalar" is
            the published layer, see ``make_coupling``.
        generator: source of the initial weights, which depend on nothing else; None
            for fresh entropy. The parameters live on its device.

    References:
        Jahin, Abid, Mridha (2025). Quantum-Informed Contrastive Learning with Dynamic
        Mixup Augmentation for Class-Imbalanced Expert Systems. Framework figure.
        arXiv 2506.13987. Features are the tokens of its attention, so a prediction
        never depends on the other rows of the batch.

    >>> model = QCLMixNet(10, 3, generator=torch.Generator().manual_seed(0)).eval()
    >>> output = model(torch.zeros(2, 10))
    >>> output.logits.shape, output.representation.shape, output.projection.shape
    (torch.Size([2, 3]), torch.Size([2, 32]), torch.Size([2, 8]))
    """

    def __init__(  # noqa: PLR0913 - the sizes of the whole network, all keyword-only
        self,
        n_features: int,
        n_classes: int,
        *,
        d_hidden: int = 64,
        d_repr: int = 32,
        d_projection: int = 8,
        d_token: int = 16,
        n_heads: int = 1,
        max_keys: int = 256,
        entanglement: Coupling = "scalar",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        generator = own_generator(generator)
        self.n_features = n_features
        self.n_classes = n_classes
        self.encoder = Encoder(
            n_features,
            d_hidden=d_hidden,
            d_repr=d_repr,
            d_token=d_token,
            n_heads=n_heads,
            max_keys=max_keys,
            entanglement=entanglement,
            generator=generator,
        )
        self.classifier = ClassifierHead(d_repr, n_classes, generator=generator)
        self.projector = ProjectionHead(d_repr, d_projection, generator=generator)

    def forward(self, x: Float[Tensor, "batch features"]) -> ModelOutput:
        """Return logits, representation and projection of each row."""
        return self.heads(self.encoder(x))

    def heads(self, representation: Float[Tensor, "batch d_repr"]) -> ModelOutput:
        """Return what the heads say of representations, mixed ones for example."""
        return ModelOutput(
            logits=self.classifier(representation),
            representation=representation,
            projection=self.projector(representation),
        )
