"""cuDNN has two kernels for a recurrent layer, and takes the slower one for some widths.

Its persistent kernel is the fastest up to some 128 units and was seen slow from 129 to 192; packed
sequences are always computed with the standard one. Which is faster is tried on the first batch.
"""

from __future__ import annotations
