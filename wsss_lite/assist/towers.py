"""Inside the image tower of an open_clip model: positions, the last block, attention.

A tower (`tower_of(model.visual)`) takes a normalised (N, 3, H, W) batch whose sides are multiples
of `step`:

    dense(batch)        (N, D, h, w), each position projected into the joint space
    last(batch)         `LastBlock`: activations with gradients, and what follows them
    attention(batch)    (B, N, L, L), each block's attention weights, averaged over heads

`dense` is not of unit length: the mean of a convolutional tower's map is its embedding.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from wsss_lite.errors import InputError


@dataclass(frozen=True)
class LastBlock:
    """What a Grad-CAM of a picture embedding climbs.

    activations: a leaf tensor that asks for gradients. embed: turns it (or a changed copy) into
    (N, D) embeddings of unit length. maps: turns it, or its gradient, into (N, C, h, w).
    """

    activations: torch.Tensor
    embed: Callable
    maps: Callable


def tower_of(visual):
    """The tower for an open_clip `visual`: a ViT, CLIP's own ResNet, or any timm model."""
    kinds = {"VisionTransformer": ViT, "ModifiedResNet": ResNet, "TimmModel": Timm}
    kind = type(visual).__name__
    if kind not in kinds:
        raise InputError(f"The image tower {kind} cannot be read at positions; use a ViT.")
    return kinds[kind](visual)


def leaf(features):
    return features.detach().clone().requires_grad_(True)


class ViT:
    """open_clip's VisionTransformer: a class token, then h x w patches."""

    def __init__(self, visual):
        self.visual, self.blocks = visual, visual.transformer.resblocks
        self.step = visual.patch_size[0]
        if not all(isinstance(b.attn, torch.nn.MultiheadAttention) for b in self.blocks):
            raise InputError("This ViT's attention is not CLIP's own; use ViT-B-16 or the like.")

    def grid(self, batch):
        return batch.shape[-2] // self.step, batch.shape[-1] // self.step

    def tokens(self, batch):
        """(N, 1 + hw, C): what enters the first block, at any size of picture."""
        visual = self.visual
        patches = visual.conv1(batch).flatten(2).transpose(1, 2)  # (N, hw, C)
        first = visual.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
        positions = self.positions(self.grid(batch)).to(patches.dtype)
        return visual.ln_pre(torch.cat((first, patches), 1) + positions)

    def positions(self, grid):
        """(1 + hw, C) positional embedding, resized as open_clip does when it loads weights."""
        stored = self.visual.positional_embedding
        if tuple(grid) == tuple(self.visual.grid_size):
            return stored
        square = stored[1:].unflatten(0, self.visual.grid_size).permute(2, 0, 1)[None]
        resized = F.interpolate(square, grid, mode="bicubic", antialias=True, align_corners=False)
        return torch.cat((stored[:1], resized[0].flatten(1).T))

    def attend(self, block, x):
        """(what leaves the block, its attention weights (N, L, L) averaged over heads)."""
        y = block.ln_1(x)
        out, weights = block.attn(y, y, y, need_weights=True)
        return self.rest(block, x, out), weights

    def rest(self, block, x, out):
        """The block after its attention `out`: residual, then the MLP."""
        x = x + block.ls_1(out)
        return x + block.ls_2(block.mlp(block.ln_2(x)))

    def before_last(self, batch):
        """(N, 1 + hw, C): what enters the last block."""
        x = self.tokens(batch)
        for block in self.blocks[:-1]:
            x = block(x)
        return x

    def head(self, x):
        """(N, L, C) tokens that left the last block, to (N, D)."""
        pooled, _ = self.visual._pool(x)
        return pooled if self.visual.proj is None else pooled @ self.visual.proj

    def dense(self, batch):
        """Each patch through the value path of the last attention, as in MaskCLIP (ECCV 2022).

        The position's own value takes the place of the weighted mean over all positions: the
        last attention gathers the whole picture into every token, which is what blurs maps.
        """
        x, block = self.before_last(batch), self.blocks[-1]
        attn, width = block.attn, x.shape[-1]
        value = F.linear(block.ln_1(x), attn.in_proj_weight, attn.in_proj_bias)[..., 2 * width :]
        x = self.rest(block, x, attn.out_proj(value))[:, 1:]  # (N, hw, C)
        # The head pools over tokens, so it is given the position as class token and as patch.
        one = x.flatten(0, 1)[:, None].expand(-1, 2, -1)
        return self.as_map(self.head(one).unflatten(0, x.shape[:2]), self.grid(batch))

    @staticmethod
    def as_map(x, grid):
        """(N, hw, C) to (N, C, h, w)."""
        return x.transpose(1, 2).unflatten(2, grid)

    def last(self, batch):
        """CLIP-ES (CVPR 2023) takes what enters the last attention, after its layer norm."""
        with torch.no_grad():
            x = self.before_last(batch)
            block = self.blocks[-1]
            normed = block.ln_1(x)

        def embed(a):
            out = block.attn(a, a, a, need_weights=False)[0]
            return F.normalize(self.head(self.rest(block, x, out)), dim=-1)

        return LastBlock(leaf(normed), embed, lambda a: self.as_map(a[:, 1:], self.grid(batch)))

    def attention(self, batch):
        """Row i of a block's (L, L) weights: what token i looks at; token 0 is the class token."""
        x, found = self.tokens(batch), []
        for block in self.blocks:
            x, weights = self.attend(block, x)
            found.append(weights)
        return torch.stack(found)


