"""Exercises of lesson 07, Conditioning and cross-attention: each has a file of its own."""

from ldm_tutorial.classroom.lessons.attention_by_hand import attention, attention_exercise
from ldm_tutorial.classroom.lessons.attention_mask import masked_weights, masked_weights_exercise
from ldm_tutorial.classroom.lessons.attention_shapes import shapes_exercise
from ldm_tutorial.classroom.lessons.zero_convolution import zero_gradients_exercise

__all__ = [
    "EXERCISES",
    "attention",
    "attention_exercise",
    "masked_weights",
    "masked_weights_exercise",
    "shapes_exercise",
    "zero_gradients_exercise",
]

EXERCISES = (attention_exercise, shapes_exercise, masked_weights_exercise, zero_gradients_exercise)
