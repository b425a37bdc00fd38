import json
import math

import numpy as np

from jaxgan.training.strict_json import strict_json


def test_what_is_no_finite_number_is_a_text_that_float_reads():
    record = {"psnr": math.inf, "gap": -math.inf, "list": [math.nan, 1.5], "same": (np.float64(np.inf), 2), "no": None}
    read = json.loads(strict_json(record), parse_constant=lambda name: 1 / 0)
    assert read == {"psnr": "inf", "gap": "-inf", "list": ["nan", 1.5], "same": ["inf", 2], "no": None}
    assert float(read["psnr"]) == math.inf and math.isnan(float(read["list"][0]))
