"""cuDNN has two kernels for a recurrent layer, and takes the slower one for some widths.

Its persistent kernel is the fastest up to some 128 units and was seen slow from 129 to 192; packed
sequences are always computed with the standard one. Which is faster is tried on the first batch.
"""

from __future__ import annotations

import torch

from forecast.data.windows import Windows
from forecast.training.device import gathered
from forecast.training.learner import Learner
from forecast.training.sampling import in_order
from forecast.training.step import set_gradient

WARM_UP, TIMED = 2, 5
WORTH = 1.1
"""Packed sequences must be so many times as fast, lest chance decide, and with it the bytes."""


def choose_kernel(learner: Learner, windows: Windows) -> None:
    """Let the model feed packed sequences if that is faster.

    Nothing is tried on the CPU, nor where batch normalisation would remember the trials.
    """
    if learner.device.type != "cuda" or learner.has_batch_norm:
        return
    index = next(in_order(windows, learner.config.batch_size))
    batch = gathered(windows, index, learner.device)
    learner.model.train()
    seconds = {}
    for is_packed in (False, True):
        _pack(learner, is_packed)
        for _ in range(WARM_UP):
            set_gradient(learner, [lambda: batch])
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        for _ in range(TIMED):
            set_gradient(learner, [lambda: batch])
        ended.record()
        ended.synchronize()
        seconds[is_packed] = began.elapsed_time(ended)
    _pack(learner, seconds[False] > WORTH * seconds[True])


def _pack(learner: Learner, is_packed: bool) -> None:
    for model in (learner.model, learner.average):
        if model is not None:
            model.stack.is_packed = is_packed