class Conv:
    """A tower whose last features are a map; subclasses say how to get it and what follows."""

    step = 1

    def final(self, batch):
        """(N, C, h, w)"""
        raise NotImplementedError

    def head(self, features):
        """(N, C, h, w) to (N, D)."""
        raise NotImplementedError

    def at_positions(self, features):
        """(M, C, 1, 1) single positions to (M, D): a picture of one cell, as it were."""
        return self.head(features)

    def dense(self, batch):
        x = self.final(batch)
        cells = x.permute(0, 2, 3, 1).flatten(0, 2)[..., None, None]
        return self.at_positions(cells).unflatten(0, (len(x), *x.shape[2:])).permute(0, 3, 1, 2)

    def last(self, batch):
        with torch.no_grad():
            x = self.final(batch)
        return LastBlock(leaf(x), lambda a: F.normalize(self.head(a), dim=-1), lambda a: a)

    def attention(self, batch):
        raise InputError("This image tower has no attention to read; use a ViT such as ViT-B-16.")


class ResNet(Conv):
    """CLIP's ResNet, which pools by attention: a position passes its value and output layers."""

    def __init__(self, visual):
        self.visual = visual

    def final(self, batch):
        output = self.visual.forward_intermediates(batch, indices=1, intermediates_only=True)
        return output["image_intermediates"][0]

    def head(self, features):
        return self.visual.attnpool(features)

    def at_positions(self, features):
        pool = self.visual.attnpool
        return pool.c_proj(pool.v_proj(features.flatten(1)))


class Timm(Conv):
    """Any timm model: a convolutional map, or the tokens of a ViT without its prefix tokens."""

    def __init__(self, visual):
        self.visual, self.trunk = visual, visual.trunk
        if hasattr(visual.head, "pool"):
            raise InputError("This tower pools with positions of its own; use a ViT or `avg`.")
        if "NHWC" in str(getattr(self.trunk, "output_fmt", "")):
            raise InputError("This tower's map has its channels last; use a ViT or a ResNet.")
        self.prefix = getattr(self.trunk, "num_prefix_tokens", None)  # None: no tokens
        if self.prefix is not None:
            self.step = self.trunk.patch_embed.patch_size[0]

    def final(self, batch):
        """(N, C, h, w), or (N, prefix + hw, C) of a ViT."""
        try:
            return self.trunk.forward_features(batch)
        except AssertionError as error:  # how timm's ViTs refuse a size
            raise InputError(
                f"This image tower takes no {batch.shape[-2]} x {batch.shape[-1]} pixels "
                f"({str(error).rstrip('.')}); leave out the size."
            ) from error

    def head(self, features):
        return self.visual.head(self.trunk.forward_head(features))

    def as_map(self, tokens, batch):
        grid = (batch.shape[-2] // self.step, batch.shape[-1] // self.step)
        return ViT.as_map(tokens, grid)

    def dense(self, batch):
        if self.prefix is None:
            return super().dense(batch)
        x = self.final(batch)[:, self.prefix :]  # (N, hw, C)
        # The head pools over tokens, so it is given the position in place of each.
        one = x.flatten(0, 1)[:, None].expand(-1, self.prefix + 1, -1)
        return self.as_map(self.head(one).unflatten(0, x.shape[:2]), batch)

    def last(self, batch):
        found = super().last(batch)
        if self.prefix is None:
            return found
        maps = lambda a: self.as_map(a[:, self.prefix :], batch)  # noqa: E731
        return LastBlock(found.activations, found.embed, maps)
