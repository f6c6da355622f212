"""Every experiment of the course, by name: `ldm recipes` lists them, `ldm train NAME` runs one."""

from ldm_tutorial.recipes import conditioning, first_stages, paper, second_stages
from ldm_tutorial.training import Recipe


def all_recipes() -> dict[str, Recipe]:
    """Every recipe under its name, in the order of the files."""
    values = [
        value for file in (first_stages, second_stages, conditioning, paper) for value in vars(file).values()
    ]
    return {value.name: value for value in values if isinstance(value, Recipe)}
