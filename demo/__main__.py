"""Draws the demo catalogue from the command line."""

import argparse
import logging
from pathlib import Path

from demo.catalogue import DEFAULT_PRODUCTS, draw_catalogue
from demo.plan import MIN_PRODUCTS


def main() -> None:
    """Draw a catalogue and print what it holds."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="Draw a small catalogue in Cdiscount's layout.")
    parser.add_argument("--out", type=Path, required=True, help="folder for catalogue.bson and category_names.csv")
    parser.add_argument(
        "--products",
        type=int,
        default=DEFAULT_PRODUCTS,
        help=f"number of products, at least {MIN_PRODUCTS} (default: {DEFAULT_PRODUCTS})",
    )
    parser.add_argument("--seed", type=int, default=0, help="other seed, other catalogue (default: 0)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        result = draw_catalogue(arguments.out, num_products=arguments.products, seed=arguments.seed)
    except ValueError as error:
        parser.error(str(error))
    for name, value in result.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
