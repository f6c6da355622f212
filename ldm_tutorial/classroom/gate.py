"""The number that must hold before the next lesson."""


class GateNotPassedError(Exception):
    """A gate's number is outside its bounds; what follows would build on a broken stage."""


def gate(name, value, at_least=None, at_most=None, unit="", form="{:.2f}", advice="") -> None:
    """Print a number with its threshold, and stop the notebook where it does not hold.

    name: what the number is ("standard deviation of the latents"); give one bound or both. Raises
    GateNotPassedError with `advice` (where to look) when the number is outside, or not a number.
    """
    if at_least is None and at_most is None:
        raise ValueError("a gate needs at_least, at_most or both")
    value = float(value)
    shown = form.format(value) + (f" {unit}" if unit else "")
    bounds = [
        f"at least {at_least:g}" if at_least is not None else "",
        f"at most {at_most:g}" if at_most is not None else "",
    ]
    threshold = " and ".join(bound for bound in bounds if bound)
    low = at_least is None or value >= at_least
    high = at_most is None or value <= at_most
    if not (low and high):  # a NaN fails every comparison, and so the gate
        raise GateNotPassedError(f"{name} is {shown}; it must be {threshold}. {advice}".rstrip())
    print(f"{name}: {shown} (must be {threshold}): gate passed")
