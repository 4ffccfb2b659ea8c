# SPDX-License-Identifier: Apache-2.0
"""Quantities as the API server writes them back: 0.5 -> 500m, 1024Mi -> 1Gi.

Otherwise what is stated would differ for ever from what is there, and be applied again and again.
"""

from fractions import Fraction

DECIMAL = {"m": Fraction(1, 1000), "": Fraction(1), "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9)}
BINARY = {"": Fraction(1), "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30)}
LARGER = {"T": Fraction(10**12), "P": Fraction(10**15)}, {"Ti": Fraction(2**40), "Pi": Fraction(2**50)}


def canonical(quantity: str) -> str:
    """The whole number with the largest unit that loses nothing. The pattern of `Quantity` has been checked."""
    number = quantity.rstrip("mkMGKi")
    unit = quantity[len(number) :]
    value = Fraction(number) * (BINARY | DECIMAL)[unit]
    binary = unit.endswith("i") and value >= 1024
    units = BINARY | LARGER[1] if binary else DECIMAL | LARGER[0]
    fitting = [(size, name) for name, size in units.items() if (value / size).denominator == 1]
    if not value or not fitting:
        return "0" if not value else f"{-(-value // DECIMAL['m'])}m"  # finer than a thousandth is rounded up
    size, name = max(fitting)
    return f"{value / size}{name}"
