"""Exercises of lesson 05, the U-Net and time: `unet_time.py`, `unet_field.py` and `unet_sizes.py`."""

from ldm_tutorial.classroom.lessons.unet_field import field_exercise
from ldm_tutorial.classroom.lessons.unet_sizes import channels_exercise, parameters_exercise
from ldm_tutorial.classroom.lessons.unet_time import embedding_exercise, scale_shift_exercise

EXERCISES = (
    embedding_exercise,
    scale_shift_exercise,
    channels_exercise,
    field_exercise,
    parameters_exercise,
)
