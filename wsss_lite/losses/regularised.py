"""Regularised losses: an energy of the soft segmentation itself, which needs no label.

Neighbours of one colour should belong together. The energies are those of Potts and dense CRF
models and of the normalised cut, with probabilities in the place of labels (Tang et al., CVPR and
ECCV 2018). They are computed with the full matrix of all pairs, so on a small grid: 20 x 20
positions are 160,000 pairs, 28 x 28 four times as many.
"""

import torch


def gaussian_kernel(colours, position_std=4.5, colour_std=15.0):
    """(B, h*w, h*w) similarity of all pairs of positions, 0 of a position with itself.

    colours: (B, 3, h, w); exp(-|place - place'|^2 / (2 position_std^2) - |colour - colour'|^2 /
    (2 colour_std^2)), position_std in positions of the grid, colour_std in units of the colours.
    The appearance kernel of the dense CRF, in full.
    """
    h, w = colours.shape[-2:]
    place = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij"))
    place = place.to(colours) / position_std
    place = place.expand(len(colours), 2, h, w)
    x = torch.cat([place, colours / colour_std], 1).flatten(2)  # (B, 5, n)
    half = (x**2).sum(1) / 2
    kernel = x.transpose(1, 2) @ x  # in place from here: it is large
    kernel -= half[:, :, None]
    kernel -= half[:, None]
    kernel.clamp_(max=0).exp_()
    kernel.diagonal(dim1=1, dim2=2).zero_()
    return kernel


def crf_energy(probability, kernel, gate=None):
    """Mean over the positions of the Potts energy sum_ij K_ij p_i . (1 - p_j) / sum_ij K_ij.

    probability: (B, C, h, w) that sums to 1 over C; kernel: (B, n, n), see above. 0 where every
    pair that is alike agrees for certain, 1 - 1/C where all is undecided, so that weights mean the
    same for every picture and size. gate: (B, h, w) in 0..1, which positions feel it (RRM: those
    without a label, and of the others those that are undecided).
    """
    p = probability.flatten(2)
    alike = kernel @ p.transpose(1, 2)  # (B, n, C): how much of each class lies around
    total = kernel.sum(2)
    cost = total - (p.transpose(1, 2) * alike).sum(2)
    if gate is not None:
        cost = cost * gate.flatten(1)
    return (cost.sum(1) / total.sum(1).clamp(min=1e-12)).mean()


def normalised_cut(probability, kernel):
    """Mean over pictures of sum_c p_c K (1 - p_c) / (d . p_c), d_i = sum_j K_ij, divided by C.

    Each class is charged by its own connections, so that a small one is not swallowed. 0..1.
    """
    p = probability.flatten(2)
    degree = kernel.sum(2)
    volume = torch.einsum("bn,bcn->bc", degree, p)
    inner = torch.einsum("bcn,bnm,bcm->bc", p, kernel, p)
    return ((volume - inner) / volume.clamp(min=1e-12)).mean()
