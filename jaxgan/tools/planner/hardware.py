"""The accelerators that can be planned for: peak arithmetic, memory and links, each with its source.

All figures are the vendor's, of one chip, without sparsity; nothing here was measured. Links are per direction: a
vendor's "bidirectional" figure counts both directions and is halved.

Sources, by the letter that ``Hardware.source`` names:
  [G3] cloud.google.com/tpu/docs/v3: 123 TFLOP/s (bf16), 32 GiB, 900 GB/s, two TensorCores, 2D torus.
  [G4] cloud.google.com/tpu/docs/v4: 275 TFLOP/s (bf16 or int8), 32 GiB, 1200 GB/s, 3D torus.
  [G5e] cloud.google.com/tpu/docs/v5e: 197 TFLOP/s (bf16), 393 (int8), 16 GB, 819 GB/s, ICI 400 GB/s both ways.
  [G5p] cloud.google.com/tpu/docs/v5p: 459 TFLOP/s (bf16), 95 GiB, 2765 GB/s, ICI 1200 GB/s both ways.
  [G6e] cloud.google.com/tpu/docs/v6e: 918 TFLOP/s (bf16), 1836 (int8), 32 GB, 1638 GB/s, ICI 800 GB/s both ways.
  [S] J. Austin et al., How to Scale Your Model (jax-ml.github.io/scaling-book), table "ICI BW/link": one way, per link
      v3 1e11, v4 4.5e10, v5p 9e10, v5e 4.5e10, v6e 9e10 bytes/s; v5p int8 918 TOP/s. Google's own pages give no link
      of v3 and v4.
  [NA] NVIDIA A100 datasheet (80 GB SXM): bf16 312, TF32 156, FP32 19.5, int8 624; 2039 GB/s; NVLink 600 GB/s both ways.
  [NH] NVIDIA H100 datasheet and Hopper white paper (SXM5): bf16 989.4, TF32 494.7, FP32 66.9, FP8 and int8 1978.9;
       80 GB, 3.35 TB/s; NVLink 900 GB/s both ways.
  [NH2] NVIDIA H200 datasheet (SXM): arithmetic of the H100; 141 GB, 4.8 TB/s; NVLink 900 GB/s both ways.
  [NB] NVIDIA HGX B200 datasheet, an eighth of the board, dense: bf16 2250, TF32 1125, FP32 75, FP8 and int8 4500;
       180 GB, 7.7 TB/s; NVLink 1800 GB/s both ways.
  [NN] Between machines of eight GPUs, a network card each: 400 Gb/s (docs.nvidia.com/dgx-basepod, core components: DGX
       H100, H200 and B200, eight ConnectX-7), and of the DGX A100's datasheet 200 Gb/s. Clouds have less: 3.2 Tb/s a
       machine of H100 is the most that they offer.
"""

import dataclasses
from collections.abc import Mapping

TERA, GIGA, GIB = 1e12, 1e9, 2**30


