"""The unit of uncompressed sound: 20 ms of 48 kHz mono."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pi_cam.media.opus import BLOCK_SAMPLES

Block = npt.NDArray[np.int16]
"""Shape `(BLOCK_SAMPLES,)`."""

SILENCE: Block = np.zeros(BLOCK_SAMPLES, np.int16)
SILENCE.flags.writeable = False
