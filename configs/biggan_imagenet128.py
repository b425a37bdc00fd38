"""BigGAN on ImageNet at 128x128, and every row of the paper's scaling table.

Paper: Large Scale GAN Training (arXiv:1809.11096), table 1. Without an argument: its eighth row (batch 2048, ch 96,
  shared embedding, skip-z,
orthogonal regularisation). ``:table1=ROW`` gives row 1 to 9, from the top:

  row  batch  ch  parameters  shared  skip-z  ortho  steps      FID    IS
  1      256  64   81.5 M     no      no      no     1,000,000  18.65  52.52   (the SA-GAN baseline)
  2      512  64   81.5 M     no      no      no     1,000,000  15.30  58.77
  3     1024  64   81.5 M     no      no      no     1,000,000  14.88  63.03
  4     2048  64   81.5 M     no      no      no       732,000  12.39  76.85
  5     2048  96  173.5 M     no      no      no       295,000   9.54  92.98
  6     2048  96  160.6 M     yes     no      no       185,000   9.18  94.94
  7     2048  96  158.3 M     yes     yes     no       152,000   8.73  98.76
  8     2048  96  158.3 M     yes     yes     yes      165,000   8.51  99.31
  9     2048  64   71.3 M     yes     yes     yes      371,000  10.48  86.90

Parameters are of G and D together, without the shared class embedding, which is how the paper's figures come out. z is
128 without skip-z, 120 with it.

Launch: jaxgan train --config=biggan_imagenet128:table1=8 --workdir=gs://BUCKET/row8 --coordinator=auto
Score: jaxgan evaluate --workdir=gs://BUCKET/row8 --metrics=fd,is --features=inception (50,000 against train)
Hardware: the paper used a TPU v3 pod slice of 128 cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.imagenet import at_resolution
from jaxgan.experiment.smoke import shrink
from jaxgan.recipes import biggan

# (batch, ch, shared, skip-z, ortho, steps)
TABLE1 = {
    1: (256, 64, False, False, False, 1_000_000),
    2: (512, 64, False, False, False, 1_000_000),
    3: (1024, 64, False, False, False, 1_000_000),
    4: (2048, 64, False, False, False, 732_000),
    5: (2048, 96, False, False, False, 295_000),
    6: (2048, 96, True, False, False, 185_000),
    7: (2048, 96, True, True, False, 152_000),
    8: (2048, 96, True, True, True, 165_000),
    9: (2048, 64, True, True, True, 371_000),
}


def get_config(arg: str = "") -> ConfigDict:
    row, tiny = 8, False
    for word in filter(None, arg.split(",")):
        key, _, value = word.partition("=")
        if word == "smoke":
            tiny = True
        elif key == "table1" and value.isdigit() and int(value) in TABLE1:
            row = int(value)
        else:
            raise ValueError(
                f"biggan_imagenet128 takes 'smoke' and 'table1=ROW' with ROW from 1 to {len(TABLE1)}, joined by "
                f"a comma; got {word!r}"
            )
    batch, ch, shared, skip_z, ortho, steps = TABLE1[row]
    config = at_resolution(biggan.default_config(), 128, z_dim=120 if skip_z else 128, ch=ch, batch_size=batch)
    config.generator.update(dict(shared_dim=128 if shared else None, skip_z=skip_z))
    config.method.orthogonal_weight = 1e-4 if ortho else 0.0
    config.training.steps = steps
    return shrink(config) if tiny else config