@dataclasses.dataclass(frozen=True)
class Hardware:
    """One chip.

    Attributes:
      name: as in ``--topology``.
      family: 'tpu', 'gpu' or 'cpu'.
      peak_flops: FLOP/s by type. On TPU, float32 products run through the bfloat16 units (XLA's default precision),
        and 'f32' says so; on GPU 'f32' is TF32, which XLA uses at its default precision.
      hbm_bytes: main memory.
      hbm_bandwidth: bytes/s.
      link_bandwidth: bytes/s of one link, one way.
      links: links that a collective over all chips can send through at once, one way each (the torus's axes, both
        directions; NVLink to the switch counts as one).
      devices_per_chip: JAX devices; 2 on TPU v3, whose cores are separate.
      machine_chips: chips that the links join; collectives among more go through network cards too. None for a link to
        every chip, as a TPU slice has.
      card_bandwidth: bytes/s of a chip's network card, one way.
      matrix_units: (number, rows, columns) of a chip, where its clock follows from them and the peak; None where not.
      source: letters of the module's list.
    """

    name: str
    family: str
    peak_flops: Mapping[str, float]
    hbm_bytes: float
    hbm_bandwidth: float
    link_bandwidth: float
    links: int
    devices_per_chip: int
    matrix_units: tuple[int, int, int] | None
    source: str
    machine_chips: int | None = None
    card_bandwidth: float = 0.0

    @property
    def clock_hz(self) -> float | None:
        """Cycles per second, from the peak: each cell of a matrix unit does one multiply-add a cycle."""
        if self.matrix_units is None:
            return None
        number, rows, columns = self.matrix_units
        return self.peak_flops["bf16"] / (2 * number * rows * columns)

    def per_device(self) -> "Hardware":
        """The share of a chip that one JAX device has."""
        ways = self.devices_per_chip
        if ways == 1:
            return self
        units = None if self.matrix_units is None else (self.matrix_units[0] // ways, *self.matrix_units[1:])
        return dataclasses.replace(
            self,
            peak_flops={dtype: peak / ways for dtype, peak in self.peak_flops.items()},
            hbm_bytes=self.hbm_bytes / ways,
            hbm_bandwidth=self.hbm_bandwidth / ways,
            link_bandwidth=self.link_bandwidth / ways,
            matrix_units=units,
            devices_per_chip=1,
        )


def _tpu(
    name: str,
    bf16: float,
    int8: float | None,
    hbm: float,
    bandwidth: float,
    link: float,
    links: int,
    units: tuple[int, int, int] | None,
    source: str,
    *,
    devices_per_chip: int = 1,
) -> Hardware:
    # More precise products of float32 are 3 ('high') or 6 ('highest') passes of bfloat16 ones: jax.lax.Precision.
    peak = {"bf16": bf16, "f32": bf16, "f32_high": bf16 / 3, "f32_highest": bf16 / 6}
    peak = {dtype: value * TERA for dtype, value in peak.items()} | ({"int8": int8 * TERA} if int8 else {})
    return Hardware(name, "tpu", peak, hbm * GIB, bandwidth * GIGA, link * GIGA, links, devices_per_chip, units, source)


_GPUS_OF_A_MACHINE = 8


def _gpu(
    name: str, bf16: float, tf32: float, int8: float, fp8: float | None, hbm: float, bandwidth: float, link: float,
    card: float, source: str,
) -> Hardware:  # fmt: skip
    peak = {"bf16": bf16 * TERA, "f16": bf16 * TERA, "f32": tf32 * TERA, "int8": int8 * TERA}
    peak |= {"fp8": fp8 * TERA} if fp8 else {}
    memory = (hbm * GIGA, bandwidth * GIGA)
    return Hardware(name, "gpu", peak, *memory, link * GIGA, 1, 1, None, source, _GPUS_OF_A_MACHINE, card * GIGA)


# "32 GB", "16 GB" and "95 GB" of HBM are GiB on TPU ([G3], [G4], [G5p] say so); NVIDIA's are taken as 10^9 bytes, on
# the safe side.
HARDWARE: Mapping[str, Hardware] = {
    chip.name: chip
    for chip in (
        _tpu("v3", 123, None, 32, 900, 100, 4, (4, 128, 128), "G3, S (links)", devices_per_chip=2),
        _tpu("v4", 275, 275, 32, 1200, 45, 6, (8, 128, 128), "G4, S (links)"),
        _tpu("v5e", 197, 393, 16, 819, 50, 4, (4, 128, 128), "G5e (400 GB/s both ways over 4 links)"),
        _tpu("v5p", 459, 918, 95, 2765, 100, 6, (8, 128, 128), "G5p (1200 GB/s both ways over 6 links), S (int8)"),
        _tpu("v6e", 918, 1836, 32, 1638, 100, 4, None, "G6e (800 GB/s both ways over 4 links)"),
        _gpu("a100", 312, 156, 624, None, 80, 2039, 300, 25, "NA, NN (cards)"),
        _gpu("h100", 989.4, 494.7, 1978.9, 1978.9, 80, 3350, 450, 50, "NH, NN (cards)"),
        _gpu("h200", 989.4, 494.7, 1978.9, 1978.9, 141, 4800, 450, 50, "NH2, NN (cards)"),
        _gpu("b200", 2250, 1125, 4500, 4500, 180, 7700, 900, 50, "NB, NN (cards)"),
    )
}


def hardware(name: str) -> Hardware:
    """The chip called ``name``.

    Raises:
      ValueError: where there is none, with those that there are.
    """
    if name not in HARDWARE:
        raise ValueError(f"no figures for a chip called {name!r}; there are {', '.join(HARDWARE)}")
    return HARDWARE[name]
