"""Exercises of lesson 05, the U-Net and time: the time in `unet_time.py`, the counting in `unet_sizes.py`."""

from ldm_tutorial.classroom.lessons.unet_sizes import channels_exercise, field_exercise, parameters_exercise
from ldm_tutorial.classroom.lessons.unet_time import embedding_exercise, scale_shift_exercise

EXERCISES = (
    embedding_exercise,
    scale_shift_exercise,
    channels_exercise,
    field_exercise,
    parameters_exercise,
)
