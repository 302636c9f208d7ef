"""How figures are written for people, in the terminal and on pages."""


def number(value: float) -> str:
    """Thousands separated; a rate with two decimals, where one that is not 0 never looks like it."""
    if not isinstance(value, float):
        return f"{value:,}"
    if value and abs(value) < 0.005:
        return "<0.01" if value > 0 else ">-0.01"
    return f"{value:,.2f}"


def counted(number: int, thing: str) -> str:
    """`1 post`, `2 posts`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
