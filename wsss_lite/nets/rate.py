"""The one learning rate of every training here: up for a fifth of the steps, then down."""

from torch.optim.lr_scheduler import OneCycleLR

RISE = 0.2


def one_cycle(optimiser, lr, steps):
    """PyTorch's one-cycle schedule to the peak `lr` over `steps` steps.

    A rise of one step exactly (five steps in all) would have no length, and PyTorch divides by it.
    """
    rise = RISE if RISE * steps != 1 else 2 * RISE
    return OneCycleLR(optimiser, lr, steps, pct_start=rise)
