"""What a checkpoint's card says about it, on the page."""

from dataclasses import dataclass

from ldm_tutorial.training import find_checkpoint


@dataclass(frozen=True)
class Card:
    """The text of a card; a notebook shows it as a quotation."""

    text: str

    def __repr__(self):
        return self.text

    def _repr_markdown_(self):
        return "\n".join(f"> {line}".rstrip() for line in self.text.splitlines())


def show_card(name: str) -> Card:
    """The card of a checkpoint: data, command, steps, time, hardware, what was measured, limits."""
    card = find_checkpoint(name) / "README.md"
    if not card.exists():
        raise FileNotFoundError(f"the checkpoint {name} has no card (README.md beside its weights)")
    return Card(card.read_text(encoding="utf-8").strip())
