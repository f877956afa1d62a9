"""Remember the best epoch, and say when it is time to stop looking."""

import copy

from torch import Tensor, nn

__all__ = ["BestEpoch"]


class BestEpoch:
    """Keep the weights of the epoch with the highest macro-F1.

    Equal scores, which are common when the held-out part is small, are decided by the
    lower log-loss.

    Args:
        patience: epochs without a new best before `exhausted` becomes true.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._key: tuple[float, float] | None = None
        self._state: dict[str, Tensor] | None = None
        self._waited = 0
        self.epoch = 0

    def offer(
        self, model: nn.Module, *, epoch: int, macro_f1: float, log_loss: float
    ) -> bool:
        """Keep ``model``'s weights if this epoch is the best so far.

        Args:
            model: the network after this epoch.
            epoch: counted from 1.
            macro_f1: of the held-out rows; the higher, the better.
            log_loss: of the same; decides between equals, the lower the better.

        Returns:
            Whether it is.
        """
        key = (macro_f1, -log_loss)
        if self._key is not None and key <= self._key:
            self._waited += 1
            return False
        self._key, self._waited, self.epoch = key, 0, epoch
        self._state = copy.deepcopy(model.state_dict())
        return True

    @property
    def exhausted(self) -> bool:
        """Whether the patience is used up."""
        return self._waited >= self._patience

    def restore(self, model: nn.Module) -> None:
        """Give ``model`` the kept weights; without any it is left as it is."""
        if self._state is not None:
            model.load_state_dict(self._state)
