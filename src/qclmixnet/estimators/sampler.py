"""The kNN-guided mixup as an over-sampler for any classifier.

References:
    Zhang, Cisse, Dauphin, Lopez-Paz (2018), "mixup: Beyond Empirical Risk
    Minimization", equation 1, arXiv 1710.09412.
    Chawla, Bowyer, Hall, Kegelmeyer (2002), "SMOTE: Synthetic Minority Over-sampling
    Technique", arXiv 1106.1813. SMOTE draws the share evenly from 0 to 1; here it
    comes from a Beta distribution and is at least 0.5, so a new row stays on its
    anchor's side.
    Jahin, Abid, Mridha (2025), "Quantum-Informed Contrastive Learning with Dynamic
    Mixup Augmentation for Class-Imbalanced Expert Systems", arXiv 2506.13987.
"""

import warnings
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from scipy import sparse
from sklearn.utils._param_validation import Interval

from qclmixnet.augment import draw_lambda, draw_partners, find_neighbours, mix
from qclmixnet.core.errors import DataWarning, MissingExtraError
from qclmixnet.core.seeding import spawn_seeds

try:
    from imblearn.over_sampling.base import BaseOverSampler
except ModuleNotFoundError as error:
    raise MissingExtraError(
        "imbalanced-learn", extra="sampler", purpose="KNNMixupSampler"
    ) from error

__all__ = ["KNNMixupSampler"]

_Sparse = sparse.csr_array | sparse.csc_array | sparse.csr_matrix | sparse.csc_matrix
_Matrix = np.ndarray | _Sparse


class KNNMixupSampler(BaseOverSampler):  # type: ignore[misc]  # untyped library
    """Grow small classes by mixing their rows with near rows of the same class.

    For every row to add, a row of the class is drawn as anchor (all equally likely)
    and mixed with one of its nearest neighbours in the class; the anchor keeps at
    least half. The result holds the given rows first, then the new ones.

    Columns must be numeric, finite and on comparable scales: encode categories and
    scale first. Whole-number and boolean columns stay such, by rounding to the nearest.
    Of a sparse matrix, one class at a time is made dense.

    Resample training rows only. Called before a split or outside cross-validation,
    copies of test rows leak into training; inside ``imblearn.pipeline.Pipeline`` they
    cannot.

    DIFF(paper): inside the network the mixup is dynamic, anchors follow rarity and
    loss. A sampler sees no losses, so it draws anchors evenly.

    Args:
        sampling_strategy: which classes grow and to what size, as in imbalanced-learn:
            ``"auto"`` grows all to the size of the largest; also ``"minority"``,
            ``"not minority"``, ``"all"``, a ratio (two classes only), a dict of class
            to size, or a function of `y` that returns one.
        n_neighbors: neighbours to choose a partner from, fewer in a small class.
        alpha: of the Beta distribution of the anchor's share, above 0; the smaller,
            the closer new rows stay to their anchors.
        random_state: a whole number for a repeatable result.

    Attributes:
        sampling_strategy_: class to number of new rows.
        n_features_in_: columns of `X`.
        feature_names_in_: names of the columns, where `X` has them.

    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [10.0], [11.0]])
    >>> y = np.array(["big", "big", "big", "big", "small", "small"])
    >>> X_more, y_more = KNNMixupSampler(random_state=0).fit_resample(X, y)
    >>> y_more.tolist()[6:]
    ['small', 'small']
    >>> bool(((X_more[6:] >= 10) & (X_more[6:] <= 11)).all())
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        **BaseOverSampler._parameter_constraints,
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        sampling_strategy: object = "auto",
        *,
        n_neighbors: int = 5,
        alpha: float = 0.4,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.n_neighbors = n_neighbors
        self.alpha = alpha
        self.random_state = random_state

    def _check_X_y(  # noqa: N802  # imbalanced-learn's name
        self, X: object, y: object, accept_sparse: list[str] | None = None
    ) -> tuple[_Matrix, np.ndarray, bool]:
        # A frame that also has fractions becomes one float array; without this note
        # its whole-number columns would be cut off, not rounded, on the way back.
        kinds = [getattr(dtype, "kind", "O") for dtype in _column_dtypes(X)]
        whole = np.array([kind in "iub" for kind in kinds], dtype=bool)
        X_checked, y_checked, binarized = super()._check_X_y(X, y, accept_sparse)
        if X_checked.dtype.kind in "iub":
            whole = np.ones(X_checked.shape[1], dtype=bool)
        self._whole_columns = np.flatnonzero(whole)
        return X_checked, y_checked, binarized

    def _fit_resample(self, X: _Matrix, y: np.ndarray) -> tuple[_Matrix, np.ndarray]:
        (seed,) = spawn_seeds(self.random_state, 1)
        generator = torch.Generator().manual_seed(seed)
        grown, origins, single = [], [], []
        for label, n_new in self.sampling_strategy_.items():
            rows = np.flatnonzero(y == label)
            if n_new == 0:
                continue
            if len(rows) == 1:
                single.append(label)
            grown.append(self._grow(_dense(X[rows]), int(n_new), generator))
            origins.append(np.repeat(rows[:1], n_new))
        if single:
            listed = ", ".join(repr(label) for label in np.array(single).tolist())
            warnings.warn(
                f"Class {listed} has a single row, which has no neighbour to mix with "
                "and is repeated as it is.",
                DataWarning,
                stacklevel=5,  # past imbalanced-learn and scikit-learn, at the caller
            )
        if not grown:
            return X.copy(), y.copy()
        new = np.concatenate(grown).astype(X.dtype)
        return _append(X, new), np.concatenate([y, y[np.concatenate(origins)]])

    def _grow(
        self, x: np.ndarray, n_new: int, generator: torch.Generator
    ) -> np.ndarray:
        """Mix ``n_new`` rows from the rows ``x`` of one class, in float64."""
        neighbours = find_neighbours(_compact(x), k=self.n_neighbors)
        anchors = torch.randint(len(x), (n_new,), generator=generator)
        partners = draw_partners(anchors, neighbours, generator)
        lam = draw_lambda(n_new, self.alpha, generator)
        points = torch.from_numpy(x)
        mixed: np.ndarray = mix(points[anchors], points[partners], lam).numpy()
        mixed[:, self._whole_columns] = np.rint(mixed[:, self._whole_columns])
        return mixed


def _column_dtypes(X: object) -> list[object]:
    dtypes = getattr(X, "dtypes", None)
    if dtypes is None:
        return []
    return list(dtypes)


def _dense(x: _Matrix) -> np.ndarray:
    dense = x if isinstance(x, np.ndarray) else x.toarray()
    return dense.astype(np.float64)


def _compact(x: np.ndarray) -> np.ndarray:
    """Shift and scale as a whole to fit float32; who is near whom stays the same."""
    centred = x - x.mean(axis=0)
    largest = float(np.abs(centred).max())
    compact: np.ndarray = (centred / (largest or 1.0)).astype(np.float32)
    return compact


def _append(x: _Matrix, new: np.ndarray) -> _Matrix:
    if isinstance(x, np.ndarray):
        return np.concatenate([x, new])
    stacked: _Sparse = sparse.vstack([x, type(x)(new)], format=x.format)
    return stacked
