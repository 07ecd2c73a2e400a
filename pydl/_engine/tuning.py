"""Numbers that were measured, each with the command that measures it again; those of C stand in src/_core/tuning.h.

A change of any of them changes no bit of a result. What `Pace` goes by is part of how it works and stands in pace.py.
"""

from __future__ import annotations

from pydl import _core

# Multiply-adds of a step or product by itself, about 40 us, that repay waking a second thread; `python -m bench gemm`.
ALONE = 1 << 20

# Multiply-adds of a step among many: from how many on a second thread pays for the waiting (0 to 30 % less time), and
# how many each further thread should have; `python -m bench threads`.
FOR_TWO, FOR_EACH = 1 << 18, 1 << 19

# Weights of so many times a core's L2 are beyond the caches: between their uses in a step, other things of their size
# pass. `python -m bench steps`, the last two nets.
BEYOND_L2 = 3

# Rows of a batch that gemm_step can take: the sums of more than C packs at a time would have to be stored.
BATCH_BLOCK = _core.BATCH_BLOCK

# Bytes of a step's buffers from which weight gradients are not put off to its end, so that what they read can be given
# up: those from which C uses memory again; `python -m bench memory steps`.
TAIL_FROM = _core.REUSE_FROM

# Bytes of buffers that the predictor may keep for a number of rows, and multiply-adds, about 10 us, for which other
# threads of Python may wait; `python -m bench predict memory`.
KEPT, BRIEF = 1 << 20, 1 << 18
