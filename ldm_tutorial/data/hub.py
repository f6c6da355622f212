"""Image sets of the Hugging Face hub, and what to say when it can't be reached."""

import contextlib

import datasets


@contextlib.contextmanager
def quiet():
    """Without the progress bars of `datasets`, which would be stored in notebooks."""
    were_on = datasets.are_progress_bars_enabled() if hasattr(datasets, "are_progress_bars_enabled") else True
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_on:
            datasets.enable_progress_bars()
