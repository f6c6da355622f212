"""The shape of a U-Net."""

from dataclasses import dataclass

from ldm_tutorial.nn import fitting_groups


@dataclass(frozen=True)
class UNetConfig:
    """The shape of a denoising U-Net, from small ones for two cores to Stable Diffusion's.

    `attention`: downsampling factors inside the U-Net (1 is the latent's own resolution) at which every
    residual block is followed by attention; the middle has it if `mid_attention`.
    `head_channels`: the width of an attention head; or, where given, `heads`: their number (one for all
    levels, or one for each).
    `norm_groups`: groups of every normalisation; None is 32 as in the paper, fewer in narrow networks: groups
    of one channel would take away what the time has added.
    `context_dim`: the width of the context tokens; None is a network without cross-attention.
    `use_scale_shift_norm`: the time scales and shifts the normalised features (Nichol & Dhariwal 2021) in
    place of being added to them. `resblock_updown`: the resolution changes inside a residual block in place
    of a convolution (Dhariwal & Nichol 2021, section 3).
    `added_dim`: the width of a vector (of a class, a text) that is added to the time's; None is no vector.
    """

    in_channels: int = 4
    out_channels: int = 4
    channels: int = 64
    channel_mult: tuple[int | float, ...] = (1, 2, 4)
    res_blocks: int = 2
    attention: tuple[int, ...] = (2, 4)
    mid_attention: bool = True
    head_channels: int | None = 32
    heads: int | tuple[int, ...] | None = None
    context_dim: int | None = None
    transformer_depth: int = 1
    dropout: float = 0.0
    norm_groups: int | None = None
    use_scale_shift_norm: bool = False
    resblock_updown: bool = False
    added_dim: int | None = None

    def __post_init__(self):
        unknown = sorted(set(self.attention) - set(self.factors))
        if unknown:
            raise ValueError(
                f"attention at downsampling factors {unknown}: the levels have factors {self.factors}"
            )
        if self.heads is None and self.head_channels is None:
            raise ValueError("heads and head_channels are both None; give one of them")
        if isinstance(self.heads, tuple | list) and len(self.heads) != len(self.channel_mult):
            raise ValueError(f"heads {self.heads} must be one number, or one for each of {self.channel_mult}")
        for level, (width, factor) in enumerate(zip(self.widths, self.factors, strict=True)):
            has_attention = factor in self.attention or (self.mid_attention and factor == self.downsampling)
            if has_attention and width % self.heads_at(level):
                raise ValueError(f"{width} channels can't be shared out to {self.heads_at(level)} heads")
        deaf = all(fitting_groups(width, self.norm_groups) == width for width in self.widths)
        if deaf and not self.use_scale_shift_norm:
            raise ValueError(
                f"norm_groups {self.norm_groups} makes groups of one channel at every width "
                f"of {self.widths}, whose normalisation takes away what a residual block adds for the time; "
                "take fewer groups, or use_scale_shift_norm"
            )

    @property
    def factors(self) -> tuple[int, ...]:
        """The downsampling factor of every level, from fine to coarse."""
        return tuple(2**level for level in range(len(self.channel_mult)))

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of channels of every level, from fine to coarse."""
        return tuple(round(self.channels * mult) for mult in self.channel_mult)

    @property
    def downsampling(self) -> int:
        """What the latent's height and width must be multiples of."""
        return self.factors[-1]

    @property
    def time_dim(self) -> int:
        """The width of the timestep's vector."""
        return 4 * self.channels

    def heads_at(self, level: int) -> int:
        """The number of attention heads at a level."""
        if self.heads is None:
            return max(1, self.widths[level] // self.head_channels)
        return self.heads if isinstance(self.heads, int) else self.heads[level]
