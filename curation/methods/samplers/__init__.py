"""Samplers choose the items of every epoch: one file per method, one function `schedule`."""
