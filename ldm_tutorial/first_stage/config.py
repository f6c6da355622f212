"""The shape of a first stage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KLConfig:
    """The shape of a KL autoencoder; the defaults are the paper's kl-f4 with four latent channels.

    `attention`: downsampling factors (of the image) at which every residual block is followed by attention.
    `stem`: a factor by which pixels are first folded into channels (space-to-depth), so that no convolution
    runs at full resolution, where most of the time goes; 1 is the paper's network.
    """

    image_channels: int = 3
    latent_channels: int = 4
    channels: int = 128
    channel_mult: tuple[int | float, ...] = (1, 2, 4)
    res_blocks: int = 2
    attention: tuple[int, ...] = ()
    mid_attention: bool = True
    stem: int = 1
    dropout: float = 0.0
    norm_groups: int | None = None

    def __post_init__(self):
        unknown = sorted(set(self.attention) - set(self.factors))
        if unknown:
            raise ValueError(
                f"attention at downsampling factors {unknown}: the levels have factors {self.factors}"
            )

    @property
    def factors(self) -> tuple[int, ...]:
        """The downsampling factor of every level, from fine to coarse."""
        return tuple(self.stem * 2**level for level in range(len(self.channel_mult)))

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of channels of every level, from fine to coarse."""
        return tuple(round(self.channels * mult) for mult in self.channel_mult)

    @property
    def downsampling(self) -> int:
        """f, the factor between the image's sides and the latent's."""
        return self.factors[-1]
